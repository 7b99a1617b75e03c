/* Blocks that a rack has no use for: see dhcp_spare.h. */
#include "src/rack/dhcp_spare.h"

enum { NETWORK_NONE = -1, NETWORK_SEVERAL = -2 };

static bool is_in_ranges(const struct dhcp_network *network, ip4 address)
{
    for (int i = 0; i < network->range_count; i++)
        if (address >= network->range[i].first && address <= network->range[i].last)
            return true;
    return false;
}

/* The network whose ranges have addresses of the block. */
static int network_of(const struct dhcp_spare *spare, uint32_t number)
{
    ip4 first = number * DHCP_BLOCK_SIZE, last = first + (DHCP_BLOCK_SIZE - 1);
    int found = NETWORK_NONE;
    for (int i = 0; i < spare->config->count; i++) {
        const struct dhcp_network *network = &spare->config->network[i];
        for (int k = 0; k < network->range_count; k++)
            if (network->range[k].first <= last && network->range[k].last >= first)
                found = found == NETWORK_NONE || found == i ? i : NETWORK_SEVERAL;
    }
    return found;
}

static bool is_in_use(const struct dhcp_spare *spare, ip4 address)
{
    const struct dhcp_lease *lease = dhcp_leases_at(spare->leases, address);
    return lease && !dhcp_lease_is_free(lease, spare->now_s);
}

static bool is_empty(const struct dhcp_spare *spare, uint32_t number)
{
    for (ip4 i = 0; i < DHCP_BLOCK_SIZE; i++)
        if (is_in_use(spare, number * DHCP_BLOCK_SIZE + i))
            return false;
    return true;
}

/* Addresses of the block that its network could give now. */
static int count_free(const struct dhcp_spare *spare, int i, uint32_t number)
{
    const struct dhcp_network *network = &spare->config->network[i];
    int free = 0;
    for (ip4 k = 0; k < DHCP_BLOCK_SIZE; k++) {
        ip4 address = number * DHCP_BLOCK_SIZE + k;
        free += is_in_ranges(network, address) && !dhcp_config_host_at(network, address) &&
                !dhcp_config_held(network, address) && address != network->gateway &&
                !is_in_use(spare, address);
    }
    return free;
}

void dhcp_spare_take(const struct dhcp_spare *spare, struct dhcp_blocks *blocks,
                     struct dhcp_blocks *back)
{
    static int left[DHCP_CONFIG_NETWORKS]; /* free addresses; one thread at a time */
    int kept = 0;
    for (int i = 0; i < spare->config->count; i++)
        left[i] = 0;
    for (int k = 0; k < blocks->count; k++) {
        int i = network_of(spare, blocks->number[k]);
        if (i >= 0)
            left[i] += count_free(spare, i, blocks->number[k]);
    }
    for (int k = 0; k < blocks->count; k++) {
        uint32_t number = blocks->number[k];
        int i = network_of(spare, number);
        int free = i >= 0 ? count_free(spare, i, number) : 0;
        bool enough =
            i == NETWORK_NONE || (i >= 0 && left[i] - free >= spare->wish[i] + DHCP_BLOCK_SIZE);
        if (!enough || !is_empty(spare, number)) {
            blocks->number[kept++] = number;
            continue;
        }
        if (i >= 0)
            left[i] -= free;
        back->number[back->count++] = number;
    }
    blocks->count = kept;
}
