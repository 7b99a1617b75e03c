/*
 * Two racks on one wire, the cluster's facts, and clients, in virtual time and broken at random: a
 * rack is cut off from the regions, loses its store or comes back with an older one, gives blocks
 * back, asks twice, its clock drifts, a leader starts anew. No address is two clients' at one time.
 * The racks are the real service's decisions, the cluster the real facts and block_decide; what
 * lies between is played.
 */
// rooms: rack
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ha/block_decide.h"
#include "ha/plant.h"
#include "src/base/clock.h"
#include "src/rack/dhcp_service.h"
#include "src/rack/dhcp_spare.h"
#include "test/lib/sample_command.h"

enum {
    RACKS = 2,
    CLIENTS = 60,
    TERM_S = 2400,
    LEASE_S = 600,
    STEPS = 1200,
    QUICK_SEEDS =
        60, /* beside every build; GANTRY_SIM_SEEDS=2000 in CI, and then every plant is found */
    QUICK_PLANTS = 4,
    PLANT_SEEDS = 4000,
    FIRST = 0x0a4d0060, /* 10.77.0.96: 4 blocks, the last one in part */
    LAST = 0x0a4d0097,
    RACK = 0x0a4d0015,
    NET = 0x0a4d0000,
};

/* What a rack has on disk. */
struct disk {
    uint64_t sequence;
    int leases_count;
    struct dhcp_lease leases[256];
};

/* A question of a rack as it was asked. */
struct asked {
    uint64_t at_s, sequence, renewals; /* at_s: when the cluster hears it, 0 = it was not asked */
    int store, back_count;
    struct block_range back[8];
};

struct rack {
    struct dhcp_leases *leases, *partner;
    struct dhcp_blocks blocks;
    struct dhcp_pool pool;
    struct dhcp_network network;
    struct disk disk, backup;
    int backup_store;
    uint64_t confirmed;       /* sequence that the cluster knows of */
    uint64_t reported;        /* and the one that leases were last told with */
    struct asked asked, late; /* and once more, through another region that was slow */
    uint64_t renewals, told_renewals;
    int store; /* number of its store: grows with each new one */
    bool up, linked;
    uint64_t cut_until_s; /* from the regions */
    double rate;          /* of its clock */
    uint64_t asked_s;     /* when its question was, by its clock */
    uint64_t told_at_s;   /* its answer is on the way */
    struct dhcp_blocks told;
    struct block_need need;
};

struct client {
    ip4 address;
    int rack;         /* that gave it */
    uint64_t until_s; /* true time: it believes in its lease until then */
    uint64_t duration_s;
};

static struct sim_world {
    uint64_t now_s, random;
    struct cluster_state facts;
    struct block_watch watch;
    struct rack rack[RACKS];
    struct client client[CLIENTS];
    struct block_range range;
    uint64_t leases, lent, moved, expired, returned;
    uint64_t clients; /* so many are there */
    bool broken;
} w;

static uint64_t draw(uint64_t below)
{
    w.random ^= w.random << 13;
    w.random ^= w.random >> 7;
    w.random ^= w.random << 17;
    return w.random % below;
}

/* ---- the cluster ---- */

static bool propose(const struct command *command)
{
    return cluster_state_apply(&w.facts, command)->code == ERR_OK;
}

static void start_cluster(void)
{
    struct command command;
    cluster_state_init(&w.facts);
    sample_command(COMMAND_INIT, &command);
    propose(&command);
    for (int i = 0; i < RACKS; i++) {
        sample_command(COMMAND_RACK_ADD, &command);
        command.rack_add.system_id[0] = command.rack_add.name[0] = (char)('a' + i);
        propose(&command);
    }
    memset(&w.watch, 0, sizeof(w.watch));
}

static void look_at_cluster(void)
{
    struct command command;
    while (block_watch_look(&w.watch, &w.facts, w.now_s * CLOCK_S, &command))
        if (propose(&command))
            w.expired++;
        else
            return;
}

/* ---- racks ---- */

static uint64_t clock_of(const struct rack *rack)
{
    return (uint64_t)((double)w.now_s * rack->rate);
}

static void name_of(int i, int store, char system_id[LIMIT_NAME], char text[CLUSTER_ID])
{
    struct command command;
    sample_command(COMMAND_RACK_ADD, &command);
    command.rack_add.system_id[0] = (char)('a' + i);
    memcpy(system_id, command.rack_add.system_id, LIMIT_NAME);
    snprintf(text, CLUSTER_ID, "%032d", store);
}

