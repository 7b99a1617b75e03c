/* What must be so before a cluster is made here; nothing is changed by looking. Blocking. */
#pragma once

#include "src/region/region.h"

/**
 * Programs, room on disk, the own address, ports, interface and virtual IP (asked on the wire).
 * Errors: NOT_FOUND, LIMIT, CONFLICT, BAD_INPUT, each with what to do.
 */
enum error_code preflight_check(struct region *region, struct error *err);
