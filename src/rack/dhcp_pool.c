/* Which address a client gets: see dhcp_pool.h. */
#include "src/rack/dhcp_pool.h"

/* The range an address is in; -1 = in none. */
static int range_of(const struct dhcp_network *network, ip4 address)
{
    for (int i = 0; i < network->range_count; i++)
        if (address >= network->range[i].first && address <= network->range[i].last)
            return i;
    return -1;
}

/* Of what is held back only a lease that its machine has goes on. */
static bool is_held_from(const struct dhcp_question *question, const struct dhcp_network *network,
                         ip4 address)
{
    const struct dhcp_wait *wait = dhcp_config_held(network, address);
    const struct dhcp_lease *lease = dhcp_leases_at(question->leases, address);
    if (!wait)
        return false;
    return !wait->has_mac || !mac_equal(wait->mac, question->packet->mac) || !lease ||
           lease->kind == DHCP_LEASE_DECLINED || !mac_equal(lease->mac, wait->mac) ||
           dhcp_lease_is_free(lease, question->now_s);
}

bool dhcp_pool_allows(const struct dhcp_question *question, const struct dhcp_place *place,
                      ip4 address)
{
    const struct dhcp_network *network = place->network;
    const struct dhcp_host *host = dhcp_config_host_at(network, address);
    if (address == network->gateway)
        return false;
    for (int i = 0; i < question->places; i++)
        if (address == question->place[i].rack)
            return false;
    if (host)
        return mac_equal(host->mac, question->packet->mac);
    return range_of(network, address) >= 0 && !is_held_from(question, network, address) &&
           dhcp_blocks_own(question->blocks, address, question->now_s);
}

bool dhcp_pool_is_dynamic(const struct dhcp_place *place, ip4 address)
{
    return range_of(place->network, address) >= 0 && !dhcp_config_host_at(place->network, address);
}

uint64_t dhcp_pool_lent_until(const struct dhcp_question *question, const struct dhcp_place *place,
                              ip4 address)
{
    const struct dhcp_lease *lease = dhcp_leases_at(question->partner, address);
    if (!lease || !mac_equal(lease->mac, question->packet->mac) ||
        !dhcp_pool_is_dynamic(place, address) || address == place->network->gateway ||
        dhcp_config_held(place->network, address) ||
        dhcp_blocks_own(question->blocks, address, question->now_s))
        return 0;
    return lease->expires_s + lease->duration_s / 4;
}

bool dhcp_pool_is_taken(const struct dhcp_question *question, ip4 address)
{
    const struct dhcp_lease *lease = dhcp_leases_at(question->leases, address);
    return lease && !dhcp_lease_is_free(lease, question->now_s) &&
           (lease->kind == DHCP_LEASE_DECLINED || !mac_equal(lease->mac, question->packet->mac));
}

static bool may_have(const struct dhcp_question *question, const struct dhcp_place *place,
                     ip4 address)
{
    return dhcp_pool_allows(question, place, address) && !dhcp_pool_is_taken(question, address);
}

/* The neighbour of an address in the ranges, round and round. The second rack goes downwards: as
 * long as there is room the two do not meet. */
static ip4 step(const struct dhcp_network *network, ip4 address)
{
    int count = network->range_count, i = range_of(network, address);
    if (network->primary) {
        if (i >= 0 && address < network->range[i].last)
            return address + 1;
        return network->range[(i + 1) % count].first;
    }
    if (i >= 0 && address > network->range[i].first)
        return address - 1;
    return network->range[i <= 0 ? count - 1 : i - 1].last;
}

/* The last address of the same block and range in the direction of step; *tried counts those that
 * are left out. */
static ip4 edge(const struct dhcp_network *network, ip4 address, uint64_t *tried)
{
    const struct dhcp_range *range = &network->range[range_of(network, address)];
    ip4 low = address / DHCP_BLOCK_SIZE * DHCP_BLOCK_SIZE, high = low + DHCP_BLOCK_SIZE - 1;
    low = low < range->first ? range->first : low;
    high = high > range->last ? range->last : high;
    *tried += network->primary ? high - address : address - low;
    return network->primary ? high : low;
}

static ip4 search(const struct dhcp_question *question, const struct dhcp_place *place)
{
    const struct dhcp_network *network = place->network;
    struct dhcp_pool *pool = place->pool;
    uint64_t total = 0, soonest_s = UINT64_MAX;
    if (question->now_s < pool->full_until_s)
        return 0;
    for (int i = 0; i < network->range_count; i++)
        total += (uint64_t)network->range[i].last - network->range[i].first + 1;
    ip4 address = pool->cursor;
    for (uint64_t tried = 0; tried < total; tried++) {
        address = step(network, address);
        if (!dhcp_blocks_own(question->blocks, address, question->now_s)) {
            address = edge(network, address, &tried);
            continue;
        }
        if (may_have(question, place, address)) {
            pool->cursor = address;
            return address;
        }
        const struct dhcp_lease *lease = dhcp_leases_at(question->leases, address);
        if (lease && lease->expires_s < soonest_s) /* without its slack: rather look too often */
            soonest_s = lease->expires_s;
    }
    pool->full_until_s = soonest_s > question->now_s ? soonest_s : question->now_s + 1;
    return 0;
}

int dhcp_pool_count_free(const struct dhcp_question *question, const struct dhcp_place *place,
                         int most)
{
    const struct dhcp_blocks *blocks = question->blocks;
    const struct dhcp_network *network = place->network;
    int free = 0;
    for (int i = 0; i < blocks->count && free < most; i++) {
        ip4 first = blocks->number[i] * DHCP_BLOCK_SIZE;
        if (!ip4_net_contains(network->net, first) &&
            !ip4_net_contains(network->net, first + DHCP_BLOCK_SIZE - 1))
            continue;
        for (ip4 k = 0; k < DHCP_BLOCK_SIZE && free < most; k++) {
            const struct dhcp_lease *lease = dhcp_leases_at(question->leases, first + k);
            free += range_of(network, first + k) >= 0 &&
                    dhcp_pool_allows(question, place, first + k) &&
                    (!lease || dhcp_lease_is_free(lease, question->now_s));
        }
    }
    return free;
}

ip4 dhcp_pool_choose(const struct dhcp_question *question, const struct dhcp_place *place)
{
    const struct dhcp_packet *packet = question->packet;
    const struct dhcp_host *host = dhcp_config_host(place->network, packet->mac);
    const struct dhcp_lease *lease =
        dhcp_leases_of(question->leases, packet->mac, place->network->net);
    ip4 wanted = dhcp_packet_u32(packet, DHCP_OPTION_ADDRESS);
    if (host && may_have(question, place, host->address))
        return host->address;
    if (lease && may_have(question, place, lease->address))
        return lease->address;
    const struct dhcp_lease *lent =
        dhcp_leases_of(question->partner, packet->mac, place->network->net);
    if (lent && dhcp_pool_lent_until(question, place, lent->address) >=
                    question->now_s + DHCP_LEASE_LEAST_S)
        return lent->address;
    if (wanted && ip4_net_contains(place->network->net, wanted) &&
        may_have(question, place, wanted))
        return wanted;
    return place->network->range_count ? search(question, place) : 0;
}