static void clear(struct dhcp_leases *leases)
{
    while (dhcp_leases_count(leases))
        dhcp_leases_drop(leases, dhcp_leases_nth(leases, 0)->address);
}

static void save(struct rack *rack)
{
    rack->disk.leases_count = 0;
    for (int i = 0; i < dhcp_leases_count(rack->leases); i++)
        if (dhcp_leases_nth(rack->leases, i)->kind != DHCP_LEASE_OFFERED)
            rack->disk.leases[rack->disk.leases_count++] = *dhcp_leases_nth(rack->leases, i);
}

static void load(struct rack *rack)
{
    clear(rack->leases);
    clear(rack->partner);
    for (int i = 0; i < rack->disk.leases_count; i++)
        dhcp_leases_put(rack->leases, &rack->disk.leases[i], 0, NULL);
    rack->asked.at_s = rack->told_at_s = 0;
}

/* The rack's question reaches the cluster a while after it was asked, its answer comes later still.
 */
static enum block_step decide_all(int i, const struct asked *asked)
{
    char system_id[LIMIT_NAME], store[CLUSTER_ID], other[LIMIT_NAME], unused[CLUSTER_ID];
    struct rack *rack = &w.rack[i];
    struct command command;
    name_of(i, asked->store, system_id, store);
    name_of(1 - i, 1, other, unused);
    struct block_need need = {&w.range, 1, i == 1, other, (uint32_t)draw(3)};
    struct block_ask ask = {.rack = system_id,
                            .store = store,
                            .sequence = asked->sequence,
                            .told = asked->store == rack->store ? rack->reported : 0,
                            .renewals = asked->renewals,
                            .back = asked->back,
                            .back_count = asked->back_count,
                            .term_s = TERM_S,
                            .longest_s = LEASE_S,
                            .needs = &need,
                            .needs_count = 1};
    enum block_step step;
    if (PLANTED(confirmed_only))
        ask.told = 0;
    while ((step = block_decide(&w.facts, &ask, &command)) == BLOCK_PROPOSE && propose(&command)) {
        block_accepted(&ask, &command);
        w.returned += command.kind == COMMAND_BLOCK_RETURN;
    }
    look_at_cluster(); /* the renewal is seen now */
    return step;
}

static void answer(int i)
{
    struct rack *rack = &w.rack[i];
    char system_id[LIMIT_NAME], store[CLUSTER_ID];
    name_of(i, rack->store, system_id, store);
    enum block_step step = decide_all(i, &rack->asked);
    if (step == BLOCK_BEHIND && rack->reported <= rack->disk.sequence) {
        rack->asked.at_s = 0; /* told meanwhile: it asks again */
        return;
    }
    if (step == BLOCK_REFUSE || step == BLOCK_BEHIND) {
        rack->asked.at_s = 0;
        rack->store += 100;
        rack->reported = 0;
        rack->blocks.count = 0;
        return;
    }
    rack->confirmed = rack->asked.sequence;
    rack->asked.at_s = 0;
    const struct cluster_block_owner *owner = cluster_state_block_store(&w.facts, system_id, store);
    rack->told.count = 0;
    rack->told_renewals = owner ? owner->renewals : 0;
    for (int k = 0; owner && k < w.facts.blocks_count; k++)
        if (w.facts.blocks[k].owner == owner->id)
            dhcp_blocks_add(&rack->told, w.facts.blocks[k].number, 1);
    rack->told_at_s = w.now_s + draw(draw(10) ? 3 : 1500);
}

static void hear(struct rack *rack)
{
    rack->told_at_s = 0;
    rack->blocks = rack->told;
    rack->renewals = rack->told_renewals;
    uint64_t from_s = PLANTED(term_from_answer) ? clock_of(rack) : rack->asked_s;
    rack->blocks.until_s = from_s + TERM_S;
    rack->pool.full_until_s = 0;
    /* The last that it heard for a long time. */
    if (!draw(clock_of(rack) - rack->asked_s > TERM_S / 8 ? 2 : 20))
        rack->cut_until_s = w.now_s + TERM_S + draw(TERM_S);
}

