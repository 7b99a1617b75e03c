/* The links of racks as a part of the region: a row of region_part.c. Loop thread. */
#pragma once

#include "src/region/region.h"

/** Listen for racks. Errors: IO (port in use). */
enum error_code region_racks_start(struct region *region, struct error *err);

/** As region_part.h says. */
void region_racks_look(struct region *region, const struct cluster_view *view);
void region_racks_primary(struct region *region, const char *conninfo, uint64_t epoch);
