/* The table of parts: see rack_part.h. */
#include "src/rack/rack_part.h"

#include "src/rack/boot_part.h"
#include "src/rack/dhcp_part.h"
#include "src/rack/power.h"
#include "src/rack/rack_health.h"

static void write_links(struct rack *rack, struct spool *spool)
{
    region_link_metrics(rack->regions, spool);
}

const struct rack_part rack_parts[] = {
    {.name = "health", .start = rack_health_start},
    {.name = "links", .metrics = write_links},
    {.name = "power", .start = power_start, .metrics = power_metrics},
    {.name = "dhcp",
     .start = dhcp_part_start,
     .interfaces = dhcp_part_interfaces,
     .linked = dhcp_part_linked,
     .stop = dhcp_part_stop,
     .metrics = dhcp_part_metrics},
    {.name = "boot",
     .start = boot_part_start,
     .interfaces = boot_part_interfaces,
     .linked = boot_part_linked,
     .stop = boot_part_stop,
     .metrics = boot_part_metrics},
};
const int rack_parts_count = (int)(sizeof(rack_parts) / sizeof(rack_parts[0]));
