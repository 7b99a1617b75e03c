/*
 * Blocks that a rack has no use for: empty, and in no range or more than is to be free ahead. Pure;
 * one thread at a time. Rules: docs/dhcp.md.
 */
#pragma once

#include "src/rack/dhcp_block.h"
#include "src/rack/dhcp_config.h"
#include "src/rack/dhcp_lease.h"

struct dhcp_spare {
    const struct dhcp_config *config;
    const struct dhcp_leases *leases; /* offers included */
    const int *wish; /* addresses that are to be free ahead, one for each network */
    uint64_t now_s;
};

/** Move such blocks from blocks to back (which is empty). A block stays as long as one address of
 * it is in use or was within a quarter of its lease, and as one more than is to be ahead. */
void dhcp_spare_take(const struct dhcp_spare *spare, struct dhcp_blocks *blocks,
                     struct dhcp_blocks *back);
