/* This member's PostgreSQL: see pg_member.h; docs/ha.md has the rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/lease.h"
#include "ha/pg_copy.h"
#include "ha/pg_upkeep.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum {
    PROBE_MS = 20,         /* between looks while it comes up */
    PROMOTE_MS = 5,        /* and while it is promoted */
    REPORT_LATE_MS = 1500, /* one that is down lets those report first that could serve at once */
    IDLE_MS = 200,         /* between looks at a steady one */
    RETRY_MS = PG_UPKEEP_RETRY_MS,
    SOON_MS = 40,        /* after one that waits for somebody else */
    PROPOSE_MS = 100,    /* before the same is proposed again */
    STOP_FAST_MS = 5000, /* of a standby: it starts quickly after an orderly shutdown */
    RECOVER_TRIES = 3,
};

static void on_timer(struct loop_timer *timer);

struct pg_member *pg_member_new(const struct pg_member_setup *setup)
{
    struct pg_member *member = calloc(1, sizeof(*member));
    char conninfo[LIMIT_PATH + 128];
    ASSERT(member);
    member->setup = *setup;
    pg_files_init(&member->files, setup->settings);
    pg_files_supervisor(&member->files, conninfo, sizeof(conninfo));
    member->db = db_new(conninfo);
    member->watch_db = db_new(conninfo);
    loop_timer_init(setup->loop, &member->timer, on_timer);
    return member;
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct pg_member *member = container_of(timer, struct pg_member, timer);
    db_free(member->db);
    db_free(member->watch_db);
    free(member);
}

void pg_member_free(struct pg_member *member)
{
    leases_forget(member->setup.leases, &member->hold);
    loop_timer_close(&member->timer, on_timer_closed);
}

static void changed(struct pg_member *member)
{
    member->setup.events.changed(member->setup.owner);
}

static void on_timer(struct loop_timer *timer)
{
    changed(container_of(timer, struct pg_member, timer));
}

void pg_member_fail(struct pg_member *member, const struct error *err, uint64_t wait_ms)
{
    if (strcmp(member->problem, err->text))
        log_error("PostgreSQL: %s", err->text);
    snprintf(member->problem, sizeof(member->problem), "%.255s", err->text);
    member->wait_until_ns = clock_boot_ns() + wait_ms * CLOCK_MS;
}

/* ---- blocking work ---- */

struct pg_work {
    struct pg_member *member;
    uint64_t serial;
    struct pg_steering steering; /* that is in force when it has succeeded */
    struct pg_step step;
};

static void after_step(struct pg_member *member, const struct pg_work *work);

static void run_work(void *subject)
{
    struct pg_work *work = subject;
    pg_step_run(&work->step);
}

static void finish_work(void *subject)
{
    struct pg_work *work = subject;
    struct pg_member *member = work->member;
    char conninfo[LIMIT_PATH + 128];
    member->db_used = false;
    if (member->db_broken) {
        pg_files_supervisor(&member->files, conninfo, sizeof(conninfo));
        db_redirect(member->db, conninfo);
    }
    member->db_broken = false;
    if (op_end(&member->op, work->serial))
        after_step(member, work);
    free(work);
    changed(member);
}

static bool changes_steering(int kind)
{
    return kind == MEMBER_START || kind == MEMBER_FREEZE || kind == MEMBER_OPEN ||
           kind == MEMBER_FOLLOW || kind == PG_STEP_STEER || kind == PG_STEP_NAMES;
}

static void fill_step(const struct pg_member *member, int kind, struct pg_work *work)
{
    const struct floor_values *floor = floor_stored(member->setup.floor);
    struct pg_step *step = &work->step;
    pg_upkeep_wanted(member, &work->steering);
    if (kind == MEMBER_START || kind == MEMBER_FREEZE)
        work->steering.source = 0;
    if (kind == MEMBER_START)
        work->steering.open = false;
    if (kind == MEMBER_FOLLOW)
        work->steering.source = member->facts.primary.epoch;
    if (kind == MEMBER_OPEN)
        work->steering.open = true;
    step->kind = kind;
    step->files = &member->files;
    step->db = member->db;
    step->facts = member->facts;
    step->self = member->self;
    memcpy(step->names, work->steering.names, sizeof(step->names));
    step->source = work->steering.source;
    step->open = work->steering.open;
    step->revokes = work->steering.revoked != 0;
    step->answers = member->seen.running && member->seen.answers;
    step->reported = floor->reported;
    step->reported_place = floor->place;
    step->positioned = member->positioned;
    step->position = member->taken;
    step->seen = member->position;
    step->over = &member->over;
}

