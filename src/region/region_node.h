/*
 * This region as a node of the database: written whenever its API opens on a primary, and when its
 * interfaces change. A part of the region (region_part.h); loop thread.
 */
#pragma once

#include "src/region/region.h"

void region_node_look(struct region *region, const struct cluster_view *view);
void region_node_primary(struct region *region, const char *conninfo, uint64_t epoch);
