/*
 * The orderly end of the program: what this region holds for the cluster goes to others first, as
 * far as they are there, then what it is being asked is answered. Loop thread.
 */
#pragma once

#include "src/region/region.h"

enum {
    REGION_STOP_HAND_OVER_MS = 3000, /* at most; gantry-fenced waits a little longer */
    REGION_STOP_ALONE_MS = 1000,     /* without a leader */
    REGION_STOP_QUIET_MS = 300,      /* the others' HAProxies see that they shall ask elsewhere */
};

/** Begin, or, called again, wait for others no more. Ends in the end of the program. */
void region_stop(struct region *region);

/** The facts changed, or time passed. */
void region_stop_look(struct region *region, const struct cluster_view *view);
