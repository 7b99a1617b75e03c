/* What gantry-fenced may do after its start: only the capabilities it needs. */
#pragma once

#include "src/base/error.h"

/** Errors: FORBIDDEN, with the names of those that are missing and how to get them. */
enum error_code rights_check(struct error *err);

/** Keep only what is needed, for this process and all it starts. Before any child. */
enum error_code rights_drop(struct error *err);
