/* DHCP blocks for racks: see dhcp_blocks.h. */
#include "src/region/dhcp_blocks.h"

#include <string.h>
#include <time.h>

#include "ha/block_decide.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/region/block_question.h"
#include "src/region/dhcp_store.h"
#include "src/region/rack_call.h"
#include "src/region/rack_links.h"

enum { ASK_MS = 3000, POLL_MS = 5, RANGES_MOST = 1024 };

static struct {
    uint32_t term_s;
    struct block_watch watch; /* loop */
    bool proposing;           /* loop: an expiry is on its way */
} blocks;

/* ---- the leader's duty ---- */

static void on_expired(void *subject, enum error_code code, const char *reason)
{
    (void)subject;
    blocks.proposing = false;
    if (code)
        log_debug("dhcp: blocks stay with their rack: %s", reason);
    else
        rack_links_note("config_changed", NULL); /* what waited for that rack may go on */
}

void dhcp_blocks_look(struct region *region, const struct cluster_view *view)
{
    struct command command;
    if (!view->known || !block_watch_look(&blocks.watch, &view->facts, clock_boot_ns(), &command) ||
        !view->leads || blocks.proposing)
        return;
    const struct cluster_block_owner *owner =
        cluster_state_block_owner(&view->facts, command.block_expire.owner);
    log_info("dhcp: the term of rack %s's store %.8s is over: its blocks are free", owner->rack,
             owner->store);
    blocks.proposing = true;
    replica_propose(region->replica, &command, on_expired, NULL);
}

enum error_code dhcp_blocks_start(struct region *region, struct error *err)
{
    (void)err;
    blocks.term_s = (uint32_t)region->settings.dhcp_term_s;
    return ERR_OK;
}

/* ---- the call ---- */

static uint32_t lacks_of(json_t *params, int64_t subnet)
{
    json_t *network;
    size_t i;
    json_array_foreach (json_object_get(params, "networks"), i, network)
        if (json_integer_value(json_object_get(network, "subnet_id")) == subnet)
            return (uint32_t)json_integer_value(json_object_get(network, "blocks"));
    return 0;
}

/* Rows to needs: a need for each subnet, its ranges one after the other. */
static void fill_needs(struct db_rows *rows, json_t *params, struct arena *arena,
                       struct block_ask *ask)
{
    struct block_range *ranges = ARENA_ARRAY(arena, struct block_range, (size_t)rows->count + 1);
    ask->needs = ARENA_ARRAY(arena, struct block_need, (size_t)rows->count + 1);
    int64_t last = 0;
    for (int i = 0; i < rows->count; i++) {
        int64_t subnet = db_int(rows, i, 0);
        if (!ip4_parse(db_text(rows, i, 3), &ranges[i].first) ||
            !ip4_parse(db_text(rows, i, 4), &ranges[i].last))
            continue; /* cannot be: a range lies in its subnet */
        if (!ask->needs_count || subnet != last) {
            const char *partner = db_text(rows, i, 2);
            ask->needs[ask->needs_count++] =
                (struct block_need){.ranges = &ranges[i],
                                    .from_above = !db_bool(rows, i, 1),
                                    .partner = arena_strdup(arena, partner),
                                    .blocks = lacks_of(params, subnet)};
        }
        last = subnet;
        ask->needs[ask->needs_count - 1].ranges_count++;
    }
}

static void pause_ms(unsigned ms)
{
    struct timespec time = {0, (long)ms * 1000000};
    nanosleep(&time, NULL);
}

/* Is what was accepted in the facts that this member knows? It may learn of it a little later. */
static bool is_known(const struct cluster_state *facts, const struct command *command)
{
    bool found;
    if (command->kind == COMMAND_BLOCK_RETURN) {
        int at = cluster_state_block_at(facts, command->block_return.number, &found);
        return !found || facts->blocks[at].owner != command->block_return.owner;
    }
    if (command->kind == COMMAND_BLOCK_GRANT) {
        cluster_state_block_at(facts, command->block_grant.number, &found);
        return found;
    }
    const struct cluster_block_owner *owner =
        cluster_state_block_store(facts, command->block_own.rack, command->block_own.store);
    return owner && owner->renewals > command->block_own.renewals;
}

