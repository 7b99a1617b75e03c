/* Who is primary next: see failover_decide.h and docs/ha.md 5. */
#include "ha/failover_decide.h"

#include <string.h>

#include "ha/plant.h"
#include "src/base/clock.h"

/* What an acceptor last said of a resource: no promise for this epoch, after the phase began. */
static bool says_unpromised(const struct failover_watch *watch, uint64_t id,
                            struct lease_resource resource, uint64_t epoch)
{
    const struct failover_member *member = failover_watch_member(watch, id);
    if (!failover_watch_hears(watch, id, FAILOVER_HEARD_MS) || member->heard_ns < watch->phase_ns)
        return false;
    for (int i = 0; i < member->status.promised_count; i++) {
        const struct lease_promised *promised = &member->status.promised[i];
        if (lease_resource_equal(promised->resource, resource) && promised->epoch == epoch &&
            promised->live)
            return false;
    }
    return true;
}

bool failover_unpromised(const struct cluster_state *facts, const struct failover_watch *watch,
                         struct lease_resource resource, uint64_t epoch)
{
    int acceptors = 0, unpromised = 0;
    for (int i = 0; i < facts->members_count; i++) {
        if (!facts->members[i].acceptor)
            continue;
        acceptors++;
        unpromised += says_unpromised(watch, facts->members[i].id, resource, epoch);
    }
    return 2 * unpromised > acceptors;
}

static bool fence(const struct cluster_state *facts, uint64_t prefer, struct command *command)
{
    *command = (struct command){
        .kind = COMMAND_FENCE,
        .fence = {facts->primary.epoch, facts->primary.phase, prefer},
    };
    return true;
}

/* A majority of the data voters was heard within a second: somebody could take over. */
static bool voters_are_there(const struct cluster_state *facts, const struct failover_watch *watch)
{
    int voters = 0, heard = 0;
    for (int i = 0; i < facts->members_count; i++) {
        if (!facts->members[i].data_voter)
            continue;
        voters++;
        heard += failover_watch_hears(watch, facts->members[i].id, FAILOVER_HEARD_MS);
    }
    return 2 * heard > voters;
}

static bool while_serving(const struct cluster_state *facts, const struct failover_watch *watch,
                          struct command *command, const char **why)
{
    static const struct lease_resource lease = {CLUSTER_LEASE_PRIMARY, 0};
    const struct cluster_primary *primary = &facts->primary;
    const struct failover_member *member = failover_watch_member(watch, primary->member);
    if (member && member->status.pg.died == primary->epoch) {
        *why = "the primary has died";
        return fence(facts, 0, command);
    }
    if (!voters_are_there(facts, watch)) {
        *why = "too few data voters answer to replace the primary";
        return false;
    }
    if (member && member->status.pg.failed == primary->epoch) {
        *why = "the primary does not write any more";
        return fence(facts, 0, command);
    }
    if (failover_unpromised(facts, watch, lease, primary->epoch)) {
        *why = "a majority promises the primary's lease no more";
        /* Apply refuses a preferred one without a data vote, for ever: it may have lost it. */
        const struct cluster_member *heir = cluster_state_member(facts, watch->switch_to);
        bool orderly = watch->switch_ready && heir && heir->data_voter;
        return fence(facts, orderly ? heir->id : 0, command);
    }
    *why = "serving";
    return false;
}

static bool while_set(const struct cluster_state *facts, const struct failover_watch *watch,
                      struct command *command, const char **why)
{
    const struct cluster_primary *primary = &facts->primary;
    const struct failover_member *member = failover_watch_member(watch, primary->member);
    uint64_t limit_ms = 2 * (uint64_t)primary->lease_ms;
    if (limit_ms < FAILOVER_SET_MS)
        limit_ms = FAILOVER_SET_MS;
    /* Who has copied starts, follows and acknowledges after that: it has the same time again. */
    bool there = failover_watch_hears(watch, primary->member, FAILOVER_HEARD_MS);
    uint64_t since_ns = there && watch->copied_ns ? watch->copied_ns : watch->phase_ns;
    if (primary->declined)
        *why = "the named member gave the epoch back";
    else if (member && member->status.pg.died == primary->epoch)
        *why = "the named member's PostgreSQL has died";
    else if (member && member->status.pg.failed == primary->epoch)
        *why = "the named member's PostgreSQL does not answer any more";
    else if (watch->now_ns - since_ns > limit_ms * CLOCK_MS ||
             watch->now_ns - watch->phase_ns > FAILOVER_COPY_MS * CLOCK_MS)
        *why = "the named member does not come to serve";
    else {
        *why = "the named member is coming up";
        return false;
    }
    return fence(facts, 0, command);
}

/* Only a report of this very epoch counts; that it is durable is the reporter's promise. */
static bool has_reported(const struct failover_member *member, uint64_t epoch)
{
    return member && member->status.pg.reported == epoch;
}