/* What the other rack gave, through the regions, as dhcp_take_partner takes it. */
static void tell_partner(int i)
{
    struct rack *rack = &w.rack[i], *other = &w.rack[1 - i];
    if (!rack->linked || !other->linked || !rack->up || !other->up)
        return;
    for (int k = 0; k < dhcp_leases_count(other->leases); k++) {
        struct dhcp_lease lease = *dhcp_leases_nth(other->leases, k);
        if (lease.kind != DHCP_LEASE_BOUND || lease.expires_s < clock_of(other))
            continue;
        dhcp_lease_lend(&lease, clock_of(rack), (int64_t)(lease.expires_s - clock_of(other)));
        dhcp_leases_put(rack->partner, &lease, clock_of(rack), NULL);
    }
}

/* Blocks that it has no use for: not used from now on, given back with the next question. */
static void give_back(struct rack *rack)
{
    static struct dhcp_blocks back;
    struct dhcp_config config = {.count = 1, .network = &rack->network};
    int wish = draw(2) ? -DHCP_BLOCK_SIZE : 0;
    struct dhcp_spare spare = {&config, rack->leases, &wish, clock_of(rack)};
    if (PLANTED(early_return))
        spare.now_s += LEASE_S;
    back.count = 0;
    dhcp_spare_take(&spare, &rack->blocks, &back);
    for (int i = 0; i < back.count; i++)
        rack->asked.back[rack->asked.back_count++] =
            (struct block_range){back.number[i], back.number[i]};
}

static void ask_cluster(struct rack *rack)
{
    if (!rack->up || !rack->linked || rack->asked.at_s || rack->told_at_s)
        return;
    rack->asked_s = clock_of(rack);
    rack->asked = (struct asked){.at_s = w.now_s + 1 + draw(draw(20) ? 5 : 400),
                                 .sequence = rack->disk.sequence,
                                 .renewals = rack->renewals,
                                 .store = rack->store};
    if (!draw(6))
        give_back(rack);
    if (!rack->late.at_s && !draw(rack->asked.back_count ? 2 : 200)) {
        rack->late = rack->asked;
        rack->late.at_s += draw(900);
    }
}

/* What is on its way arrives. */
static void connect(int i)
{
    struct rack *rack = &w.rack[i];
    if (rack->late.at_s && w.now_s >= rack->late.at_s) {
        decide_all(i, &rack->late); /* nobody waits for the answer any more */
        rack->late.at_s = 0;
    }
    if (!rack->up || !rack->linked)
        return;
    if (rack->told_at_s) {
        if (w.now_s >= rack->told_at_s)
            hear(rack);
        return;
    }
    if (rack->asked.at_s && w.now_s >= rack->asked.at_s)
        answer(i);
}

/* Each second: what it gave since is known. */
static void report(struct rack *rack)
{
    if (rack->up && rack->linked && rack->disk.sequence > rack->reported)
        rack->reported = rack->disk.sequence;
}

static void break_rack(int i)
{
    struct rack *rack = &w.rack[i];
    rack->linked = w.now_s >= rack->cut_until_s;
    switch (draw(24)) {
    case 0:
        if (rack->linked)
            rack->cut_until_s = w.now_s + draw(60);
        break;
    case 1:
        if (rack->linked && !draw(6)) /* for longer than its term */
            rack->cut_until_s = w.now_s + TERM_S / 2 + draw(2 * TERM_S);
        break;
    case 3:
        rack->up = false;
        break;
    case 4:
    case 5:
        if (!rack->up)
            load(rack);
        rack->up = true;
        break;
    case 6:
        if (!draw(4)) {
            rack->backup = rack->disk;
            rack->backup_store = rack->store;
        }
        break;
    case 7: /* an older lease file, of before leases were last told (what a rack gave since then and
             * lost nobody can tell: docs/dhcp.md); blocks are asked for anew */
        if (!draw(40) && rack->backup_store == rack->store &&
            rack->backup.sequence < rack->reported) {
            rack->disk = rack->backup;
            rack->blocks.count = 0;
            load(rack);
        }
        break;
    case 8: /* the store is lost */
        if (!draw(60)) {
            memset(&rack->disk, 0, sizeof(rack->disk));
            rack->store++;
            rack->reported = 0;
            rack->blocks.count = 0;
            load(rack);
        }
        break;
    case 9: /* every member of the cluster starts anew: it waits from now on */
        if (!draw(4))
            memset(&w.watch, 0, sizeof(w.watch));
        break;
    default:
        break;
    }
}

/* ---- clients ---- */

