/* This member's PostgreSQL: see pg_member.h. */
#include "ha/pg_member.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/lease.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum {
    PROBE_MS = 20,       /* between looks while it comes up */
    WATCH_MS = 1000,     /* between looks at a steady one, for its position */
    RETRY_MS = 1000,     /* after a failed step, and before proposing the same again */
    STOP_FAST_MS = 1000, /* then the next harder means */
};

/* One piece of blocking work, with copies of what it needs. */
struct pg_work {
    struct pg_member *member;
    uint64_t serial;
    enum pg_step step;
    struct cluster_state facts;
    struct pg_steer steer; /* of facts */
    struct cluster_primary primary;
    struct floor_values stored, floor; /* what the file says, and what it must say */
    struct pg_position position;
    uint64_t switch_lsn;
    enum error_code code;
    struct error err;
};

struct pg_member {
    struct pg_member_setup setup;
    struct pg_files files;
    struct pg_observed seen;
    struct pg_position position;
    struct cluster_state facts;
    uint64_t self;
    struct op op;
    struct loop_timer timer;
    struct db *db; /* the supervisor's; used by one piece of work at a time */
    enum pg_step step;
    uint64_t switch_lsn;
    uint64_t wait_until_ns; /* after a failure */
    uint64_t acted_ns;      /* when step was taken last */
    uint64_t proposed_ns;   /* of the last proposal */
    enum pg_step proposed;  /* what it was, in which epoch and phase */
    uint64_t proposed_epoch;
    uint64_t next_renew_ns;
    _Atomic uint64_t lease_end_ns, lease_epoch;
    bool queried; /* fenced was asked what runs */
    bool told_open;
    char problem[256];
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
    loop_timer_init(setup->loop, &member->timer, on_timer);
    return member;
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct pg_member *member = container_of(timer, struct pg_member, timer);
    db_free(member->db);
    free(member);
}

