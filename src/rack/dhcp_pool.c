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
    return range_of(network, address) >= 0;
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
    if (wanted && ip4_net_contains(place->network->net, wanted) &&
        may_have(question, place, wanted))
        return wanted;
    return place->network->range_count ? search(question, place) : 0;
}