static void run_step(struct pg_member *member, uint64_t serial)
{
    struct pg_work *work = calloc(1, sizeof(*work));
    ASSERT(work && !member->db_used);
    work->member = member;
    work->serial = serial;
    fill_step(member, member->op_kind, work);
    if (member->op_kind == MEMBER_PROMOTE) {
        /* The file that the step writes may promote it by itself. From here on it is a primary for
         * all that must end one: its lease is not given back before it has stopped. */
        member->seen.promoted = true;
        member->seen.started_for = member->facts.primary.epoch;
        member->positioned = false;
    }
    member->db_used = true;
    member->op_epoch = member->facts.primary.epoch;
    atomic_store(&member->over, false);
    loop_run_blocking(member->setup.loop, run_work, finish_work, work);
}

/* The floor of a step is durable: the step, if its epoch is still the cluster's. */
struct floor_wait {
    struct pg_member *member;
    uint64_t serial, epoch;
};

/* Seconds may have passed since the promote was decided on. */
static bool is_still_named(const struct pg_member *member, uint64_t epoch)
{
    const struct cluster_primary *primary = &member->facts.primary;
    return primary->epoch == epoch && primary->phase == CLUSTER_SET &&
           primary->member == member->self && !primary->declined &&
           pg_member_lease_live(member, epoch);
}

static void on_floor(void *subject)
{
    struct floor_wait wait = *(struct floor_wait *)subject;
    struct pg_member *member = wait.member;
    free(subject);
    if (!op_end(&member->op, wait.serial))
        return;
    if (wait.epoch == member->facts.primary.epoch && !member->db_used &&
        (member->op_kind != MEMBER_PROMOTE || is_still_named(member, wait.epoch))) {
        uint64_t serial = op_begin(&member->op, pg_step_word(member->op_kind), 0);
        run_step(member, serial);
    }
    changed(member);
}

/* What must be on disk before the step. True = it is. */
static bool raise_floor(struct pg_member *member, int kind, uint64_t serial)
{
    struct floor_values *wanted = floor_wanted(member->setup.floor);
    uint64_t epoch = member->facts.primary.epoch;
    if (kind != MEMBER_START && kind != MEMBER_FOLLOW && kind != MEMBER_PROMOTE)
        return true;
    if (wanted->pg_epoch < epoch)
        wanted->pg_epoch = epoch;
    wanted->had_data = 1;
    if (kind == MEMBER_PROMOTE && wanted->tried < epoch)
        wanted->tried = epoch;
    struct floor_wait *wait = calloc(1, sizeof(*wait));
    ASSERT(wait);
    *wait = (struct floor_wait){member, serial, epoch};
    if (!floor_sync(member->setup.floor, on_floor, wait))
        return false;
    free(wait);
    return true;
}

void pg_member_begin(struct pg_member *member, int kind)
{
    if (member->db_used)
        return; /* a step that was given up still has the connection: it ends with PostgreSQL */
    uint64_t serial = op_begin(&member->op, pg_step_word(kind), 0);
    member->op_kind = kind;
    if (raise_floor(member, kind, serial))
        run_step(member, serial);
}

/* ---- what a step did ---- */

static void after_report(struct pg_member *member, const struct pg_work *work)
{
    struct floor_values *wanted = floor_wanted(member->setup.floor);
    if (member->amnesia || work->step.facts.primary.epoch != member->facts.primary.epoch)
        return;
    wanted->pg_epoch = wanted->reported = member->facts.primary.epoch;
    wanted->place = member->taken.place;
    wanted->had_data = 1;
    uint64_t serial = op_begin(&member->op, "report", 0); /* until it is durable */
    struct floor_wait *wait = calloc(1, sizeof(*wait));
    ASSERT(wait);
    *wait = (struct floor_wait){member, serial, 0};
    if (floor_sync(member->setup.floor, on_floor, wait))
        on_floor(wait);
}

