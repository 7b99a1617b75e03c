/*
 * This region's keeper of images: brings the bytes that are in use and that other regions have,
 * throws away what is not in use, and on the leader imports. One thread with a connection of its
 * own; looks again when the database notifies, and now and then. A part of the region
 * (region_part.h).
 */
#pragma once

#include "src/region/region.h"

/** Loop: once. */
enum error_code image_work_start(struct region *region, struct error *err);

/** Loop: does this member lead, who are the others. */
void image_work_look(struct region *region, const struct cluster_view *view);

/** Loop: where the database is now. */
void image_work_primary(struct region *region, const char *conninfo, uint64_t epoch);
