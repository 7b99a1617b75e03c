/* The DHCP service without sockets, disk and clock: see dhcp_service.h. */
#include "src/rack/dhcp_service.h"

#include <stdlib.h>
#include <string.h>

#include "src/rack/dhcp_boot.h"
#include "src/rack/dhcp_pool.h"
#include "src/rack/dhcp_spare.h"

void dhcp_service_init(struct dhcp_service *service)
{
    memset(service, 0, sizeof(*service));
    service->leases = dhcp_leases_new();
    service->partner = dhcp_leases_new();
}

void dhcp_service_close(struct dhcp_service *service)
{
    dhcp_config_free(service->config);
    free(service->pool);
    dhcp_leases_free(service->leases);
    dhcp_leases_free(service->partner);
    memset(service, 0, sizeof(*service));
}

void dhcp_service_configure(struct dhcp_service *service, struct dhcp_config *config)
{
    dhcp_config_free(service->config);
    free(service->pool);
    service->config = config;
    service->pool = calloc((size_t)config->count + 1, sizeof(*service->pool));
    ASSERT(service->pool);
}

/* The interface's own address in a network; 0 = it has none there. */
static ip4 address_in(const struct interface *interface, const struct dhcp_network *network)
{
    for (int i = 0; i < interface->addresses; i++)
        if (ip4_net_contains(network->net, interface->address[i].address))
            return interface->address[i].address;
    return 0;
}

static bool is_local(const struct interfaces *interfaces, const struct dhcp_network *network)
{
    for (int i = 0; i < interfaces->count; i++)
        if (address_in(&interfaces->interface[i], network))
            return true;
    return false;
}

bool dhcp_service_wants(const struct dhcp_service *service, const struct interfaces *interfaces,
                        const struct interface *interface)
{
    if (!interface->addresses || !service->config)
        return false;
    for (int i = 0; i < service->config->count; i++) {
        const struct dhcp_network *network = &service->config->network[i];
        if (address_in(interface, network) || !is_local(interfaces, network))
            return true;
    }
    return false;
}

static void add_place(const struct dhcp_service *service, int network, ip4 rack,
                      struct dhcp_question *question)
{
    if (question->places < DHCP_PLACES)
        question->place[question->places++] =
            (struct dhcp_place){&service->config->network[network], &service->pool[network], rack};
}

static const struct dhcp_network *network_at(const struct dhcp_service *service, ip4 address)
{
    for (int i = 0; i < service->config->count; i++)
        if (ip4_net_contains(service->config->network[i].net, address))
            return &service->config->network[i];
    return NULL;
}

/* A relay names its network; what shares the VLAN with it is on the same wire. */
static void find_relayed(const struct dhcp_service *service, ip4 relay, ip4 rack,
                         struct dhcp_question *question)
{
    const struct dhcp_network *network = network_at(service, relay);
    for (int i = 0; network && i < service->config->count; i++)
        if (service->config->network[i].vlan_id == network->vlan_id)
            add_place(service, i, rack, question);
}

static void find_places(const struct dhcp_service *service, const struct dhcp_arrival *arrival,
                        struct dhcp_question *question)
{
    const struct interface *interface = arrival->interface;
    const struct dhcp_packet *packet = question->packet;
    if (!service->config || !interface->addresses)
        return;
    /* A client behind a relay renews past it: routed, to the address it knows us by. */
    ip4 rack = interface->address[0].address;
    bool unicast = false;
    for (int i = 0; i < interface->addresses; i++)
        unicast = unicast || interface->address[i].address == arrival->to;
    if (unicast)
        rack = arrival->to;
    if (packet->giaddr) {
        find_relayed(service, packet->giaddr, rack, question);
        return;
    }
    for (int i = 0; i < service->config->count; i++) {
        ip4 own = address_in(interface, &service->config->network[i]);
        if (own)
            add_place(service, i, own, question);
    }
    for (int i = 0; i < question->places; i++)
        if (ip4_net_contains(question->place[i].network->net, packet->ciaddr))
            return;
    if (unicast && packet->ciaddr) {
        question->places = 0;
        find_relayed(service, packet->ciaddr, rack, question);
    }
}

