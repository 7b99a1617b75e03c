/*
 * What a rack serves: one row each in rack_part.c. Functions that a part does not need are NULL.
 * All run on the loop's thread and must not block; a part keeps what it has in its own file.
 */
#pragma once

#include "src/base/spool.h"
#include "src/rack/rack.h"

struct rack_part {
    const char *name;
    /** Once: settings, fence, regions and interfaces are there, no region is linked yet. Here calls
     * of regions are taken on with region_link_serve and region_link_hear. */
    enum error_code (*start)(struct rack *rack, struct error *err);
    /** rack->interfaces changed: links, addresses, up or down. */
    void (*interfaces)(struct rack *rack);
    /** A region was linked: ask for what may have changed meanwhile. */
    void (*linked)(struct rack *rack);
    /** The program ends within a second. */
    void (*stop)(struct rack *rack);
    /** Add to /metrics. */
    void (*metrics)(struct rack *rack, struct spool *spool);
};

extern const struct rack_part rack_parts[];
extern const int rack_parts_count;
