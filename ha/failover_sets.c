/* Who votes on data and who grants leases: see failover_decide.h and docs/ha.md 3 and 5. */
#include "ha/failover_decide.h"

#include "ha/lease.h"
#include "src/base/clock.h"

static bool change(const struct cluster_state *facts, enum command_kind kind, uint64_t member,
                   bool add, struct command *command)
{
    bool acceptors = kind == COMMAND_ACCEPTORS;
    struct command_voter voter = {acceptors ? facts->acceptors_version : facts->voters_version,
                                  facts->primary.epoch, member, add};
    command->kind = kind;
    if (acceptors)
        command->acceptors = voter;
    else
        command->data_voters = voter;
    return true;
}

/* One step at a time, and only when the primary has the names of the present set in force. */
static bool data_voters(const struct cluster_state *facts, const struct failover_watch *watch,
                        struct command *command, const char **why)
{
    const struct cluster_primary *primary = &facts->primary;
    const struct failover_member *serving = failover_watch_member(watch, primary->member);
    if (!serving || serving->status.pg.serves != primary->epoch ||
        serving->status.pg.in_force != facts->voters_version)
        return false;
    const struct cluster_member *ready =
        cluster_state_member(facts, serving->status.pg.ready_voter);
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        const struct failover_member *heard = failover_watch_member(watch, member->id);
        /* With two, both must report: taking one's vote would make the other a majority alone. */
        if (heard && heard->status.pg.asks_out && member->data_voter &&
            failover_watch_hears(watch, member->id, FAILOVER_HEARD_MS) &&
            cluster_state_voters(facts) > 2 && member->id != primary->member) {
            *why = "a member's data must be made anew";
            return change(facts, COMMAND_DATA_VOTERS, member->id, false, command);
        }
    }
    if (!ready || ready->data_voter || ready->id == facts->leaving)
        return false;
    *why = "a member has caught up";
    return change(facts, COMMAND_DATA_VOTERS, ready->id, true, command);
}

/* The next change waits until no promise of two sets ago can live, counted from when a majority of
 * the present set reported it, or from this leader's own barrier. */
static bool acceptors(const struct cluster_state *facts, const struct failover_watch *watch,
                      struct command *command, const char **why)
{
    uint64_t since_ns =
        watch->version_ns > watch->barrier_ns ? watch->version_ns : watch->barrier_ns;
    uint64_t wait_ns = 2 * (lease_promise_end_ns(0, facts->lease_ms_max));
    if (!watch->version_ns || watch->now_ns - since_ns < wait_ns)
        return false;
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        if (member->acceptor || member->id == facts->leaving ||
            !failover_watch_hears(watch, member->id, FAILOVER_HEARD_MS))
            continue;
        *why = "a member grants no leases yet";
        return change(facts, COMMAND_ACCEPTORS, member->id, true, command);
    }
    return false;
}

bool failover_sets(const struct cluster_state *facts, const struct failover_watch *watch,
                   struct command *command, const char **why)
{
    if (facts->primary.phase != CLUSTER_SERVING)
        return false;
    *command = (struct command){0};
    return data_voters(facts, watch, command, why) || acceptors(facts, watch, command, why);
}