static int wish_of(const struct dhcp_pool *pool)
{
    int wish = pool->given / 2; /* a second or two of a rush, and its answer takes far less */
    return wish < DHCP_AHEAD ? DHCP_AHEAD : wish > DHCP_AHEAD_MOST ? DHCP_AHEAD_MOST : wish;
}

/* Take the verdict's change into memory: what follows is decided with it. */
static enum error_code apply(struct dhcp_service *service, const struct dhcp_verdict *verdict,
                             uint64_t now_s, struct dhcp_outcome *outcome)
{
    if (verdict->forget) {
        dhcp_leases_drop(service->leases, verdict->forget);
        for (int i = 0; i < service->config->count; i++)
            service->pool[i].full_until_s = 0;
    }
    if (!verdict->change)
        return ERR_OK;
    enum error_code code = dhcp_leases_put(service->leases, &verdict->lease, now_s, &outcome->err);
    if (code) {
        service->statistics.full++;
        return code;
    }
    if (verdict->lease.kind == DHCP_LEASE_OFFERED) {
        verdict->place->pool->left--;
        verdict->place->pool->given++;
    }
    outcome->lease = verdict->lease;
    outcome->durable = verdict->lease.kind != DHCP_LEASE_OFFERED;
    if (outcome->durable && now_s > service->last_time_s)
        service->last_time_s = now_s;
    return ERR_OK;
}

void dhcp_service_receive(struct dhcp_service *service, const struct dhcp_arrival *arrival,
                          struct dhcp_outcome *outcome)
{
    struct dhcp_packet packet;
    struct dhcp_verdict verdict;
    memset(outcome, 0, offsetof(struct dhcp_outcome, writer));
    outcome->code = dhcp_packet_decode(arrival->bytes, arrival->size, &packet, &outcome->err);
    if (outcome->code) {
        service->statistics.malformed++;
        return;
    }
    struct dhcp_question question = {.packet = &packet,
                                     .leases = service->leases,
                                     .blocks = &service->blocks,
                                     .partner = service->partner,
                                     .config_until_s = service->config_until_s,
                                     .now_s = arrival->now_s,
                                     .last_time_s = service->last_time_s};
    question.repeated = packet.type == DHCP_DISCOVER && dhcp_seen_before(&service->seen, &packet);
    find_places(service, arrival, &question);
    dhcp_decide(&question, &verdict);
    service->statistics.received[packet.type]++;
    service->statistics.reasons[verdict.reason]++;
    outcome->type = packet.type;
    outcome->reason = verdict.reason;
    outcome->mac = packet.mac;
    outcome->address = verdict.address;
    outcome->code = apply(service, &verdict, arrival->now_s, outcome);
    if (!outcome->code && verdict.reply) {
        outcome->reply = verdict.reply;
        outcome->size = dhcp_reply_write(&question, &verdict, &outcome->writer, &outcome->target);
    }
}

int dhcp_service_lacks(struct dhcp_service *service, int i, uint64_t now_s)
{
    static const struct dhcp_packet nobody;
    struct dhcp_question question = {.packet = &nobody,
                                     .leases = service->leases,
                                     .blocks = &service->blocks,
                                     .partner = service->partner,
                                     .now_s = now_s};
    struct dhcp_pool *pool = &service->pool[i];
    struct dhcp_place place = {&service->config->network[i], pool, 0};
    if (!place.network->range_count)
        return 0;
    int wish = wish_of(pool);
    pool->left = dhcp_pool_count_free(&question, &place, wish);
    return (wish - pool->left + DHCP_BLOCK_SIZE - 1) / DHCP_BLOCK_SIZE;
}