static void write_request(uint8_t type, int i, ip4 wanted, ip4 ciaddr, struct dhcp_packet *packet)
{
    struct dhcp_packet head = {
        .op = 1, .secs = 10, .ciaddr = ciaddr, .xid = (uint32_t)draw(1u << 31)};
    struct dhcp_writer writer;
    struct error err;
    head.mac = (struct mac){{2, 0, 0, 0, 0, (uint8_t)(i + 1)}};
    dhcp_writer_start(&writer, &head, DHCP_PACKET_MAX);
    dhcp_writer_u8(&writer, DHCP_OPTION_TYPE, type);
    if (wanted)
        dhcp_writer_u32(&writer, DHCP_OPTION_ADDRESS, wanted);
    static uint8_t bytes[DHCP_PACKET_MAX]; /* options point into it */
    size_t size = dhcp_writer_end(&writer);
    memcpy(bytes, writer.bytes, size);
    assert_int_equal(dhcp_packet_decode(bytes, size, packet, &err), ERR_OK);
}

/* One message to one rack; true when it gives an address for verdict->lease_s. */
static bool ask(int r, const struct dhcp_packet *packet, struct dhcp_verdict *verdict)
{
    struct rack *rack = &w.rack[r];
    struct dhcp_blocks *blocks = &rack->blocks;
    static struct dhcp_blocks every;
    if (PLANTED(foreign_blocks)) {
        every.count = 0;
        every.until_s = UINT64_MAX;
        dhcp_blocks_add(&every, FIRST / 16, LAST / 16 - FIRST / 16 + 1);
        blocks = &every;
    }
    uint64_t until_s = blocks->until_s;
    if (PLANTED(past_the_term) && blocks->until_s > clock_of(rack))
        blocks->until_s = UINT64_MAX;
    struct dhcp_question question = {.packet = packet,
                                     .leases = rack->leases,
                                     .blocks = blocks,
                                     .partner = rack->partner,
                                     .now_s = clock_of(rack),
                                     .config_until_s = UINT64_MAX,
                                     .places = 1,
                                     .place = {{&rack->network, &rack->pool, RACK + (ip4)r}}};
    dhcp_decide(&question, verdict);
    blocks->until_s = until_s;
    if (verdict->change) {
        dhcp_leases_put(rack->leases, &verdict->lease, question.now_s, NULL);
        rack->disk.sequence += verdict->lease.kind != DHCP_LEASE_OFFERED;
        save(rack);
    }
    if (verdict->lent && PLANTED(lend_for_ever)) {
        struct dhcp_lease lease = *dhcp_leases_at(rack->partner, verdict->address);
        lease.expires_s = question.now_s + verdict->lease_s;
        dhcp_leases_put(rack->partner, &lease, question.now_s, NULL);
    }
    return verdict->reply == DHCP_OFFER || verdict->reply == DHCP_ACK;
}

static void take(int i, int r, const struct dhcp_verdict *verdict)
{
    struct client *client = &w.client[i];
    w.leases++;
    w.lent += verdict->lent;
    w.moved += client->address && client->address != verdict->address;
    *client = (struct client){verdict->address, r, w.now_s + verdict->lease_s, verdict->lease_s};
    for (int k = 0; k < CLIENTS; k++)
        if (k != i && w.client[k].address == client->address && w.client[k].until_s > w.now_s)
            w.broken = true;
}

static bool hears(int r)
{
    return w.rack[r].up;
}

static void run_client(int i)
{
    struct client *client = &w.client[i];
    struct dhcp_packet packet;
    struct dhcp_verdict verdict;
    int r = (int)draw(RACKS);
    if (client->address && w.now_s < client->until_s) {
        uint64_t left_s = client->until_s - w.now_s;
        if (left_s > client->duration_s / 2)
            return;
        bool rebinds = left_s < client->duration_s / 8 || !draw(6);
        r = rebinds ? r : client->rack;
        write_request(DHCP_REQUEST, i, 0, client->address, &packet);
        if (hears(r) && ask(r, &packet, &verdict))
            take(i, r, &verdict);
        return;
    }
    if (!hears(r) || draw(3))
        return;
    write_request(DHCP_DISCOVER, i, client->address, 0, &packet);
    if (!ask(r, &packet, &verdict) || !draw(10)) /* the offer may be lost */
        return;
    ip4 offered = verdict.address;
    struct dhcp_packet head = {.op = 1, .mac = packet.mac, .xid = packet.xid};
    struct dhcp_writer writer;
    struct error err;
    dhcp_writer_start(&writer, &head, DHCP_PACKET_MAX);
    dhcp_writer_u8(&writer, DHCP_OPTION_TYPE, DHCP_REQUEST);
    dhcp_writer_u32(&writer, DHCP_OPTION_ADDRESS, offered);
    dhcp_writer_u32(&writer, DHCP_OPTION_SERVER, RACK + (ip4)r);
    assert_int_equal(dhcp_packet_decode(writer.bytes, dhcp_writer_end(&writer), &packet, &err),
                     ERR_OK);
    if (ask(r, &packet, &verdict))
        take(i, r, &verdict);
}