/* Its data is another member's now, which writes on the timeline of its epoch: what this one said
 * of its own is settled. */
static void after_copy(struct pg_member *member, const struct cluster_primary *primary)
{
    log_info("PostgreSQL: the data is member %llu's, epoch %llu",
             (unsigned long long)primary->member, (unsigned long long)primary->epoch);
    floor_wanted(member->setup.floor)->place = (struct pg_wal_place){primary->timeline, 0};
    member->diverged = member->must_clone = 0;
    member->recoveries = 0;
    member->positioned = member->amnesia = false;
}

static void after_open(struct pg_member *member, const struct pg_work *work)
{
    member->seen.open = true;
    member->in_force_version = work->step.facts.voters_version;
    member->ready_mark = work->step.seen.lsn;
    member->watch_good_ns = member->dial_good_ns = member->opened_ns = clock_boot_ns();
    member->watch_late = 0;
    member->watch_next_ns = 0;
}

static void after_names(struct pg_member *member, const struct pg_work *work)
{
    member->in_force_version = work->step.facts.voters_version;
    member->ready_mark = work->step.seen.lsn;
    member->ready_voter = 0;
    if (!member->preset)
        return;
    const struct cluster_member *who = cluster_state_member(&member->facts, member->preset);
    if (!who || who->data_voter)
        member->preset = 0;
    else
        member->ready_voter = member->preset;
}

/* What was written is in force, or is not: the next look puts it right, and until then it follows
 * whom it may follow. */
static void after_failed_steering(struct pg_member *member, const struct pg_step *step)
{
    memset(&member->in_force, 0, sizeof(member->in_force));
    if (!step->source || !member->seen.running)
        return;
    member->seen.source = step->source;
    member->seen.receiving = true;
    member->positioned = false;
}

static void after_failure(struct pg_member *member, const struct pg_work *work)
{
    int kind = work->step.kind;
    bool waits = kind == MEMBER_FOLLOW && work->step.code == ERR_UNAVAILABLE;
    if (kind == PG_STEP_LOOK) {
        member->seen.answers = false; /* still starting, or stopping: no error yet */
        return;
    }
    if (kind == MEMBER_CLONE && atomic_load(&member->over))
        return; /* it was given up: what comes next waits for nothing */
    if (work->step.steered)
        after_failed_steering(member, &work->step);
    if (kind == MEMBER_PROMOTE)
        member->seen.promoted = work->step.armed; /* else it declines */
    if (kind == PG_STEP_STOPPED)
        member->change = (struct pg_change){0};
    if (kind == PG_STEP_LOST)
        member->lost_next_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    if (kind == MEMBER_FREEZE && (work->step.code == ERR_TIMEOUT || !member->seen.answers))
        pg_orders_stop(member, FENCE_STOP_IMMEDIATE, 0); /* only the end of all of it will do */
    if (kind == MEMBER_REWIND && work->step.must_clone)
        member->must_clone = member->facts.primary.epoch;
    if (waits || kind == PG_STEP_LOST)
        member->wait_until_ns = clock_boot_ns() + SOON_MS * CLOCK_MS;
    else
        pg_member_fail(member, &work->step.err,
                       kind == MEMBER_START || kind == MEMBER_CLONE || kind == MEMBER_INITIALISE
                           ? RETRY_MS
                           : 2 * SOON_MS);
}

static void after_follow(struct pg_member *member, const struct pg_step *step)
{
    if (step->diverged) {
        member->diverged = step->facts.primary.epoch;
        log_warning("PostgreSQL: its log is not a part of the primary's, epoch %llu",
                    (unsigned long long)member->diverged);
    } else if (!step->position.short_of && !step->amnesia) {
        member->seen.source = step->facts.primary.epoch;
        member->seen.receiving = true;
        member->positioned = false;
        member->lost_next_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    }
}

