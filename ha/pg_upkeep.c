/*
 * What keeps a running PostgreSQL as it should be: the watch, the standby names in force, who may
 * become a data voter, a switchover, what others see. Loop thread. See pg_upkeep.h.
 */
#include <stdlib.h>
#include <string.h>

#include "ha/pg_upkeep.h"
#include "src/base/clock.h"
#include "src/base/hash.h"
#include "src/base/log.h"

enum {
    LATE_LOOKS = 3,       /* a loop that was held up itself is no evidence, */
    LATE_APART_MS = 20,   /* nor are the looks that follow each other when it goes on */
    CALM_MS = 1000,       /* clients come in after a failover; then its checkpoint is made */
    GONE_LOOKS = 5,       /* watches without a stream of the next voter: a second */
    BELOW_MS = 5000,      /* a member that catches up is below its floor for a moment */
    LOST_AFTER_MS = 5000, /* a standby that does not stream asks why */
    HANDED_OVER_MS = 2000,
    SHUTDOWN_MS = 1000, /* of a switchover; then it is an ordinary failover */
};

/* ---- steering ---- */

static uint64_t hash_members(const struct cluster_state *facts)
{
    uint64_t hash = 0;
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        hash = hash * 31 + hash_bytes(member->name, strlen(member->name)) + member->id;
    }
    return hash;
}

/* Before the second data voter is in the facts its name is in force already. */
static void names_of(const struct pg_member *member, char names[CLUSTER_STANDBY_NAMES])
{
    struct cluster_state facts = member->facts;
    for (int i = 0; i < facts.members_count; i++)
        facts.members[i].data_voter |= member->preset && facts.members[i].id == member->preset;
    cluster_state_standby_names(&facts, member->self, names);
}

void pg_upkeep_wanted(const struct pg_member *member, struct pg_steering *wanted)
{
    memset(wanted, 0, sizeof(*wanted));
    names_of(member, wanted->names);
    wanted->source = member->seen.source;
    wanted->open = member->seen.open;
    wanted->members = hash_members(&member->facts);
    wanted->revoked = member->setup.settings->revoked_generation;
}

void pg_upkeep_floor(struct pg_member *member, uint64_t now_ns)
{
    uint64_t epoch = member->facts.primary.epoch, floor = member->seen.floor;
    struct error err;
    if (epoch >= floor) {
        if (member->below_ns && now_ns - member->below_ns >= BELOW_MS * CLOCK_MS) {
            member->problem[0] = '\0';
            member->wait_until_ns = now_ns;
        }
        member->below_ns = 0;
        return;
    }
    if (!member->below_ns)
        member->below_ns = now_ns;
    if (now_ns - member->below_ns < BELOW_MS * CLOCK_MS)
        return;
    error_set(&err, ERR_CONFLICT,
              "this region acted in epoch %llu, and the cluster knows of %llu only: it waits for "
              "the rest; if the others were put back from a backup, remove it and join it again",
              (unsigned long long)floor, (unsigned long long)epoch);
    pg_member_fail(member, &err, BELOW_MS);
}

static bool is_primary(const struct pg_member *member)
{
    const struct cluster_primary *primary = &member->facts.primary;
    return member->seen.running && member->seen.open && primary->phase == CLUSTER_SERVING &&
           primary->member == member->self && member->seen.started_for == primary->epoch;
}

int pg_upkeep_next(const struct pg_member *member, uint64_t now_ns)
{
    struct pg_steering wanted;
    const struct member_observed *seen = &member->seen;
    bool primary = is_primary(member);
    if (!seen->running || !seen->answers || (seen->promoted && !primary) ||
        (seen->source && seen->source != member->facts.primary.epoch))
        return 0;
    pg_upkeep_wanted(member, &wanted);
    bool names = strcmp(wanted.names, member->in_force.names) != 0;
    if (primary && (names || member->in_force_version != member->facts.voters_version))
        return PG_STEP_NAMES;
    if (names || wanted.members != member->in_force.members ||
        wanted.revoked != member->in_force.revoked)
        return PG_STEP_STEER;
    if (primary && !member->checkpointed && now_ns >= member->opened_ns + CALM_MS * CLOCK_MS)
        return PG_STEP_CHECKPOINT; /* who rewinds waits for it */
    if (seen->source && !member->streams && now_ns >= member->lost_next_ns)
        return PG_STEP_LOST;
    return 0;
}

