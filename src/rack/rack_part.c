/* The table of parts: see rack_part.h. */
#include "src/rack/rack_part.h"

static void write_links(struct rack *rack, struct spool *spool)
{
    region_link_metrics(rack->regions, spool);
}

const struct rack_part rack_parts[] = {
    {.name = "links", .metrics = write_links},
};
const int rack_parts_count = (int)(sizeof(rack_parts) / sizeof(rack_parts[0]));