bool failover_better(const struct failover_member *a, const struct failover_member *b,
                     uint64_t prefer)
{
    const struct pg_status *x = &a->status.pg, *y = &b->status.pg;
    ASSERT(x->reported && x->reported == y->reported);
    if (x->timeline != y->timeline && !PLANTED(choose_by_lsn))
        return x->timeline > y->timeline;
    if (x->lsn != y->lsn)
        return x->lsn > y->lsn;
    if ((a->id == prefer) != (b->id == prefer))
        return a->id == prefer;
    if (x->priority != y->priority)
        return x->priority > y->priority;
    return a->id < b->id;
}

/* Each epoch that never serves leaves a timeline and a file of the log behind on who was promoted:
 * when one follows the other for long, they come less often. */
static bool rests(const struct cluster_state *facts, const struct failover_watch *watch)
{
    uint64_t in_vain = facts->primary.epoch - facts->primary.served_epoch;
    uint64_t over = in_vain > FAILOVER_IN_VAIN ? in_vain - FAILOVER_IN_VAIN : 0;
    uint64_t rest_ms = over < FAILOVER_REST_MS / 1000 ? over * 1000 : FAILOVER_REST_MS;
    return watch->now_ns - watch->phase_ns < rest_ms * CLOCK_MS;
}

static bool while_fenced(const struct cluster_state *facts, const struct failover_watch *watch,
                         struct command *command, const char **why)
{
    const struct cluster_primary *primary = &facts->primary;
    const struct failover_member *best = NULL;
    int voters = 0, reported = 0;
    for (int i = 0; i < facts->members_count; i++) {
        const struct failover_member *member = failover_watch_member(watch, facts->members[i].id);
        voters += facts->members[i].data_voter;
        if (!facts->members[i].data_voter || !has_reported(member, primary->epoch))
            continue;
        reported++;
        if (!best || failover_better(member, best, primary->prefer))
            best = member;
    }
    *why = "waiting for the reports of a majority of the data voters";
    if (2 * reported <= voters && !(PLANTED(report_minority) && reported > 0))
        return false;
    ASSERT(best);
    bool waits = primary->prefer && best->id != primary->prefer &&
                 !has_reported(failover_watch_member(watch, primary->prefer), primary->epoch) &&
                 watch->now_ns - watch->phase_ns < FAILOVER_PREFER_MS * CLOCK_MS;
    *why = waits ? "waiting for the preferred member's report" : "the most advanced data voter";
    if (waits)
        return false;
    if (rests(facts, watch)) {
        *why = "many epochs in a row did not come to serve: the next one comes later";
        return false;
    }
    /* Above all that were reserved, and above the one its data began on. */
    uint32_t above = primary->timeline_reserved > best->status.pg.timeline
                         ? primary->timeline_reserved
                         : best->status.pg.timeline;
    *command = (struct command){
        .kind = COMMAND_SET,
        .set = {primary->epoch, best->id, above + 1, ""},
    };
    cluster_state_standby_names(facts, best->id, command->set.standby_names);
    return true;
}

bool failover_primary(const struct cluster_state *facts, const struct failover_watch *watch,
                      struct command *command, const char **why)
{
    switch ((enum cluster_phase)facts->primary.phase) {
    case CLUSTER_NEVER: /* the first member makes the database and reports in the first epoch */
        *why = "the first epoch";
        return fence(facts, 0, command);
    case CLUSTER_FENCED:
        return while_fenced(facts, watch, command, why);
    case CLUSTER_SET:
        return while_set(facts, watch, command, why);
    case CLUSTER_SERVING:
        return while_serving(facts, watch, command, why);
    case CLUSTER_PHASES:
        break;
    }
    ASSERT(!"phase");
    return false;
}

/* What the slowest member knows. One that is not heard may come back as it was. */
static bool level(const struct cluster_state *facts, const struct failover_watch *watch,
                  struct command *command, const char **why)
{
    uint32_t least = COMMAND_LEVEL;
    for (int i = 0; i < facts->members_count; i++) {
        const struct failover_member *member = failover_watch_member(watch, facts->members[i].id);
        if (!failover_watch_hears(watch, facts->members[i].id, FAILOVER_HEARD_MS))
            return false;
        if (member->status.level < least)
            least = member->status.level;
    }
    if (least <= facts->schema_level)
        return false;
    *why = "every member's program knows more";
    *command = (struct command){.kind = COMMAND_SCHEMA, .schema = {least}};
    return true;
}

bool failover_decide(const struct cluster_state *facts, const struct failover_watch *watch,
                     struct command *command, const char **why)
{
    const char *other = "";
    if (!facts->name[0]) {
        *why = "no cluster yet";
        return false;
    }
    if (failover_primary(facts, watch, command, why))
        return true;
    if (!level(facts, watch, command, &other) && !failover_sets(facts, watch, command, &other) &&
        !failover_vips(facts, watch, command, &other))
        return false;
    *why = other;
    return true;
}