/* ---- the watch ---- */

/* A member that was to become a voter and went away: its vote is not asked for any more, and its
 * name leaves the standby names, else a lone primary would wait for it with every commit. */
static void take_back_gone(struct pg_member *member)
{
    uint64_t id = member->preset ? member->preset : member->ready_voter;
    const struct cluster_member *who = cluster_state_member(&member->facts, id);
    bool streams = false;
    for (int i = 0; i < member->replicas_count; i++)
        streams |= member->replicas[i].member == id && member->replicas[i].streams;
    member->gone_looks = !id || streams || (who && who->data_voter) ? 0 : member->gone_looks + 1;
    if (member->gone_looks < GONE_LOOKS)
        return;
    log_warning("PostgreSQL: member %llu went away before it got its data vote",
                (unsigned long long)id);
    member->preset = member->ready_voter = 0;
    member->in_force_version = 0; /* whatever names a step was about to put in force: again */
    member->gone_looks = 0;
    if (member->db_used && member->op_kind == PG_STEP_NAMES) {
        db_break(member->db); /* its marker waits for that member */
        member->db_broken = true;
    }
}

/* One that has flushed what was written when the present set came in force may become a voter. */
static void look_for_ready(struct pg_member *member)
{
    if (!is_primary(member) || member->in_force_version != member->facts.voters_version)
        return;
    for (int i = 0; i < member->replicas_count && !member->ready_voter; i++) {
        const struct pg_replica *replica = &member->replicas[i];
        const struct cluster_member *who = cluster_state_member(&member->facts, replica->member);
        if (!who || who->data_voter || who->id == member->facts.leaving || !replica->streams ||
            replica->flushed_lsn < member->ready_mark)
            continue;
        if (cluster_state_voters(&member->facts) > 1)
            member->ready_voter = who->id;
        else if (!member->preset)
            member->preset = who->id; /* ready once its name is in force */
        return;
    }
}

struct watch_work {
    struct pg_member *member;
    uint64_t serial, started_for;
    struct pg_watch watch;
};

static void run_watch(void *subject)
{
    struct watch_work *work = subject;
    pg_watch_run(&work->watch);
}

static void take_watch(struct pg_member *member, const struct pg_watch *watch, uint64_t now_ns)
{
    if (watch->code || !member->seen.running)
        return;
    if (watch->primary) {
        member->watch_good_ns = now_ns;
        member->replicas_count = watch->replicas_count;
        memcpy(member->replicas, watch->replicas, sizeof(member->replicas));
        take_back_gone(member);
        look_for_ready(member);
    }
    member->streams = watch->streams;
    member->warm |= watch->warmed;
    if (watch->streams || watch->lsn != member->position.lsn)
        member->lost_next_ns = now_ns + LOST_AFTER_MS * CLOCK_MS;
    member->position.lsn = watch->lsn;
}

static void finish_watch(void *subject)
{
    struct watch_work *work = subject;
    struct pg_member *member = work->member;
    uint64_t now_ns = clock_boot_ns();
    if (op_end(&member->watch, work->serial) && work->started_for == member->seen.started_for &&
        work->watch.primary == (member->seen.promoted && member->seen.open))
        take_watch(member, &work->watch, now_ns);
    free(work);
    member->setup.events.changed(member->setup.owner);
}

/* A connection that is there already says nothing of the postmaster: new ones are made as well. */
struct dial_work {
    struct pg_member *member;
    uint64_t serial;
    bool taken;
    char conninfo[LIMIT_PATH + 128];
};

static void run_dial(void *subject)
{
    struct dial_work *work = subject;
    work->taken = pg_watch_dial(work->conninfo);
}

static void finish_dial(void *subject)
{
    struct dial_work *work = subject;
    struct pg_member *member = work->member;
    if (op_end(&member->dial, work->serial) && work->taken)
        member->dial_good_ns = clock_boot_ns();
    free(work);
}