void pg_member_free(struct pg_member *member)
{
    if (member)
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

/* A step failed: say so once, try again later. */
static void fail(struct pg_member *member, const struct error *err)
{
    if (strcmp(member->problem, err->text))
        log_error("PostgreSQL: %s: %s", pg_decide_word(member->step), err->text);
    snprintf(member->problem, sizeof(member->problem), "%.*s", (int)sizeof(member->problem) - 1,
             err->text);
    member->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
}

/* ---- blocking work ---- */

static enum error_code prepare_start(struct pg_work *work)
{
    struct pg_member *member = work->member;
    /* The floor first: nothing below this epoch is followed or promoted from now on. */
    enum error_code code =
        floor_raise(member->setup.floor_path, &work->stored, &work->floor, &work->err);
    pg_files_forget(&member->files);
    return code ? code : pg_files_prepare(&member->files, &work->steer, &work->err);
}

static enum error_code mark(struct pg_work *work)
{
    struct db *db = work->member->db;
    enum error_code code = pg_probe_provide(db, &work->err);
    return code ? code
                : pg_probe_mark(db, work->primary.epoch, work->primary.timeline, &work->switch_lsn,
                                &work->err);
}

static void run_work(void *subject)
{
    struct pg_work *work = subject;
    struct pg_member *member = work->member;
    switch (work->step) {
    case PG_INITIALISE:
        work->code = pg_files_initialise(&member->files, &work->err);
        break;
    case PG_START:
        work->code = prepare_start(work);
        break;
    case PG_PROMOTE:
        work->code = pg_files_reserve(&member->files, work->position.timeline,
                                      work->primary.timeline, &work->err);
        if (!work->code)
            work->code = pg_files_promote(&member->files, &work->err);
        break;
    case PG_MARK:
        work->code = mark(work);
        break;
    case PG_OPEN:
        work->code = pg_files_steer(&member->files, &work->steer, &work->err);
        break;
    default: /* a look */
        work->code = pg_probe_position(member->db, &work->position, &work->err);
        break;
    }
}

static void after_work(struct pg_member *member, const struct pg_work *work);

static void finish_work(void *subject)
{
    struct pg_work *work = subject;
    struct pg_member *member = work->member;
    if (op_end(&member->op, work->serial))
        after_work(member, work);
    free(work);
    changed(member);
}

static void begin_work(struct pg_member *member, enum pg_step step)
{
    struct pg_work *work = calloc(1, sizeof(*work));
    ASSERT(work);
    work->member = member;
    work->step = step;
    work->facts = member->facts;
    work->primary = member->facts.primary;
    work->steer = (struct pg_steer){.standby_names = work->primary.standby_names,
                                    .conninfo = "",
                                    .slot = "",
                                    .facts = &work->facts,
                                    .self = member->self,
                                    .open = step == PG_OPEN};
    work->position = member->position;
    work->stored = work->floor = *member->setup.floor;
    if (work->floor.pg_epoch < member->facts.primary.epoch)
        work->floor.pg_epoch = member->facts.primary.epoch;
    if (work->floor.lease_ms_max < member->facts.lease_ms_max)
        work->floor.lease_ms_max = member->facts.lease_ms_max;
    work->floor.had_data = 1;
    work->serial = op_begin(&member->op, pg_decide_word(step), 0);
    loop_run_blocking(member->setup.loop, run_work, finish_work, work);
}

/* ---- requests to fenced ---- */

struct pg_ask {
    struct pg_member *member;
    uint64_t serial;
    uint32_t type;
    uint64_t epoch, end_ns;
};

static void after_ask(void *subject, const struct fence_reply *reply, int fd);

static void ask_fenced(struct pg_member *member, struct fence_request *request, uint64_t end_ns,
                       bool takes_op)
{
    struct pg_ask *ask = calloc(1, sizeof(*ask));
    ASSERT(ask);

    *ask = (struct pg_ask){member, 0, request->type, member->facts.primary.epoch, end_ns};
    if (takes_op)
        ask->serial = op_begin(&member->op, "fenced", 0);
    fence_link_send(member->setup.fence, request, after_ask, ask);
}

static void ask_start(struct pg_member *member)
{
    struct fence_request request = {.type = FENCE_PG_START};
    snprintf(request.pg_start.data_dir, LIMIT_PATH, "%s", member->files.data_dir);
    snprintf(request.pg_start.config_file, LIMIT_PATH, "%s", member->files.config_file);
    ask_fenced(member, &request, 0, true);
}

static void ask_stop(struct pg_member *member, enum fence_stop mode)
{
    struct fence_request request = {.type = FENCE_PG_STOP};
    request.pg_stop.mode = mode;
    request.pg_stop.timeout_ms = STOP_FAST_MS;
    ask_fenced(member, &request, 0, true);
}

static void ask_signal(struct pg_member *member, enum fence_signal what)
{
    struct fence_request request = {.type = FENCE_PG_SIGNAL};
    request.pg_signal.what = what;
    ask_fenced(member, &request, 0, true);
}

/* This member is the only acceptor: its own grant is the majority. The time is read before the
 * request goes out. */
static void ask_lease(struct pg_member *member, bool takes_op)
{
    uint64_t now = clock_boot_ns();
    uint32_t lease_ms = member->facts.primary.lease_ms;
    uint64_t end = lease_holder_end_ns(now, lease_ms);
    struct fence_request request = {.type = FENCE_LEASE};
    request.lease.resource = FENCE_RESOURCE_POSTGRES;
    request.lease.epoch = member->facts.primary.epoch;
    request.lease.deadline_ns = end - LEASE_MARGIN_POSTGRES_MS * CLOCK_MS;
    member->next_renew_ns = now + lease_renew_ms(lease_ms) * CLOCK_MS;
    ask_fenced(member, &request, end, takes_op);
}

static void after_start(struct pg_member *member)
{
    member->seen.running = true;
    member->seen.started_for = member->facts.primary.epoch;
    member->seen.answers = member->seen.promoted = member->seen.marked = false;
    member->seen.open = false;
    atomic_store(&member->lease_end_ns, 0);
}

static void after_ask(void *subject, const struct fence_reply *reply, int fd)
{
    struct pg_ask ask = *(struct pg_ask *)subject;
    struct pg_member *member = ask.member;
    struct error err;
    (void)fd;
    free(subject);
    if (ask.serial)
        op_end(&member->op, ask.serial);
    if (reply->code && !(ask.type == FENCE_LEASE && reply->code == ERR_NOT_FOUND)) {
        error_set(&err, (enum error_code)reply->code, "%s", reply->text);
        fail(member, &err);
    } else if (ask.type == FENCE_QUERY) {
        member->queried = true;
        member->seen.running = reply->report.postmaster != 0;
    } else if (ask.type == FENCE_PG_START) {
        after_start(member);
    } else if (ask.type == FENCE_PG_STOP) {
        member->seen.running = false;
    } else if (ask.type == FENCE_PG_SIGNAL && member->step == PG_PROMOTE) {
        member->seen.promoted = true;
    } else if (ask.type == FENCE_PG_SIGNAL && member->step == PG_OPEN) {
        member->seen.open = true;
    } else if (ask.type == FENCE_LEASE && !reply->code) {
        atomic_store(&member->lease_epoch, ask.epoch);
        atomic_store(&member->lease_end_ns, ask.end_ns);
    }
    changed(member);
}

static void after_work(struct pg_member *member, const struct pg_work *work)
{
    bool probe = work->step == PG_WAIT || work->step == PG_STEADY;
    if (work->code && probe) {
        member->seen.answers = false; /* still starting, or stopping: no error yet */
        return;
    }
    if (work->code) {
        fail(member, &work->err);
        return;
    }
    member->problem[0] = '\0';
    if (probe) {
        member->position = work->position;
        member->seen.answers = true;
        member->seen.in_recovery = work->position.in_recovery;
        member->seen.timeline = work->position.timeline;
    } else if (work->step == PG_INITIALISE) {
        log_info("PostgreSQL: a new data directory is made");
    } else if (work->step == PG_START) {
        *member->setup.floor = work->stored;
        ask_start(member);
    } else if (work->step == PG_PROMOTE) {
        ask_signal(member, FENCE_SIGNAL_PROMOTE); /* fenced re-checks the lease first */
    } else if (work->step == PG_MARK) {
        member->seen.marked = true;
        member->switch_lsn = work->switch_lsn;
    } else if (work->step == PG_OPEN) {
        ask_signal(member, FENCE_SIGNAL_RELOAD);
    }
}

/* ---- proposals ---- */

static void fill_command(const struct pg_member *member, enum pg_step step, struct command *command)
{
    const struct cluster_primary *primary = &member->facts.primary;
    char names[CLUSTER_STANDBY_NAMES];
    if (step == PG_FENCE) {
        command->kind = COMMAND_FENCE;
        command->fence.epoch = primary->epoch;
        command->fence.phase = primary->phase;
    } else if (step == PG_SET) {
        uint32_t above = primary->timeline_reserved > member->position.timeline
                             ? primary->timeline_reserved
                             : member->position.timeline;
        command->kind = COMMAND_SET;
        command->set.epoch = primary->epoch;
        command->set.member = member->self;
        command->set.timeline = (above ? above : 1) + 1;
        snprintf(command->set.standby_names, sizeof(command->set.standby_names), "%s",
                 cluster_state_standby_names(&member->facts, member->self, names));
    } else {
        command->kind = COMMAND_SERVING;
        command->serving.epoch = primary->epoch;
        command->serving.member = member->self;
        command->serving.timeline = primary->timeline;
        command->serving.switch_lsn = member->switch_lsn;
        command->serving.system_id = member->position.system_id;
    }
}

/* Compare-and-set in the cluster makes a repeat harmless; it is only made when nothing came of it.
 */
static void propose(struct pg_member *member, enum pg_step step)
{
    struct command command;
    uint64_t now = clock_boot_ns();
    if (member->proposed == step && member->proposed_epoch == member->facts.primary.epoch &&
        now - member->proposed_ns < RETRY_MS * CLOCK_MS)
        return;
    memset(&command, 0, sizeof(command));
    fill_command(member, step, &command);
    member->proposed = step;
    member->proposed_epoch = member->facts.primary.epoch;
    member->proposed_ns = now;
    log_info("PostgreSQL: proposes %s in epoch %llu", command_name((int)command.kind),
             (unsigned long long)member->facts.primary.epoch);
    member->setup.events.propose(member->setup.owner, &command);
}

/* ---- the one reconcile ---- */

static bool holds_lease(const struct pg_member *member)
{
    return member->seen.started_for && pg_member_lease_live(member, member->seen.started_for);
}

bool pg_member_lease_live(const struct pg_member *member, uint64_t epoch)
{
    return atomic_load(&member->lease_epoch) == epoch &&
           clock_boot_ns() < atomic_load(&member->lease_end_ns);
}

static void tell_open(struct pg_member *member, bool open)
{
    char conninfo[LIMIT_PATH + 128];
    if (open == member->told_open)
        return;
    member->told_open = open;
    pg_files_client(&member->files, conninfo, sizeof(conninfo));
    member->setup.events.open(member->setup.owner, open ? conninfo : NULL,
                              member->facts.primary.epoch);
}

static void renew(struct pg_member *member)
{
    const struct cluster_primary *primary = &member->facts.primary;
    bool ours = primary->member == member->self && member->seen.running &&
                member->seen.started_for == primary->epoch &&
                (primary->phase == CLUSTER_SET || primary->phase == CLUSTER_SERVING);
    if (ours && atomic_load(&member->lease_epoch) == primary->epoch && holds_lease(member) &&
        clock_boot_ns() >= member->next_renew_ns)
        ask_lease(member, false);
}

static void act(struct pg_member *member, enum pg_step step)
{
    if (step == PG_FENCE || step == PG_SET || step == PG_SERVE)
        propose(member, step);
    else if (step == PG_STOP)
        ask_stop(member, FENCE_STOP_FAST);
    else if (step == PG_KILL)
        ask_stop(member, FENCE_STOP_KILL);
    else if (step == PG_LEASE)
        ask_lease(member, true);
    else if (step == PG_WAIT && !member->seen.running)
        return;
    else
        begin_work(member, step); /* WAIT and STEADY with a running one: a look at it */
}

/* This member voted with data that is not there any more. */
static bool is_lost(const struct pg_member *member)
{
    const struct cluster_member *self = cluster_state_member(&member->facts, member->self);
    return self && self->data_voter && self->ever_had_data && !member->seen.may_initialise;
}

static void fail_lost(struct pg_member *member)
{
    struct error err;
    error_set(&err, ERR_CORRUPT,
              "%s is gone, and no other region has the data: stop gantry-fenced and put the folder "
              "back from a backup",
              member->files.data_dir);
    fail(member, &err);
}

/* When to look again by ourselves. */
static void arm(struct pg_member *member)
{
    uint64_t after = WATCH_MS;
    if (member->seen.running && member->step != PG_STEADY)
        after = PROBE_MS;
    uint64_t renew_ms =
        lease_renew_ms(member->facts.primary.lease_ms ? member->facts.primary.lease_ms : WATCH_MS);
    if (member->seen.started_for && renew_ms < after)
        after = renew_ms;
    loop_timer_start(&member->timer, after, 0);
}

void pg_member_look(struct pg_member *member, const struct cluster_state *facts, uint64_t self,
                    bool leads)
{
    static const struct fence_request query = {.type = FENCE_QUERY};
    uint64_t now = clock_boot_ns();
    member->facts = *facts;
    member->self = self;
    arm(member);
    if (!member->queried) {
        struct fence_request request = query;
        if (!op_busy(&member->op))
            ask_fenced(member, &request, 0, true);
        return;
    }
    renew(member);
    if (!member->seen.has_data)
        member->seen.has_data = pg_files_has_data(&member->files);
    member->seen.may_initialise = facts->primary.served_epoch == 0 &&
                                  facts->primary.system_id == 0 && !member->setup.floor->had_data;
    member->seen.leased = holds_lease(member);
    enum pg_step step = pg_decide(facts, self, leads, &member->seen);
    if (step == PG_WAIT && !member->seen.has_data && is_lost(member) &&
        now >= member->wait_until_ns)
        fail_lost(member);
    tell_open(member, step == PG_STEADY);
    if (op_busy(&member->op) || now < member->wait_until_ns)
        return;
    bool same = step == member->step;
    uint64_t pause_ms = step == PG_STEADY ? WATCH_MS : step == PG_WAIT ? PROBE_MS : 0;
    if (same && now < member->acted_ns + pause_ms * CLOCK_MS)
        return;
    if (!same)
        log_debug("PostgreSQL: %s", pg_decide_word(step));
    member->acted_ns = now;
    member->step = step;
    act(member, step);
}

void pg_member_ended(struct pg_member *member, const char *how)
{
    log_warning("PostgreSQL ended: %s", how);
    bool wanted = member->step == PG_STOP || member->step == PG_KILL;
    if (!member->seen.answers && !wanted) { /* it never came up: not again at once */
        struct error err;
        error_set(&err, ERR_IO, "ended before it answered (%s): its own words stand in the log",
                  how);
        fail(member, &err);
    }
    member->seen.running = member->seen.answers = member->seen.open = false;
    atomic_store(&member->lease_end_ns, 0);
    tell_open(member, false);
    changed(member);
}

void pg_member_report(const struct pg_member *member, struct pg_report *report)
{
    const struct pg_observed *seen = &member->seen;
    report->role = !seen->running              ? "stopped"
                   : !seen->answers            ? "starting"
                   : seen->in_recovery         ? "standby"
                   : member->step == PG_STEADY ? "primary"
                                               : "starting";
    report->step = pg_decide_word(member->step);
    report->problem = member->problem;
    report->timeline = member->position.timeline;
    report->lsn = member->position.lsn;
    report->epoch = seen->started_for;
}
