/* What the rack answers to a DHCP message: see dhcp_decide.h. Section numbers are RFC 2131's. */
#include "src/rack/dhcp_decide.h"

#include <ctype.h>
#include <string.h>

#include "src/rack/dhcp_pool.h"

static const struct {
    const char *counter, *text;
} reasons[DHCP_REASON_COUNT] = {
#define X(name, counter, text) {counter, text},
    DHCP_REASONS(X)
#undef X
};

const char *dhcp_reason_counter(enum dhcp_reason reason)
{
    return reasons[reason].counter;
}

const char *dhcp_reason_text(enum dhcp_reason reason)
{
    return reasons[reason].text;
}

bool dhcp_seen_before(struct dhcp_seen *seen, const struct dhcp_packet *packet)
{
    const uint8_t *b = packet->mac.bytes;
    unsigned slot = (unsigned)(b[5] | b[4] << 8 | b[3] << 16) * 2654435761u >> 16 & (DHCP_SEEN - 1);
    bool before =
        seen->slot[slot].xid == packet->xid && mac_equal(seen->slot[slot].mac, packet->mac);
    seen->slot[slot].mac = packet->mac;
    seen->slot[slot].xid = packet->xid;
    return before;
}

/* A host name the client gives goes into DNS and logs: what is none is left out. */
static void take_hostname(const struct dhcp_packet *packet, char name[LIMIT_NAME])
{
    size_t size;
    const uint8_t *value = dhcp_packet_option(packet, DHCP_OPTION_HOSTNAME, &size);
    while (size && value[size - 1] == '\0')
        size--;
    if (!value || !size || size >= LIMIT_NAME || value[0] == '-' || value[size - 1] == '-')
        return;
    for (size_t i = 0; i < size; i++)
        if (!isalnum(value[i]) && value[i] != '-')
            return;
    memcpy(name, value, size);
    name[size] = '\0';
}

static uint32_t lease_time(const struct dhcp_question *question, const struct dhcp_network *network)
{
    size_t size;
    const uint8_t *class = dhcp_packet_option(question->packet, DHCP_OPTION_VENDOR_CLASS, &size);
    uint32_t wish = dhcp_packet_u32(question->packet, DHCP_OPTION_LEASE);
    uint32_t most = network->lease_s;
    if (class && size >= 3 && !memcmp(class, "PXE", 3))
        most = DHCP_PXE_LEASE_S;
    if (!wish || wish > most)
        return most;
    return wish < DHCP_LEASE_LEAST_S ? DHCP_LEASE_LEAST_S : wish;
}

static const struct dhcp_place *place_of(const struct dhcp_question *question, ip4 address)
{
    for (int i = 0; i < question->places; i++)
        if (ip4_net_contains(question->place[i].network->net, address))
            return &question->place[i];
    return NULL;
}

static bool is_server_ours(const struct dhcp_question *question, ip4 chosen)
{
    for (int i = 0; i < question->places; i++)
        if (question->place[i].rack == chosen)
            return true;
    return false;
}

/* The client has it of another rack and may keep it for a while. */
static bool is_lent(const struct dhcp_question *question, const struct dhcp_place *place,
                    ip4 address)
{
    return dhcp_pool_lent_until(question, place, address) > question->now_s;
}

static void answer(const struct dhcp_question *question, const struct dhcp_place *place,
                   ip4 address, uint8_t reply, struct dhcp_verdict *verdict)
{
    const struct dhcp_host *host = dhcp_config_host(place->network, question->packet->mac);
    verdict->reason = DHCP_ANSWERED;
    verdict->reply = reply;
    verdict->place = place;
    verdict->address = address;
    verdict->lent = is_lent(question, place, address);
    verdict->lease_s = lease_time(question, place->network);
    verdict->host = host && host->address == address ? host : NULL;
    uint64_t until_s = question->config_until_s, own_s = UINT64_MAX;
    if (dhcp_pool_is_dynamic(place, address))
        own_s = verdict->lent ? dhcp_pool_lent_until(question, place, address)
                              : question->blocks->until_s;
    until_s = own_s < until_s ? own_s : until_s;
    if (address && question->now_s + verdict->lease_s > until_s)
        verdict->lease_s = (uint32_t)(until_s - question->now_s);
}

static void change_lease(const struct dhcp_question *question, ip4 address,
                         enum dhcp_lease_kind kind, uint32_t duration_s,
                         struct dhcp_verdict *verdict)
{
    verdict->change = true;
    verdict->lease = (struct dhcp_lease){.address = address,
                                         .mac = question->packet->mac,
                                         .kind = (uint8_t)kind,
                                         .duration_s = duration_s,
                                         .expires_s = question->now_s + duration_s};
    take_hostname(question->packet, verdict->lease.hostname);
}

