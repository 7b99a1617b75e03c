/* What the database knows of a rack that its link wants to know. Threads of the pool. */
#pragma once

#include "src/region/rack_call.h"

/** Rows of our own for rack_pool.h: result {"vlans": [5001, ...]}, those its interfaces are on. */
extern const struct rack_call_row rack_store_vlans_row;