static void after_rewind(struct pg_member *member, const struct pg_step *step)
{
    if (!step->must_recover) {
        after_copy(member, &step->facts.primary);
    } else if (++member->recoveries > RECOVER_TRIES) {
        member->must_clone = member->facts.primary.epoch;
    } else {
        member->starts_with = member->in_force.source = step->source;
        pg_orders_start(member);
        member->recovering = true;
    }
}

static void after_success(struct pg_member *member, const struct pg_work *work)
{
    const struct pg_step *step = &work->step;
    struct member_observed *seen = &member->seen;
    switch (step->kind) {
    case PG_STEP_LOOK:
        seen->answers = true;
        seen->in_recovery = step->seen.in_recovery;
        seen->timeline = step->seen.timeline;
        member->position = step->seen;
        break;
    case MEMBER_START:
        member->recovering = false;
        member->starts_with = member->in_force.source = step->source;
        pg_orders_start(member);
        break;
    case MEMBER_FREEZE:
        seen->source = 0;
        seen->receiving = false;
        break;
    case MEMBER_REPORT:
        after_report(member, work);
        break;
    case MEMBER_PROMOTE:
        if (is_still_named(member, step->facts.primary.epoch))
            pg_orders_promote(member); /* fenced re-checks the lease first */
        break;                         /* else it is stopped: see may_write in member_decide.c */
    case MEMBER_MARK:
        seen->marked = true;
        member->switch_lsn = step->switch_lsn;
        break;
    case MEMBER_OPEN:
        after_open(member, work);
        break;
    case MEMBER_FOLLOW:
        after_follow(member, step);
        break;
    case MEMBER_REWIND:
    case MEMBER_CLONE:
        after_rewind(member, step);
        break;
    case PG_STEP_NAMES:
        after_names(member, work);
        break;
    case PG_STEP_CHECKPOINT:
        member->checkpointed = true;
        member->change.stopping = member->change.epoch != 0;
        break;
    case PG_STEP_STOPPED:
        pg_upkeep_stopped(member);
        break;
    case PG_STEP_LOST:
        if (step->must_clone)
            member->must_clone = member->facts.primary.epoch;
        member->lost_next_ns = clock_boot_ns() + 5 * RETRY_MS * CLOCK_MS;
        break;
    default:
        break;
    }
}

static void after_step(struct pg_member *member, const struct pg_work *work)
{
    const struct pg_step *step = &work->step;
    if (step->kind == MEMBER_START || step->kind == MEMBER_REPORT || step->kind == MEMBER_FOLLOW) {
        member->positioned = step->positioned;
        member->taken = step->position;
        member->amnesia |= step->amnesia;
    }
    if (step->code) {
        after_failure(member, work);
        return;
    }
    if (step->kind != PG_STEP_LOOK)
        member->problem[0] = '\0';
    bool steered = step->kind != MEMBER_FOLLOW ||
                   (!step->diverged && !step->position.short_of && !step->amnesia);
    if (changes_steering(step->kind) && steered)
        member->in_force = work->steering;
    after_success(member, work);
}

/* ---- proposals ---- */

/* Compare-and-set in the cluster makes a repeat harmless. */
static void propose(struct pg_member *member, enum member_step step)
{
    const struct cluster_primary *primary = &member->facts.primary;
    struct command command = {.kind = COMMAND_DECLINE};
    uint64_t now = clock_boot_ns();
    if (member->proposed == (int)step && member->proposed_epoch == primary->epoch &&
        now - member->proposed_ns < PROPOSE_MS * CLOCK_MS)
        return;
    if (step == MEMBER_SERVE) {
        command.kind = COMMAND_SERVING;
        command.serving = (struct command_serving){primary->epoch, member->self, primary->timeline,
                                                   member->switch_lsn, member->position.system_id};
    } else {
        command.decline = (struct command_decline){primary->epoch, member->self};
    }
    if (member->proposed_epoch != primary->epoch || member->proposed != (int)step)
        log_info("PostgreSQL: proposes %s in epoch %llu", command_name((int)command.kind),
                 (unsigned long long)primary->epoch);
    member->proposed = (int)step;
    member->proposed_epoch = primary->epoch;
    member->proposed_ns = now;
    member->setup.events.propose(member->setup.owner, &command);
}

