/* DHCP blocks for racks: see block_decide.h. */
#include "ha/block_decide.h"

#include <stdio.h>
#include <string.h>

#include "ha/plant.h"
#include "src/base/clock.h"

static bool is_free(const struct cluster_state *facts, uint32_t number)
{
    bool found;
    cluster_state_block_at(facts, number, &found);
    return !found;
}

static uint32_t number_of(ip4 address)
{
    return address / CLUSTER_BLOCK_SIZE;
}

/* Has this rack a block in the network; *free counts those that nobody has, up to most. */
static bool has_block(const struct cluster_state *facts, const struct block_need *need,
                      const char *rack, uint32_t most, uint32_t *free)
{
    bool has = false, found;
    uint32_t after = 0; /* ranges may meet within a block: it counts once */
    *free = 0;
    for (int i = 0; i < need->ranges_count; i++) {
        uint32_t last = number_of(need->ranges[i].last), at = number_of(need->ranges[i].first);
        for (at = at < after ? after : at; at <= last && (!has || *free < most); at++) {
            int place = cluster_state_block_at(facts, at, &found);
            const struct cluster_block_owner *owner =
                found ? cluster_state_block_owner(facts, facts->blocks[place].owner) : NULL;
            has = has || (owner && rack && !strcmp(owner->rack, rack));
            *free += !found;
        }
        after = last + 1;
    }
    return has;
}

/* How many the rack may have: the last one is the other rack's as long as that has none. */
static uint32_t allowed(const struct cluster_state *facts, const struct block_need *need)
{
    uint32_t free;
    bool served = has_block(facts, need, need->partner, need->blocks + 1, &free) || !need->partner;
    if (!served)
        free -= free > 0;
    return free < need->blocks ? free : need->blocks;
}

/* The first run of free blocks of a range, from its lower or upper end. */
static bool find_run(const struct cluster_state *facts, const struct block_range *range,
                     bool from_above, struct command_block_grant *grant)
{
    uint32_t first = number_of(range->first), last = number_of(range->last);
    uint32_t blocks = last - first + 1, most = grant->count, skipped = 0;
    while (skipped < blocks && !is_free(facts, from_above ? last - skipped : first + skipped))
        skipped++;
    uint32_t count = 0;
    while (skipped + count < blocks && count < most &&
           is_free(facts, from_above ? last - skipped - count : first + skipped + count))
        count++;
    grant->number = from_above ? last + 1 - skipped - count : first + skipped;
    grant->count = count;
    return count > 0;
}

static bool find_grant(const struct cluster_state *facts, const struct block_need *need,
                       struct command_block_grant *grant)
{
    uint32_t most = need->blocks ? allowed(facts, need) : 0;
    if (most > CLUSTER_BLOCK_RUN)
        most = CLUSTER_BLOCK_RUN;
    for (int i = 0; most && i < need->ranges_count; i++) {
        int at = need->from_above ? need->ranges_count - 1 - i : i;
        grant->count = most;
        if (find_run(facts, &need->ranges[at], need->from_above, grant))
            return true;
    }
    return false;
}

static void propose_own(const struct cluster_block_owner *owner, const struct block_ask *ask,
                        struct command *command)
{
    command->kind = COMMAND_BLOCK_OWN;
    struct command_block_own *own = &command->block_own;
    *own = (struct command_block_own){.sequence = ask->sequence,
                                      .owner = owner ? owner->id : 0,
                                      .renewals = owner ? owner->renewals : 0,
                                      .term_s = ask->term_s,
                                      .longest_s = ask->longest_s};
    snprintf(own->rack, sizeof(own->rack), "%s", ask->rack);
    snprintf(own->store, sizeof(own->store), "%s", ask->store);
}

/* The first run of what is given back and still the owner's. Along the blocks that somebody has:
 * the numbers that a rack names may be millions. */
static bool find_return(const struct cluster_state *facts, const struct cluster_block_owner *owner,
                        const struct block_ask *ask, struct command *command)
{
    bool found;
    for (int i = 0; i < ask->back_count; i++) {
        const struct cluster_block *block =
            facts->blocks + cluster_state_block_at(facts, ask->back[i].first, &found);
        const struct cluster_block *end = facts->blocks + facts->blocks_count;
        while (block < end && block->number <= ask->back[i].last && block->owner != owner->id)
            block++;
        if (block == end || block->number > ask->back[i].last)
            continue;
        uint32_t first = block->number, count = 0;
        while (block < end && count < CLUSTER_BLOCK_RUN && block->owner == owner->id &&
               block->number == first + count && block->number <= ask->back[i].last) {
            block++;
            count++;
        }
        command->kind = COMMAND_BLOCK_RETURN;
        command->block_return = (struct command_block_grant){
            .owner = owner->id, .number = first, .count = count, .renewals = owner->renewals};
        return true;
    }
    return false;
}

