/* The blocks that this rack may give from: see dhcp_block.h. */
#include "src/rack/dhcp_block.h"

#include "src/rack/dhcp_config.h"

bool dhcp_blocks_own(const struct dhcp_blocks *blocks, ip4 address, uint64_t now_s)
{
    uint32_t number = address / DHCP_BLOCK_SIZE;
    int low = 0, high = blocks->count;
    if (now_s + DHCP_LEASE_LEAST_S > blocks->until_s)
        return false;
    while (low < high) {
        int middle = (low + high) / 2;
        if (blocks->number[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < blocks->count && blocks->number[low] == number;
}

bool dhcp_blocks_add(struct dhcp_blocks *blocks, uint32_t number, uint32_t count)
{
    if (count > DHCP_BLOCKS_MOST || blocks->count + (int)count > DHCP_BLOCKS_MOST ||
        number > UINT32_MAX / DHCP_BLOCK_SIZE - count + (count > 0) ||
        (blocks->count && number <= blocks->number[blocks->count - 1]))
        return false;
    for (uint32_t i = 0; i < count; i++)
        blocks->number[blocks->count++] = number + i;
    return true;
}