/* ---- the one reconcile ---- */

bool pg_member_lease_live(const struct pg_member *member, uint64_t epoch)
{
    return epoch && atomic_load(&member->lease_epoch) == epoch &&
           clock_boot_ns() < atomic_load(&member->lease_end_ns);
}

/* Wanted from LEASE on, renewed as long as what runs is of its epoch and writes. */
static void keep_lease(struct pg_member *member, enum member_step step)
{
    static const struct lease_resource resource = {CLUSTER_LEASE_PRIMARY, 0};
    const struct cluster_primary *primary = &member->facts.primary;
    struct lease_hold *hold = &member->hold;
    bool ours = primary->member == member->self && !primary->declined;
    if (hold->core.epoch && (!ours || hold->core.epoch != primary->epoch)) {
        hold->paused = true;
        if (!member->seen.running || !member->seen.promoted)
            leases_release(member->setup.leases, hold);
        return;
    }
    if (step == MEMBER_LEASE && !hold->core.epoch) {
        hold->extended = pg_orders_extended;
        hold->owner = member;
        leases_want(member->setup.leases, hold, resource, primary->epoch, primary->lease_ms);
    }
    hold->paused = member->failed && member->failed == hold->core.epoch;
}

static void observe(struct pg_member *member)
{
    struct member_observed *seen = &member->seen;
    const struct cluster_primary *primary = &member->facts.primary;
    const struct floor_values *stored = floor_stored(member->setup.floor);
    struct floor_values *wanted = floor_wanted(member->setup.floor);
    if (primary->member == member->self && wanted->named < primary->epoch)
        wanted->named = primary->epoch; /* written with whatever is written next */
    if (!op_busy(&member->op)) {
        seen->has_data = pg_files_has_data(&member->files);
        seen->rewinding = pg_copy_is_torn(member->files.data_dir);
    }
    const struct cluster_member *self = cluster_state_member(&member->facts, member->self);
    seen->may_initialise = !primary->served_epoch && !primary->system_id && !wanted->had_data &&
                           self && self->data_voter;
    seen->amnesia = member->amnesia;
    seen->must_clone = member->must_clone != 0;
    seen->diverged = member->diverged && member->diverged == primary->epoch;
    seen->floor = stored->pg_epoch;
    seen->named = wanted->named;
    seen->tried = wanted->tried;
    seen->reported = stored->reported;
    seen->short_of = member->positioned && member->taken.short_of;
    seen->at_report = member->positioned && stored->reported == primary->epoch &&
                      pg_wal_compare(member->taken.place, stored->place) == 0;
    seen->names_set = !strcmp(member->in_force.names, primary->standby_names);
    seen->leased = pg_member_lease_live(member, primary->epoch) ? primary->epoch : 0;
}

static void act(struct pg_member *member, enum member_step step, uint64_t now)
{
    const struct member_observed *seen = &member->seen;
    int upkeep;
    switch (step) {
    case MEMBER_SERVE:
    case MEMBER_DECLINE:
        propose(member, step);
        return;
    case MEMBER_STOP:
        if (seen->promoted || !member->ours)
            pg_orders_stop(member, FENCE_STOP_IMMEDIATE, 0);
        else
            pg_orders_stop(member, FENCE_STOP_FAST, STOP_FAST_MS);
        return;
    case MEMBER_WAIT:
    case MEMBER_LEASE:
    case MEMBER_STEADY:
    case MEMBER_FOLLOWING:
    case MEMBER_ASK_OUT:
        break;
    default:
        pg_member_begin(member, (int)step);
        return;
    }
    bool comes_up = seen->running && (!seen->answers || (seen->promoted && seen->in_recovery));
    uint64_t pause_ms = seen->answers ? PROMOTE_MS : PROBE_MS;
    if (comes_up && now >= member->looked_ns + pause_ms * CLOCK_MS) {
        member->looked_ns = now;
        pg_member_begin(member, PG_STEP_LOOK);
    } else if (!comes_up && (upkeep = pg_upkeep_next(member, now))) {
        pg_member_begin(member, upkeep);
    }
}