static void refuse(const struct dhcp_question *question, enum dhcp_reason reason,
                   struct dhcp_verdict *verdict)
{
    verdict->reason = reason;
    verdict->reply = DHCP_NAK;
    verdict->place = &question->place[0];
}

/* Of the networks on the wire: where the client is known, else the first with a free address. */
static const struct dhcp_place *choose_place(const struct dhcp_question *question, ip4 *address)
{
    const struct mac mac = question->packet->mac;
    for (int known = 1; known >= 0; known--)
        for (int i = 0; i < question->places; i++) {
            const struct dhcp_place *place = &question->place[i];
            if (known && !dhcp_config_host(place->network, mac) &&
                !dhcp_leases_of(question->leases, mac, place->network->net) &&
                !dhcp_leases_of(question->partner, mac, place->network->net))
                continue;
            *address = dhcp_pool_choose(question, place);
            if (*address)
                return place;
        }
    return NULL;
}

/* 4.3.1 */
static void decide_discover(const struct dhcp_question *question, struct dhcp_verdict *verdict)
{
    ip4 address = 0;
    if (!question->place[0].network->primary && !question->place[0].pool->alone &&
        !question->repeated && question->packet->secs < DHCP_SECOND_RACK_S) {
        verdict->reason = DHCP_WAITS;
        return;
    }
    const struct dhcp_place *place = choose_place(question, &address);
    if (!place) {
        verdict->reason = DHCP_EXHAUSTED;
        return;
    }
    answer(question, place, address, DHCP_OFFER, verdict);
    /* What stands there for this client already keeps the address for longer than an offer. */
    const struct dhcp_lease *lease = dhcp_leases_at(question->leases, address);
    bool kept = lease && lease->kind != DHCP_LEASE_OFFERED &&
                !dhcp_lease_is_free(lease, question->now_s + DHCP_OFFER_S);
    if (!verdict->host && !verdict->lent && !kept)
        change_lease(question, address, DHCP_LEASE_OFFERED, DHCP_OFFER_S, verdict);
}

/* The client took another server's offer: ours is free again. */
static void forget_offer(const struct dhcp_question *question, struct dhcp_verdict *verdict)
{
    verdict->reason = DHCP_ELSEWHERE;
    for (int i = 0; i < question->places; i++) {
        const struct dhcp_lease *lease = dhcp_leases_of(question->leases, question->packet->mac,
                                                        question->place[i].network->net);
        if (lease && lease->kind == DHCP_LEASE_OFFERED)
            verdict->forget = lease->address;
    }
}

static bool is_authoritative(const struct dhcp_question *question)
{
    for (int i = 0; i < question->places; i++)
        if (question->place[i].network->primary)
            return true;
    return false;
}

/* 4.3.2, after the question whose it is: the client wants address of place. */
static void decide_request_at(const struct dhcp_question *question, const struct dhcp_place *place,
                              ip4 address, bool selecting, struct dhcp_verdict *verdict)
{
    const struct dhcp_packet *packet = question->packet;
    const struct dhcp_lease *lease = dhcp_leases_at(question->leases, address);
    const struct dhcp_host *host = dhcp_config_host(place->network, packet->mac);
    bool own = lease && lease->kind != DHCP_LEASE_DECLINED && mac_equal(lease->mac, packet->mac);
    bool reserved = host && host->address == address;
    bool restarts = !selecting && packet->ciaddr == 0; /* INIT-REBOOT */
    bool foreign = dhcp_pool_is_dynamic(place, address) &&
                   !dhcp_blocks_own(question->blocks, address, question->now_s);
    if (foreign && is_lent(question, place, address))
        answer(question, place, address, DHCP_ACK, verdict);
    else if (foreign && !selecting)
        verdict->reason = DHCP_UNKNOWN; /* its block is another rack's, who may know better */
    else if (dhcp_pool_is_taken(question, address))
        refuse(question, DHCP_TAKEN, verdict);
    else if (!own && !reserved && !selecting)
        verdict->reason = DHCP_UNKNOWN; /* "MUST remain silent" */
    else if (!dhcp_pool_allows(question, place, address))
        refuse(question, DHCP_TAKEN, verdict);
    else if (restarts && host && !reserved && !dhcp_pool_is_taken(question, host->address))
        refuse(question, DHCP_TAKEN, verdict); /* its reservation waits for it */
    else {
        answer(question, place, address, DHCP_ACK, verdict);
        change_lease(question, address, DHCP_LEASE_BOUND, verdict->lease_s, verdict);
    }
}

