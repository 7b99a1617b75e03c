/*
 * The blocks of 16 addresses that this rack may give from, and until when. Time is that of
 * dhcp_term.h. Pure; one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/address.h"

enum { DHCP_BLOCK_SIZE = 16, DHCP_BLOCKS_MOST = 8192 };

struct dhcp_blocks {
    uint64_t until_s; /* no lease from them ends later */
    int count;
    uint32_t number[DHCP_BLOCKS_MOST]; /* address / 16, ascending */
};

/** Is the address in one of them, with time left for a lease. */
bool dhcp_blocks_own(const struct dhcp_blocks *blocks, ip4 address, uint64_t now_s);

/** Add count blocks from number on; runs come in ascending order. False: they do not, or there are
 * too many; what was added stays. */
bool dhcp_blocks_add(struct dhcp_blocks *blocks, uint32_t number, uint32_t count);