static enum error_code propose(const struct command *command, struct cluster_view *view,
                               uint64_t until_ns, struct error *err)
{
    enum error_code code = cluster_ask(command, ASK_MS, err);
    cluster_read(view);
    while (!code && !is_known(&view->facts, command)) {
        if (clock_boot_ns() >= until_ns)
            return error_set(err, ERR_TIMEOUT, "this region learns too late of what was decided");
        pause_ms(POLL_MS);
        cluster_read(view);
    }
    return code;
}

/* Decide and propose until nothing is left to do. A conflict is another rack's or renewal's step
 * that came first: decide again. */
static enum error_code carry_out(struct block_ask *ask, struct cluster_view *view, int *grants,
                                 struct error *err)
{
    struct command command;
    uint64_t until_ns = clock_boot_ns() + ASK_MS * CLOCK_MS;
    cluster_read(view);
    while (view->known) {
        enum block_step step = block_decide(&view->facts, ask, &command);
        if (step == BLOCK_REFUSE)
            return error_set(err, ERR_GONE,
                             "the store lacks leases that it had confirmed: it owns nothing");
        if (step == BLOCK_DONE || step == BLOCK_BEHIND)
            return ERR_OK;
        enum error_code code = propose(&command, view, until_ns, err);
        if (!code) {
            block_accepted(ask, &command);
            *grants += command.kind == COMMAND_BLOCK_GRANT;
        } else if (code == ERR_LIMIT && command.kind == COMMAND_BLOCK_GRANT) {
            return ERR_OK; /* with what there is */
        } else if (code != ERR_CONFLICT || clock_boot_ns() >= until_ns) {
            return code;
        } else {
            pause_ms(POLL_MS);
            cluster_read(view);
        }
    }
    return error_set(err, ERR_UNAVAILABLE, "the cluster's facts are not known here yet");
}

static json_t *list_blocks(const struct cluster_state *facts, uint32_t owner)
{
    json_t *runs = json_array();
    for (int i = 0, next; i < facts->blocks_count; i = next) {
        const struct cluster_block *block = &facts->blocks[i];
        next = i + 1;
        if (block->owner != owner)
            continue;
        while (next < facts->blocks_count && facts->blocks[next].owner == owner &&
               facts->blocks[next].number == block->number + (uint32_t)(next - i))
            next++;
        json_array_append_new(runs, json_pack("[I,i]", (json_int_t)block->number, next - i));
    }
    return runs;
}

enum error_code dhcp_blocks_call(const struct rack_peer *peer, struct db *db, json_t *params,
                                 struct arena *arena, json_t **result, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct cluster_view *view = ARENA_NEW(arena, struct cluster_view);
    struct block_ask ask = {
        .rack = peer->system_id, .term_s = blocks.term_s, .longest_s = DHCP_STORE_LEASE_S};
    json_t *subnets = json_array();
    int grants = 0;
    enum error_code code = block_question_read(params, arena, &ask, subnets, err);
    code = code ? code : dhcp_store_told(db, peer->system_id, ask.store, &ask.told, err);
    code = code ? code : dhcp_store_ranges(db, peer->system_id, subnets, arena, &rows, err);
    json_decref(subnets);
    if (!code) {
        fill_needs(&rows, params, arena, &ask);
        code = carry_out(&ask, view, &grants, err);
    }
    if (code)
        return code;
    if (ask.sequence < ask.told) {
        *result = json_pack("{s:I}", "known", (json_int_t)ask.told);
        return ERR_OK;
    }
    const struct cluster_block_owner *owner =
        cluster_state_block_store(&view->facts, ask.rack, ask.store);
    if (!owner)
        return error_set(err, ERR_UNAVAILABLE, "the store's blocks were freed meanwhile");
    *result = json_pack("{s:I, s:I, s:I, s:o, s:b}", "term_s", (json_int_t)blocks.term_s, "owner",
                        (json_int_t)owner->id, "renewals", (json_int_t)owner->renewals, "blocks",
                        list_blocks(&view->facts, owner->id), "more", grants > 0);
    return ERR_OK;
}