static void decide_request(const struct dhcp_question *question, struct dhcp_verdict *verdict)
{
    const struct dhcp_packet *packet = question->packet;
    ip4 chosen = dhcp_packet_u32(packet, DHCP_OPTION_SERVER);
    ip4 address = dhcp_packet_u32(packet, DHCP_OPTION_ADDRESS);
    bool selecting = chosen != 0;
    if (selecting && !is_server_ours(question, chosen)) {
        forget_offer(question, verdict);
        return;
    }
    if (!address)
        address = packet->ciaddr; /* RENEWING, REBINDING */
    if (!address) {
        verdict->reason = DHCP_REFUSED;
        return;
    }
    const struct dhcp_place *place = place_of(question, address);
    if (place)
        decide_request_at(question, place, address, selecting, verdict);
    else if (selecting || is_authoritative(question))
        refuse(question, DHCP_WRONG_NETWORK, verdict);
    else
        verdict->reason = DHCP_UNKNOWN;
}

/* 4.3.3: only of an address the client was offered or given, lest one client empties the pool. */
static void decide_decline(const struct dhcp_question *question, struct dhcp_verdict *verdict)
{
    ip4 address = dhcp_packet_u32(question->packet, DHCP_OPTION_ADDRESS);
    const struct dhcp_place *place = place_of(question, address);
    const struct dhcp_lease *lease = dhcp_leases_at(question->leases, address);
    const struct dhcp_host *host =
        place ? dhcp_config_host(place->network, question->packet->mac) : NULL;
    bool own = lease && mac_equal(lease->mac, question->packet->mac) && place &&
               dhcp_blocks_own(question->blocks, address, question->now_s);
    if (!place || (!own && (!host || host->address != address))) {
        verdict->reason = DHCP_UNKNOWN;
        return;
    }
    verdict->reason = DHCP_NOTED;
    change_lease(question, address, DHCP_LEASE_DECLINED, 0, verdict);
    verdict->lease.expires_s = question->now_s + DHCP_DECLINED_S;
}

/* 4.3.4; the end of the lease stays, for what the client said last may have come late. */
static void decide_release(const struct dhcp_question *question, struct dhcp_verdict *verdict)
{
    const struct dhcp_lease *lease = dhcp_leases_at(question->leases, question->packet->ciaddr);
    const struct dhcp_place *place = place_of(question, question->packet->ciaddr);
    if (!lease || lease->kind != DHCP_LEASE_BOUND || !place ||
        (dhcp_pool_is_dynamic(place, lease->address) &&
         !dhcp_blocks_own(question->blocks, lease->address, question->now_s)) ||
        !mac_equal(lease->mac, question->packet->mac)) {
        verdict->reason = DHCP_UNKNOWN;
        return;
    }
    verdict->reason = DHCP_NOTED;
    verdict->change = true;
    verdict->lease = *lease;
    verdict->lease.kind = DHCP_LEASE_RELEASED;
}

/* 4.3.5: the client has an address, and wants the rest. */
static void decide_inform(const struct dhcp_question *question, struct dhcp_verdict *verdict)
{
    const struct dhcp_place *place = place_of(question, question->packet->ciaddr);
    if (!place) { /* nor is a stranger's address a place to send to */
        verdict->reason = DHCP_WRONG_NETWORK;
        return;
    }
    answer(question, place, 0, DHCP_ACK, verdict);
    verdict->lease_s = 0;
}

void dhcp_decide(const struct dhcp_question *question, struct dhcp_verdict *verdict)
{
    static const struct mac nobody;
    const struct dhcp_packet *packet = question->packet;
    memset(verdict, 0, sizeof(*verdict));
    ip4 chosen = dhcp_packet_u32(packet, DHCP_OPTION_SERVER);
    bool gives = packet->type == DHCP_DISCOVER || packet->type == DHCP_REQUEST;
    bool ends = packet->type == DHCP_DECLINE || packet->type == DHCP_RELEASE;
    if (packet->op != 1 || mac_equal(packet->mac, nobody) || (packet->mac.bytes[0] & 1))
        verdict->reason = DHCP_REFUSED;
    else if (!question->places)
        verdict->reason = DHCP_NO_NETWORK;
    else if (question->now_s >= question->config_until_s)
        verdict->reason = DHCP_TERM_OVER;
    else if (gives && question->now_s < question->last_time_s)
        verdict->reason = DHCP_CLOCK_BEHIND;
    else if (ends && chosen && !is_server_ours(question, chosen))
        verdict->reason = DHCP_ELSEWHERE;
    else if (packet->type == DHCP_DISCOVER)
        decide_discover(question, verdict);
    else if (packet->type == DHCP_REQUEST)
        decide_request(question, verdict);
    else if (packet->type == DHCP_DECLINE)
        decide_decline(question, verdict);
    else if (packet->type == DHCP_RELEASE)
        decide_release(question, verdict);
    else if (packet->type == DHCP_INFORM)
        decide_inform(question, verdict);
    else
        verdict->reason = DHCP_REFUSED;
}
