/*
 * Looks at the power of all machines now and then: the leader's duty, done by racks, some looks at
 * a time (power_schedule.h). One thread with a connection of its own. A part of the region
 * (region_part.h).
 */
#pragma once

#include "src/base/spool.h"
#include "src/region/region.h"

/** Loop: once. */
enum error_code power_watch_start(struct region *region, struct error *err);

/** Loop: does this member lead? */
void power_watch_look_at(struct region *region, const struct cluster_view *view);

/** Loop: where the database is now. */
void power_watch_primary(struct region *region, const char *conninfo, uint64_t epoch);

/** Loop: add to /metrics. */
void power_watch_metrics(struct spool *spool);