static void start_world(uint64_t seed)
{
    static struct dhcp_host nobody;
    static const struct dhcp_host *none;
    struct dhcp_leases *kept[2 * RACKS];
    for (int i = 0; i < RACKS; i++) {
        kept[2 * i] = w.rack[i].leases ? w.rack[i].leases : dhcp_leases_new();
        kept[2 * i + 1] = w.rack[i].partner ? w.rack[i].partner : dhcp_leases_new();
    }
    memset(&w, 0, sizeof(w));
    w.random = seed * 0x9e3779b97f4a7c15u | 1;
    w.now_s = 1000000;
    w.range = (struct block_range){FIRST, LAST};
    w.clients = seed % 4 ? CLIENTS : CLIENTS / 5; /* few: blocks are empty again */
    start_cluster();
    for (int i = 0; i < RACKS; i++) {
        struct rack *rack = &w.rack[i];
        rack->leases = kept[2 * i];
        rack->partner = kept[2 * i + 1];
        clear(rack->leases);
        clear(rack->partner);
        rack->network =
            (struct dhcp_network){.net = {NET, 24}, .lease_s = LEASE_S, .range_count = 1};
        rack->network.host = &nobody;
        rack->network.by_address = &none;
        rack->network.primary = i == 0;
        rack->network.range[0] = (struct dhcp_range){FIRST, LAST};
        rack->store = 1;
        rack->up = rack->linked = true;
        rack->rate = 1.0 + ((double)draw(3) - 1) * 0.0098;
    }
}

static bool run_seed(uint64_t seed)
{
    start_world(seed);
    for (int step = 0; step < STEPS && !w.broken; step++) {
        w.now_s += 1 + draw(draw(40) ? 25 : 300);
        look_at_cluster();
        for (int i = 0; i < RACKS; i++) {
            connect(i); /* before what was told since the question */
            report(&w.rack[i]);
            break_rack(i);
            ask_cluster(&w.rack[i]);
            tell_partner(i);
        }
        for (int k = 0; k < 6; k++)
            run_client((int)draw(w.clients));
    }
    return !w.broken;
}

static uint64_t seeds(void)
{
    const char *text = getenv("GANTRY_SIM_SEEDS");
    return text ? strtoull(text, NULL, 10) : QUICK_SEEDS;
}

static void test_no_address_is_given_twice(void **state)
{
    (void)state;
    uint64_t leases = 0, lent = 0, moved = 0, expired = 0, returned = 0;
    plant_now = PLANT_none;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        if (!run_seed(seed))
            fail_msg("seed %d: one address, two clients", (int)seed);
        leases += w.leases;
        lent += w.lent;
        moved += w.moved;
        expired += w.expired;
        returned += w.returned;
    }
    /* It all happens. */
    printf(
        "%d seeds: %d leases, %d of them lent, %d moves, %d expired owners, %d blocks returned\n",
        (int)seeds(), (int)leases, (int)lent, (int)moved, (int)expired, (int)returned);
    assert_true(leases > 50 * seeds() && lent > seeds() && moved > seeds() &&
                expired > seeds() / 4 && returned > seeds() / 4);
}

static void test_planted_bugs_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"",
#define X(name, what) #name,
                                        PLANT_BLOCK_TABLE(X)
#undef X
    };
    bool all = seeds() > QUICK_SEEDS;
    uint64_t most = all ? PLANT_SEEDS : QUICK_SEEDS;
    int found = 0;
    for (int plant = PLANT_BLOCKS + 1; plant < PLANT_BLOCKS_END; plant++) {
        uint64_t seed = 1;
        plant_now = (enum plant)plant;
        while (seed <= most && run_seed(seed))
            seed++;
        found += seed <= most;
        if (all && seed > most)
            fail_msg("planted bug %s is not found", names[plant - PLANT_BLOCKS]);
        if (all)
            printf("planted bug %s: seed %d\n", names[plant - PLANT_BLOCKS], (int)seed);
    }
    plant_now = PLANT_none;
    assert_true(found >= QUICK_PLANTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_address_is_given_twice),
        cmocka_unit_test(test_planted_bugs_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
