/* Work on machines as a part of the region: operation_worker.h. Loop thread. */
#pragma once

#include "src/region/region_part.h"

/** The functions of region_part.h. */
enum error_code region_operations_start(struct region *region, struct error *err);
void region_operations_look(struct region *region, const struct cluster_view *view);
void region_operations_primary(struct region *region, const char *conninfo, uint64_t epoch);