static void dial(struct pg_member *member, uint64_t now_ns)
{
    if (op_busy(&member->dial) || now_ns < member->dial_next_ns)
        return;
    struct dial_work *work = calloc(1, sizeof(*work));
    ASSERT(work);
    work->member = member;
    work->serial = op_begin(&member->dial, "dial", 0);
    pg_files_supervisor(&member->files, work->conninfo, sizeof(work->conninfo));
    member->dial_next_ns = now_ns + PG_WATCH_DIAL_MS * CLOCK_MS;
    loop_run_blocking(member->setup.loop, run_dial, finish_dial, work);
}

/* Others may begin to take over while the last of it ends: they need no more than the word. */
void pg_member_broke(struct pg_member *member)
{
    if (!is_primary(member) || member->failed == member->seen.started_for)
        return;
    log_error("PostgreSQL's first process has ended: its lease is not renewed");
    member->failed = member->seen.started_for;
    member->setup.events.changed(member->setup.owner);
}

/* Promoted, and its marker or a copy that the marker needs is waited for. What it writes may take
 * long meanwhile. */
static bool comes_to_serve(const struct pg_member *member)
{
    const struct cluster_primary *primary = &member->facts.primary;
    const struct member_observed *seen = &member->seen;
    return primary->phase == CLUSTER_SET && primary->member == member->self && seen->running &&
           seen->promoted && seen->answers && !seen->in_recovery &&
           seen->started_for == primary->epoch;
}

static bool is_silent(const struct pg_member *member, uint64_t now_ns)
{
    return (member->seen.open && now_ns > member->watch_good_ns + PG_WATCH_FAILED_MS * CLOCK_MS) ||
           now_ns > member->dial_good_ns + PG_WATCH_DIAL_FAILED_MS * CLOCK_MS;
}

static void judge_silence(struct pg_member *member, uint64_t now_ns)
{
    if (member->dialled_for != member->seen.started_for) {
        member->dialled_for = member->seen.started_for;
        member->dial_good_ns = now_ns;
    }
    if (!is_silent(member, now_ns)) {
        member->watch_late = 0;
        return;
    }
    if (member->failed == member->seen.started_for ||
        (member->watch_late && now_ns < member->late_ns + LATE_APART_MS * CLOCK_MS))
        return;
    member->late_ns = now_ns;
    if (++member->watch_late >= LATE_LOOKS) {
        member->failed = member->seen.started_for;
        log_error("PostgreSQL does not write any more, or takes no connection: its lease is not "
                  "renewed");
    }
}

/* A copy of another epoch's primary, which may hang as long as that one does. */
static void give_up_copy(struct pg_member *member)
{
    if (op_busy(&member->op) && member->op_kind == MEMBER_CLONE &&
        member->op_epoch != member->facts.primary.epoch)
        atomic_store(&member->over, true);
}

void pg_upkeep_watch(struct pg_member *member, uint64_t now_ns)
{
    bool primary = is_primary(member);
    bool standby = member->seen.running && member->seen.answers && !member->seen.promoted;
    give_up_copy(member);
    if (primary || comes_to_serve(member)) {
        judge_silence(member, now_ns);
        dial(member, now_ns);
    }
    if ((!primary && !standby) || op_busy(&member->watch) || now_ns < member->watch_next_ns)
        return;
    struct watch_work *work = calloc(1, sizeof(*work));
    ASSERT(work);
    work->member = member;
    work->watch.db = member->watch_db;
    work->watch.primary = primary;
    if (standby && member->streams && !member->warm)
        pg_files_warm(&member->files, work->watch.warm, sizeof(work->watch.warm));
    work->started_for = member->seen.started_for;
    work->serial = op_begin(&member->watch, "watch", 0);
    member->watch_next_ns = now_ns + PG_WATCH_MS * CLOCK_MS;
    loop_run_blocking(member->setup.loop, run_watch, finish_watch, work);
}

/* ---- switchover ---- */