/* This member voted with data that is not there any more, and nobody else has it. */
static void tell_lost(struct pg_member *member)
{
    struct error err;
    error_set(&err, ERR_CORRUPT,
              "%s is gone, and no other region has the data: stop gantry-fenced and put the folder "
              "back from a backup",
              member->files.data_dir);
    pg_member_fail(member, &err, RETRY_MS);
}

static bool is_lost(const struct pg_member *member)
{
    const struct cluster_member *self = cluster_state_member(&member->facts, member->self);
    return self && self->data_voter && cluster_state_voters(&member->facts) == 1 &&
           self->ever_had_data && !member->seen.has_data && !member->seen.may_initialise;
}

/* What a step that is in flight does ends with PostgreSQL, so that it need not be waited for. */
static bool may_give_up(const struct pg_member *member)
{
    return member->seen.running && member->db_used && member->op_kind != MEMBER_STOP;
}

/* The dead primary has most, often, and takes longest to come up. A majority without it will do. */
static bool reports_late(struct pg_member *member)
{
    const struct cluster_primary *primary = &member->facts.primary;
    uint64_t now = clock_boot_ns();
    if (member->fenced_epoch != primary->epoch) {
        member->fenced_epoch = primary->epoch;
        member->fenced_ns = now;
    }
    return !(member->seen.running && member->seen.answers) &&
           cluster_state_voters(&member->facts) > 2 &&
           now < member->fenced_ns + REPORT_LATE_MS * CLOCK_MS;
}

static enum member_step decide(struct pg_member *member)
{
    struct member_observed *seen = &member->seen;
    if (seen->running && !member->ours)
        return MEMBER_STOP; /* of an earlier process: nothing is known of it */
    enum member_step step = member_decide(&member->facts, member->self, seen);
    if (step == MEMBER_REPORT && reports_late(member))
        return seen->running ? MEMBER_WAIT : MEMBER_START;
    /* It was started to be shut down in an orderly way, which it can once it answers. */
    if (step == MEMBER_STOP && member->recovering && !seen->answers)
        return MEMBER_WAIT;
    return step;
}

static void arm(struct pg_member *member)
{
    const struct member_observed *seen = &member->seen;
    bool steady = member->step == MEMBER_STEADY || member->step == MEMBER_FOLLOWING;
    bool promotes = seen->promoted && seen->running && seen->in_recovery;
    loop_timer_start(&member->timer,
                     promotes                     ? PROMOTE_MS
                     : steady || !member->queried ? IDLE_MS
                                                  : PROBE_MS,
                     0);
}

void pg_member_look(struct pg_member *member, const struct cluster_state *facts, uint64_t self)
{
    uint64_t now = clock_boot_ns();
    member->facts = *facts;
    member->self = self;
    arm(member);
    if (!member->queried) {
        if (!op_busy(&member->op) && now >= member->wait_until_ns)
            pg_orders_query(member);
        return;
    }
    observe(member);
    enum member_step step = decide(member);
    if (step != (enum member_step)member->step)
        log_debug("PostgreSQL: %s", member_decide_word(step));
    member->step = (int)step;
    pg_upkeep_floor(member, now);
    keep_lease(member, step);
    pg_upkeep_watch(member, now);
    if (step == MEMBER_STOP && op_busy(&member->op) && may_give_up(member))
        op_abandon(&member->op);
    if (step != MEMBER_STOP && pg_upkeep_change(member))
        return;
    if (op_busy(&member->op) || (step != MEMBER_STOP && now < member->wait_until_ns))
        return;
    if (is_lost(member))
        tell_lost(member);
    else
        act(member, step, now);
}

void pg_member_ended(struct pg_member *member, const char *how)
{
    bool wanted = member->op_kind == MEMBER_STOP && op_busy(&member->op);
    if (!wanted && member->seen.running)
        log_warning("PostgreSQL ended: %s", how);
    if (member->seen.running && !member->seen.answers && !wanted && member->ours) {
        struct error err; /* it never came up: not again at once */
        error_set(&err, ERR_IO, "ended before it answered (%s): its own words stand in the log",
                  how);
        pg_member_fail(member, &err, RETRY_MS);
    }
    pg_orders_stopped(member);
    changed(member);
}