void dhcp_service_give_back(struct dhcp_service *service, uint64_t now_s, struct dhcp_blocks *back)
{
    static int wish[DHCP_CONFIG_NETWORKS]; /* the loop's */
    back->count = 0;
    if (!service->config)
        return;
    for (int i = 0; i < service->config->count; i++)
        wish[i] = wish_of(&service->pool[i]);
    struct dhcp_spare spare = {service->config, service->leases, wish, now_s};
    dhcp_spare_take(&spare, &service->blocks, back);
}

bool dhcp_service_is_hungry(const struct dhcp_service *service)
{
    for (int i = 0; service->config && i < service->config->count; i++)
        if (service->config->network[i].range_count &&
            service->pool[i].left <= wish_of(&service->pool[i]) - DHCP_BLOCK_SIZE)
            return true;
    return false;
}

void dhcp_service_calm(struct dhcp_service *service)
{
    for (int i = 0; service->config && i < service->config->count; i++)
        service->pool[i].given /= 2;
}

static void write_by_type(struct spool *spool, const char *name, const uint64_t *counts)
{
    for (unsigned type = DHCP_DISCOVER; type < DHCP_TYPES; type++)
        if (counts[type])
            spool_printf(spool, "%s{type=\"%s\"} %llu\n", name, dhcp_packet_type_name(type),
                         (unsigned long long)counts[type]);
}

static void write_leases(const struct dhcp_service *service, struct spool *spool)
{
    static const char *const kinds[] = {"", "offered", "bound", "released", "declined"};
    unsigned long long counts[5] = {0};
    for (int i = 0; i < dhcp_leases_count(service->leases); i++)
        counts[dhcp_leases_nth(service->leases, i)->kind % 5]++;
    spool_text(spool, "# HELP gantry_dhcp_leases Addresses known, ended ones included.\n"
                      "# TYPE gantry_dhcp_leases gauge\n");
    for (int kind = DHCP_LEASE_OFFERED; kind <= DHCP_LEASE_DECLINED; kind++)
        spool_printf(spool, "gantry_dhcp_leases{kind=\"%s\"} %llu\n", kinds[kind], counts[kind]);
}

void dhcp_service_metrics(const struct dhcp_service *service, struct spool *spool)
{
    const struct dhcp_statistics *statistics = &service->statistics;
    const struct {
        const char *name, *help;
        uint64_t value;
    } rows[] = {
        {"malformed_total", "Datagrams that are no DHCP message.", statistics->malformed},
        {"full_total", "Requests dropped at a limit.", statistics->full},
        {"syncs_total", "Times the lease file was brought to disk.", statistics->syncs},
        {"synced_leases_total", "Leases brought to disk.", statistics->synced},
        {"sync_failures_total", "Times that failed.", statistics->sync_failures},
        {"send_failures_total", "Replies the kernel refused.", statistics->send_failures},
    };
    spool_text(spool, "# HELP gantry_dhcp_received_total Messages by type.\n"
                      "# TYPE gantry_dhcp_received_total counter\n");
    write_by_type(spool, "gantry_dhcp_received_total", statistics->received);
    spool_text(spool, "# HELP gantry_dhcp_sent_total Replies by type.\n"
                      "# TYPE gantry_dhcp_sent_total counter\n");
    write_by_type(spool, "gantry_dhcp_sent_total", statistics->sent);
    spool_text(spool, "# HELP gantry_dhcp_decisions_total Messages by what became of them.\n"
                      "# TYPE gantry_dhcp_decisions_total counter\n");
    for (enum dhcp_reason reason = 0; reason < DHCP_REASON_COUNT; reason++)
        spool_printf(spool, "gantry_dhcp_decisions_total{reason=\"%s\"} %llu\n",
                     dhcp_reason_counter(reason), (unsigned long long)statistics->reasons[reason]);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        spool_printf(spool,
                     "# HELP gantry_dhcp_%s %s\n# TYPE gantry_dhcp_%s counter\n"
                     "gantry_dhcp_%s %llu\n",
                     rows[i].name, rows[i].help, rows[i].name, rows[i].name,
                     (unsigned long long)rows[i].value);
    write_leases(service, spool);
}
