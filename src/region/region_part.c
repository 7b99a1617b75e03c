/* The table of parts: see region_part.h. */
#include "src/region/region_part.h"

#include "src/region/config_watch.h"
#include "src/region/dhcp_blocks.h"
#include "src/region/endpoint_certificate.h"
#include "src/region/image_work.h"
#include "src/region/known_members.h"
#include "src/region/power_watch.h"
#include "src/region/rack_links.h"
#include "src/region/rack_seen.h"
#include "src/region/region_health.h"
#include "src/region/region_members.h"
#include "src/region/region_node.h"
#include "src/region/region_operations.h"
#include "src/region/region_racks.h"
#include "src/region/revoked_list.h"

const struct region_part region_parts[] = {
    {.name = "health", .look = NULL, .metrics = region_health_metrics},
    {.name = "racks",
     .start = region_racks_start,
     .look = region_racks_look,
     .primary = region_racks_primary,
     .status = rack_seen_status,
     .metrics = rack_links_metrics},
    {.name = "members", .look = region_members_look},
    {.name = "known members", .look = known_members_look},
    {.name = "revoked", .look = revoked_list_look},
    {.name = "endpoint", .look = endpoint_certificate_look},
    {.name = "own node", .look = region_node_look, .primary = region_node_primary},
    {.name = "dhcp blocks", .start = dhcp_blocks_start, .look = dhcp_blocks_look},
    {.name = "operations",
     .start = region_operations_start,
     .look = region_operations_look,
     .primary = region_operations_primary},
    {.name = "power watch",
     .start = power_watch_start,
     .look = power_watch_look_at,
     .primary = power_watch_primary,
     .metrics = power_watch_metrics},
    {.name = "config watch", .start = config_watch_start, .primary = config_watch_primary},
    {.name = "images",
     .start = image_work_start,
     .look = image_work_look,
     .primary = image_work_primary},
};
const int region_parts_count = (int)(sizeof(region_parts) / sizeof(region_parts[0]));
