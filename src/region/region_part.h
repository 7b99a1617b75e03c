/*
 * What a member of a cluster runs beside consensus, database and API: one row each in
 * region_part.c. Functions that a part does not need are NULL.
 */
#pragma once

#include <jansson.h>

#include "src/region/region.h"

struct region_part {
    const char *name;
    /** Loop: once, when this region is a member and its http is there. */
    enum error_code (*start)(struct region *region, struct error *err);
    /** Loop: the facts changed, or time passed (ten times a second). Must not block. */
    void (*look)(struct region *region, const struct cluster_view *view);
    /** Loop: the primary's clients may connect by conninfo, its schema is ready; NULL = none. */
    void (*primary)(struct region *region, const char *conninfo, uint64_t epoch);
    /** Any thread: add to the object that `gantry status` shows. */
    void (*status)(json_t *status);
    /** Loop: add to /metrics. */
    void (*metrics)(struct spool *spool);
};

extern const struct region_part region_parts[];
extern const int region_parts_count;