enum block_step block_decide(const struct cluster_state *facts, const struct block_ask *ask,
                             struct command *command)
{
    const struct cluster_block_owner *owner =
        cluster_state_block_store(facts, ask->rack, ask->store);
    memset(command, 0, sizeof(*command));
    if (owner && ask->sequence < owner->sequence && !PLANTED(any_sequence))
        return BLOCK_REFUSE;
    if (ask->sequence < ask->told && !PLANTED(any_sequence))
        return BLOCK_BEHIND;
    /* Only by the answer that is the newest: one that came late may have been asked before the rack
     * got such a block again. */
    if (owner && !ask->renewed && (owner->renewals == ask->renewals || PLANTED(late_return)) &&
        find_return(facts, owner, ask, command))
        return BLOCK_PROPOSE;
    if (!owner || !ask->renewed) {
        propose_own(owner, ask, command);
        if (PLANTED(any_sequence) && owner && ask->sequence < owner->sequence)
            command->block_own.sequence = owner->sequence;
        return BLOCK_PROPOSE;
    }
    for (int i = 0; i < ask->needs_count; i++) {
        struct command_block_grant *grant = &command->block_grant;
        if (!find_grant(facts, &ask->needs[i], grant))
            continue;
        command->kind = COMMAND_BLOCK_GRANT;
        grant->owner = owner->id;
        grant->renewals = owner->renewals;
        return BLOCK_PROPOSE;
    }
    return BLOCK_DONE;
}

static bool is_within(const struct block_need *need, uint32_t number)
{
    for (int i = 0; i < need->ranges_count; i++)
        if (number >= number_of(need->ranges[i].first) && number <= number_of(need->ranges[i].last))
            return true;
    return false;
}

void block_accepted(struct block_ask *ask, const struct command *command)
{
    const struct command_block_grant *grant = &command->block_grant;
    ask->renewed = ask->renewed || command->kind == COMMAND_BLOCK_OWN;
    if (command->kind != COMMAND_BLOCK_GRANT)
        return;
    for (int i = 0; i < ask->needs_count; i++) {
        struct block_need *need = &ask->needs[i];
        if (!need->blocks || !is_within(need, grant->number))
            continue;
        need->blocks -= grant->count < need->blocks ? grant->count : need->blocks;
        return;
    }
}

uint64_t block_reclaim_s(const struct cluster_block_owner *owner)
{
    uint64_t term_s = owner->term_s, longest_s = owner->longest_s;
    if (longest_s > term_s)
        longest_s = term_s; /* no lease ends after the term */
    if (PLANTED(reclaim_early))
        return term_s / 2;
    return term_s + (term_s * BLOCK_DRIFT_PERCENT + 99) / 100 + term_s / BLOCK_MARGIN_SHARE +
           (longest_s + 3) / 4 + 1;
}

/* The row of an owner, made anew when its renewal is another one. */
static uint64_t since_of(struct block_watch *watch, const struct cluster_block_owner *owner,
                         uint64_t now_ns)
{
    int at = 0;
    while (at < watch->count && watch->seen[at].owner != owner->id)
        at++;
    if (at == watch->count) {
        ASSERT(watch->count < CLUSTER_BLOCK_OWNERS);
        watch->seen[watch->count++].owner = owner->id;
        watch->seen[at].renewals = 0;
    }
    bool first = watch->seen[at].renewals == 0;
    if (first || (watch->seen[at].renewals != owner->renewals && !PLANTED(reclaim_from_first))) {
        watch->seen[at].renewals = owner->renewals;
        watch->seen[at].since_ns = now_ns;
    }
    return watch->seen[at].since_ns;
}

bool block_watch_look(struct block_watch *watch, const struct cluster_state *facts, uint64_t now_ns,
                      struct command *command)
{
    bool due = false;
    int kept = 0;
    for (int i = 0; i < watch->count; i++)
        if (cluster_state_block_owner(facts, watch->seen[i].owner))
            watch->seen[kept++] = watch->seen[i];
    watch->count = kept;
    memset(command, 0, sizeof(*command));
    for (int i = 0; i < facts->block_owners_count; i++) {
        const struct cluster_block_owner *owner = &facts->block_owners[i];
        uint64_t since_ns = since_of(watch, owner, now_ns);
        if (due || now_ns - since_ns < block_reclaim_s(owner) * CLOCK_S)
            continue;
        due = true;
        command->kind = COMMAND_BLOCK_EXPIRE;
        command->block_expire.owner = owner->id;
        command->block_expire.renewals = owner->renewals;
    }
    return due;
}
