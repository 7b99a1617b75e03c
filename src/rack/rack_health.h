/* What the rack's health listener answers: /livez, /readyz, /metrics. Loop thread. */
#pragma once

#include "src/base/spool.h"
#include "src/rack/rack.h"

/** A part of the rack: see rack_part.h. Errors: CONFLICT (port in use), BAD_INPUT, IO. */
enum error_code rack_health_start(struct rack *rack, struct error *err);