enum error_code pg_member_switch(struct pg_member *member, uint64_t to, struct error *err)
{
    const struct pg_replica *best = NULL;
    if (!is_primary(member) || member->failed)
        return error_set(err, ERR_CONFLICT, "this region is not the serving primary");
    if (member->change.epoch == member->seen.started_for)
        return error_set(err, ERR_BUSY, "a switchover is under way");
    for (int i = 0; i < member->replicas_count; i++) {
        const struct pg_replica *replica = &member->replicas[i];
        const struct cluster_member *who = cluster_state_member(&member->facts, replica->member);
        if (!who || !who->data_voter || !replica->streams || (to && to != who->id))
            continue;
        if (!best || replica->flushed_lsn > best->flushed_lsn)
            best = replica;
    }
    if (!best)
        return error_set(err, ERR_CONFLICT,
                         to ? "that region is no standby that streams with a data vote"
                            : "no standby that streams with a data vote could take over");
    member->change = (struct pg_change){.epoch = member->seen.started_for, .to = best->member};
    log_info("switchover to member %llu", (unsigned long long)best->member);
    return ERR_OK;
}

bool pg_upkeep_change(struct pg_member *member)
{
    struct pg_change *change = &member->change;
    const struct member_observed *seen = &member->seen;
    const struct cluster_primary *primary = &member->facts.primary;
    uint64_t now_ns = clock_boot_ns();
    if (!change->epoch)
        return false;
    if (primary->epoch != change->epoch || primary->phase != CLUSTER_SERVING ||
        (change->stopped_ns && now_ns > change->stopped_ns + HANDED_OVER_MS * CLOCK_MS)) {
        *change = (struct pg_change){0}; /* done, or an ordinary failover by now */
        return false;
    }
    if (op_busy(&member->op) || change->stopped_ns || now_ns < member->wait_until_ns)
        return true;
    if (seen->running && !change->stopping)
        pg_member_begin(member, PG_STEP_CHECKPOINT);
    else if (seen->running)
        pg_orders_stop(member, FENCE_STOP_FAST, SHUTDOWN_MS);
    else
        pg_member_begin(member, PG_STEP_STOPPED);
    return true;
}

void pg_upkeep_stopped(struct pg_member *member)
{
    struct switch_word word = {member->change.epoch, member->change.to};
    member->change.stopped_ns = clock_boot_ns();
    leases_release(member->setup.leases, &member->hold);
    member->setup.events.switched(member->setup.owner, &word);
}

/* ---- what others see ---- */

uint64_t pg_member_serves(const struct pg_member *member)
{
    return member->step == MEMBER_STEADY && member->seen.running && !member->change.stopping
               ? member->seen.started_for
               : 0;
}

void pg_member_status(const struct pg_member *member, struct pg_status *status)
{
    const struct cluster_primary *primary = &member->facts.primary;
    const struct floor_values *stored = floor_stored(member->setup.floor);
    const struct member_observed *seen = &member->seen;
    bool handing_over = member->change.epoch && member->change.epoch == primary->epoch;
    *status = (struct pg_status){.reported = stored->reported,
                                 .timeline = stored->place.timeline,
                                 .lsn = stored->place.lsn,
                                 .priority = seen->running && seen->answers && !seen->promoted,
                                 .serves = pg_member_serves(member),
                                 .failed = member->failed,
                                 .asks_out = member->step == MEMBER_ASK_OUT,
                                 .system_id = primary->system_id};
    if (member->queried && !seen->running && !handing_over) {
        if (seen->promoted)
            status->died = seen->started_for;
        if (primary->member == member->self && primary->phase == CLUSTER_SERVING)
            status->died = primary->epoch; /* also after a restart of the host */
    }
    if (op_busy(&member->op) && member->op_kind == MEMBER_CLONE && primary->phase == CLUSTER_SET)
        status->copies = member->op_epoch;
    if (status->serves) {
        status->in_force = member->in_force_version;
        status->ready_voter = member->ready_voter;
    }
}

void pg_member_report(const struct pg_member *member, struct pg_report *report)
{
    const struct member_observed *seen = &member->seen;
    report->role = !seen->running                  ? "stopped"
                   : !seen->answers                ? "starting"
                   : !seen->promoted               ? "standby"
                   : member->step == MEMBER_STEADY ? "primary"
                                                   : "starting";
    report->step = member_decide_word((enum member_step)member->step);
    report->problem = member->problem;
    report->timeline = seen->promoted ? seen->timeline : member->position.timeline;
    report->lsn = member->position.lsn;
    report->epoch = seen->started_for;
}
