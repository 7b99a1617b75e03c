/*
 * DHCP blocks for racks: the part of a region that answers the call dhcp_blocks and frees what
 * racks that are gone had. Rules: docs/ha.md; decisions: ha/block_decide.h.
 */
#pragma once

#include "src/region/region.h"

/** Loop: once. */
enum error_code dhcp_blocks_start(struct region *region, struct error *err);

/** Loop: as region_part.h says; the leader proposes what is due. */
void dhcp_blocks_look(struct region *region, const struct cluster_view *view);
