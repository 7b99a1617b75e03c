/* Makes what runs agree with what the cluster agreed on: see reconcile.h. */
#include "ha/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/balancer.h"
#include "ha/duty.h"
#include "ha/endpoint_check.h"
#include "ha/epoch_ask.h"
#include "ha/failover_decide.h"
#include "ha/fenced_watch.h"
#include "ha/pg_access.h"
#include "ha/vip.h"
#include "raft/member_link.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"
#include "src/wire/digest.h"

enum {
    PERIOD_MS = 50,   /* the sweep beside the triggers; also between statuses */
    FENCED_MS = 200,  /* fenced is asked so often whether it is there */
    RETIRE_MS = 1500, /* the primary is switched over in that time, or not at all */
    SILENCE_MS = 500, /* a member heard again after it was cut off: clients may have been, too */
    SILENCE_MOST_MS = 60000, /* then it counts as gone rather than cut off */
};

struct reconcile {
    struct reconcile_setup setup;
    struct floor *floor;
    struct leases *leases;
    struct duty *duty;
    struct pg_member *pg;
    struct vip *vip;
    struct balancer *balancer;
    struct endpoint_check *endpoint_check;
    struct epoch_ask *epoch_ask;
    struct callers *callers;
    struct member_link *link;
    struct cluster_view view;
    uint64_t incarnation;
    bool looking, look_posted;
    uint64_t told_epoch; /* primary that was told, 0 = none */
    uint64_t next_status_ns, next_fenced_ns;
    uint64_t lapse_ns; /* a promise that was told of last ends then */
    struct fenced_watch fenced;
    uint64_t retire_ns;    /* since when this process is to end, 0 = it is not */
    struct pg_status last; /* as it was told last */
    struct heard {
        uint64_t id;
        struct reconcile_heard heard;
    } heard[LIMIT_REGIONS];
    struct loop_timer timer, lapse;
};

/* ---- messages ---- */

static void send_to(void *owner, uint64_t member, const struct member_message *message)
{
    struct reconcile *reconcile = owner;
    member_link_send(reconcile->link, member, message);
}

static void send_all(struct reconcile *reconcile, const struct member_message *message)
{
    const struct cluster_state *facts = &reconcile->view.facts;
    for (int i = 0; i < facts->members_count; i++)
        if (facts->members[i].id != reconcile->setup.self)
            member_link_send(reconcile->link, facts->members[i].id, message);
}

static void take_status(struct reconcile *reconcile, uint64_t member,
                        const struct member_status *status)
{
    struct heard *place = NULL;
    for (int i = 0; i < LIMIT_REGIONS; i++) {
        struct heard *heard = &reconcile->heard[i];
        if (heard->id == member) {
            place = heard;
            break;
        }
        if (!place && (!heard->id || !cluster_state_member(&reconcile->view.facts, heard->id)))
            place = heard;
    }
    uint64_t now_ns = clock_boot_ns();
    if (place && place->id == member && now_ns - place->heard.heard_ns > SILENCE_MS * CLOCK_MS)
        vip_announce(reconcile->vip);
    if (place)
        *place = (struct heard){member, {now_ns, *status}};
    duty_heard(reconcile->duty, member, status);
}

static bool status_changed(const struct pg_status *a, const struct pg_status *b)
{
    return a->reported != b->reported || a->serves != b->serves || a->died != b->died ||
           a->failed != b->failed || a->in_force != b->in_force ||
           a->ready_voter != b->ready_voter || a->asks_out != b->asks_out;
}

/* To all: the leader needs it, the others know by it whether the primary serves. A failover begins
 * when a majority has said that its promise is over: it is told in that moment. */
static void tell_status(struct reconcile *reconcile, bool fit)
{
    struct member_message message = {.kind = MEMBER_STATUS};
    struct member_status *status = &message.status;
    uint64_t now_ns = clock_boot_ns();
    pg_member_status(reconcile->pg, &status->pg);
    if (now_ns < reconcile->next_status_ns && now_ns < reconcile->lapse_ns &&
        !status_changed(&status->pg, &reconcile->last))
        return;
    reconcile->next_status_ns = now_ns + PERIOD_MS * CLOCK_MS;
    reconcile->last = status->pg;
    status->incarnation = reconcile->incarnation;
    status->applied = reconcile->view.raft.applied;
    status->acceptors = reconcile->view.facts.acceptors_version;
    status->fit = fit;
    status->level = COMMAND_LEVEL;
    /* First: what ends before the next line is told again. */
    reconcile->lapse_ns = leases_lapse_ns(reconcile->leases);
    status->promised_count = leases_promised(reconcile->leases, status->promised);
    take_status(reconcile, reconcile->setup.self, status);
    send_all(reconcile, &message);
}

static void answer_epoch(struct reconcile *reconcile, uint64_t member,
                         const struct epoch_word *question)
{
    struct member_message message = {.kind = MEMBER_EPOCH_ANSWER, .epoch = *question};
    uint64_t epoch = reconcile->view.facts.primary.epoch;
    message.epoch.epoch = pg_member_lease_live(reconcile->pg, epoch) ? epoch : 0;
    if (member == reconcile->setup.self)
        epoch_ask_answered(reconcile->epoch_ask, &message.epoch);
    else
        send_to(reconcile, member, &message);
}

static void ask_epoch(void *owner, const struct member_message *message)
{
    struct reconcile *reconcile = owner;
    uint64_t primary = reconcile->view.facts.primary.member;
    if (primary == reconcile->setup.self)
        answer_epoch(reconcile, primary, &message->epoch);
    else if (primary)
        send_to(reconcile, primary, message);
}

static void on_changed(void *owner);

static void heard(void *owner, uint64_t member, const struct member_message *message)
{
    struct reconcile *reconcile = owner;
    struct error ignored; /* the asker sees in the facts that nothing came of it */
    if (!reconcile->view.known || !cluster_state_member(&reconcile->view.facts, member))
        return;
    switch (message->kind) {
    case MEMBER_NOTHING:
        return;
    case MEMBER_LEASE_REQUEST:
    case MEMBER_LEASE_GRANT:
        leases_heard(reconcile->leases, member, message);
        return;
    case MEMBER_LEASE_RELEASE:
        leases_heard(reconcile->leases, member, message);
        reconcile->next_status_ns = 0; /* the leader may wait to hear that it is promised no more */
        break;
    case MEMBER_STATUS:
        take_status(reconcile, member, &message->status);
        break;
    case MEMBER_PROPOSE:
        duty_asked(reconcile->duty, member, &message->proposal);
        return;
    case MEMBER_EPOCH_ASK:
        answer_epoch(reconcile, member, &message->epoch);
        return;
    case MEMBER_EPOCH_ANSWER:
        if (member == reconcile->view.facts.primary.member)
            epoch_ask_answered(reconcile->epoch_ask, &message->epoch);
        return;
    case MEMBER_SWITCH_ASK:
        if (message->change.epoch == reconcile->view.facts.primary.epoch)
            pg_member_switch(reconcile->pg, message->change.to, &ignored);
        break;
    case MEMBER_SWITCH_READY:
        duty_switch(reconcile->duty, member, &message->change);
        return;
    case MEMBER_CALLERS:
        callers_heard(reconcile->callers, &message->callers);
        return;
    }
    on_changed(reconcile);
}

/* ---- what the parts ask for ---- */

static void propose(void *owner, const struct command *command, replica_answer *answer,
                    void *subject)
{
    struct reconcile *reconcile = owner;
    reconcile->setup.propose(reconcile->setup.owner, command, answer, subject);
}

static void propose_own(void *owner, const struct command *command)
{
    struct reconcile *reconcile = owner;
    struct member_message message = {.kind = MEMBER_PROPOSE, .proposal = *command};
    duty_asked(reconcile->duty, reconcile->setup.self, command);
    send_all(reconcile, &message);
}

static void tell_callers(void *owner, const struct caller_list *list)
{
    struct member_message message = {.kind = MEMBER_CALLERS};
    message.callers.count = list->count;
    memcpy(message.callers.callers, list->callers, sizeof(list->callers[0]) * (size_t)list->count);
    send_all(owner, &message);
}

static void on_switched(void *owner, const struct switch_word *change)
{
    struct reconcile *reconcile = owner;
    struct member_message message = {.kind = MEMBER_SWITCH_READY, .change = *change};
    duty_switch(reconcile->duty, reconcile->setup.self, change);
    send_all(reconcile, &message);
    reconcile->next_status_ns = 0; /* that nothing is promised any more */
}

/* ---- the sweep ---- */

/* Where the API finds the primary: only while it serves, and clients are let in. */
static void tell_primary(struct reconcile *reconcile)
{
    const struct cluster_primary *primary = &reconcile->view.facts.primary;
    const struct cluster_member *member =
        cluster_state_member(&reconcile->view.facts, primary->member);
    struct reconcile_heard heard_of;
    char conninfo[PG_ACCESS_CONNINFO];
    bool here = primary->member == reconcile->setup.self, serves = false;
    if (primary->phase == CLUSTER_SERVING && member && here)
        serves = pg_member_serves(reconcile->pg) == primary->epoch;
    else if (primary->phase == CLUSTER_SERVING && member)
        serves = reconcile_heard_of(reconcile, member->id, &heard_of) &&
                 heard_of.status.pg.serves == primary->epoch;
    uint64_t epoch = serves ? primary->epoch : 0;
    if (epoch == reconcile->told_epoch)
        return;
    reconcile->told_epoch = epoch;
    if (epoch && here) {
        struct pg_files files;
        pg_files_init(&files, reconcile->setup.settings);
        pg_files_client(&files, conninfo, sizeof(conninfo));
    } else if (epoch) {
        pg_access_conninfo(reconcile->setup.settings, member, reconcile->setup.self,
                           PG_ACCESS_CLIENT, conninfo);
    }
    reconcile->setup.primary(reconcile->setup.owner, epoch ? conninfo : NULL, primary->epoch);
}

/* Nothing is gained by letting go of an address that nobody else could serve better. */
static bool others_are_fit(const struct reconcile *reconcile)
{
    uint64_t now_ns = clock_boot_ns();
    for (int i = 0; i < LIMIT_REGIONS; i++) {
        const struct heard *heard = &reconcile->heard[i];
        if (heard->id && heard->id != reconcile->setup.self && heard->heard.status.fit &&
            now_ns - heard->heard.heard_ns < FAILOVER_HEARD_MS * CLOCK_MS)
            return true;
    }
    return false;
}

/* Is there a member that was heard, and may be heard again any moment? */
static bool is_somebody_silent(const struct reconcile *reconcile)
{
    uint64_t now_ns = clock_boot_ns();
    for (int i = 0; i < LIMIT_REGIONS; i++) {
        const struct heard *heard = &reconcile->heard[i];
        uint64_t silent_ns = now_ns - heard->heard.heard_ns;
        if (heard->id && cluster_state_member(&reconcile->view.facts, heard->id) &&
            silent_ns > SILENCE_MS * CLOCK_MS && silent_ns < SILENCE_MOST_MS * CLOCK_MS)
            return true;
    }
    return false;
}

static void on_fenced(void *subject, const struct fence_reply *reply, int fd)
{
    (void)subject, (void)reply, (void)fd;
}

/*
 * A fenced that hangs enforces nothing and starts nothing: what others could do is left to them.
 * Half a lease is soon enough, and what it was told last has not run out by then.
 */
static bool fenced_answers(struct reconcile *reconcile, const struct cluster_state *facts)
{
    uint64_t now_ns = clock_boot_ns();
    uint64_t owed_ms = fence_link_owed_ms(reconcile->setup.fence);
    uint64_t limit_ms = facts->lease_ms[CLUSTER_LEASE_PRIMARY] / 2;
    bool was_gone = reconcile->fenced.gone;
    bool gone = fenced_watch_look(&reconcile->fenced, now_ns, owed_ms,
                                  limit_ms > FENCED_MS ? limit_ms : FENCED_MS);
    if (!owed_ms && now_ns >= reconcile->next_fenced_ns) {
        struct fence_request request = {.type = FENCE_QUERY};
        reconcile->next_fenced_ns = now_ns + FENCED_MS * CLOCK_MS;
        fence_link_send(reconcile->setup.fence, &request, on_fenced, NULL);
    }
    if (gone && !was_gone)
        log_error("gantry-fenced does not answer: no lease is renewed");
    else if (was_gone && !gone)
        log_info("gantry-fenced answers again");
    return !gone;
}

/* Refused while no standby streams, or when it is under way: tried again at the next look. */
static void hand_over(struct reconcile *reconcile)
{
    struct error ignored;
    if (pg_member_serves(reconcile->pg))
        pg_member_switch(reconcile->pg, 0, &ignored);
}

static bool is_primary_elsewhere(const struct reconcile *reconcile)
{
    const struct cluster_primary *primary = &reconcile->view.facts.primary;
    return primary->phase == CLUSTER_SERVING && primary->member != reconcile->setup.self;
}

/* After the primary: what waits for the new one here is answered by the old address yet. */
static bool gives_addresses(const struct reconcile *reconcile)
{
    return reconcile->retire_ns && (is_primary_elsewhere(reconcile) ||
                                    clock_boot_ns() > reconcile->retire_ns + RETIRE_MS * CLOCK_MS);
}

/* The sweep comes before an end that is further away. */
static void wait_for_lapse(struct reconcile *reconcile)
{
    uint64_t now_ns = clock_boot_ns();
    uint64_t left_ns = reconcile->lapse_ns > now_ns ? reconcile->lapse_ns - now_ns : 0;
    if (left_ns < PERIOD_MS * CLOCK_MS)
        loop_timer_start(&reconcile->lapse, left_ns / CLOCK_MS + 1, 0);
    else
        loop_timer_stop(&reconcile->lapse);
}

static void look(struct reconcile *reconcile)
{
    const struct cluster_view *view = &reconcile->view;
    const struct cluster_state *facts = &view->facts;
    if (!view->known || reconcile->looking)
        return;
    reconcile->looking = true;
    uint64_t self = reconcile->setup.self;
    bool enforced = fenced_answers(reconcile, facts);
    bool fit = enforced && endpoint_check_fit(reconcile->endpoint_check);
    leases_enforced(reconcile->leases, enforced);
    leases_facts(reconcile->leases, facts, self);
    pg_member_look(reconcile->pg, facts, self);
    if (facts->name[0])
        balancer_look(reconcile->balancer, facts);
    endpoint_check_look(reconcile->endpoint_check);
    vip_silence(reconcile->vip, is_somebody_silent(reconcile));
    /* One that retires keeps an address until the leader has given it to another. */
    vip_look(reconcile->vip, facts, self, fit || !others_are_fit(reconcile));
    if (reconcile->retire_ns)
        hand_over(reconcile);
    tell_status(reconcile, fit && !gives_addresses(reconcile));
    duty_look(reconcile->duty, facts, view->leads, view->raft.term);
    tell_primary(reconcile);
    wait_for_lapse(reconcile);
    reconcile->looking = false;
}

static void look_posted(void *subject)
{
    struct reconcile *reconcile = subject;
    reconcile->look_posted = false;
    look(reconcile);
}

static void on_changed(void *owner)
{
    struct reconcile *reconcile = owner;
    if (!reconcile->look_posted)
        loop_post(reconcile->setup.loop, look_posted, reconcile);
    reconcile->look_posted = true;
}

static void on_timer(struct loop_timer *timer)
{
    look(container_of(timer, struct reconcile, timer));
}

static void on_lapse(struct loop_timer *timer)
{
    look(container_of(timer, struct reconcile, lapse));
}

static uint64_t make_incarnation(void)
{
    uint64_t incarnation = 0;
    while (!incarnation)
        digest_random(&incarnation, sizeof(incarnation));
    return incarnation;
}

static void make_parts(struct reconcile *reconcile)
{
    const struct reconcile_setup *setup = &reconcile->setup;
    struct member_link_setup link = {setup->loop, setup->credentials, setup->self, heard,
                                     reconcile};
    reconcile->link = member_link_new(&link);
    struct leases_setup leases = {setup->loop, reconcile->floor, reconcile->incarnation, send_to,
                                  reconcile};
    reconcile->leases = leases_new(&leases);
    struct duty_setup duty = {reconcile->leases, propose, on_changed, reconcile};
    reconcile->duty = duty_new(&duty);
    struct pg_member_setup pg = {setup->loop,       setup->fence,
                                 setup->settings,   reconcile->floor,
                                 reconcile->leases, {propose_own, on_switched, on_changed},
                                 reconcile};
    reconcile->pg = pg_member_new(&pg);
    struct callers_setup callers = {setup->loop, tell_callers, reconcile};
    reconcile->callers = callers_new(&callers);
    struct vip_setup vip = {setup->fence, reconcile->leases, reconcile->callers,
                            propose_own,  on_changed,        reconcile};
    reconcile->vip = vip_new(&vip);
    struct epoch_ask_setup ask = {setup->loop, reconcile->pg, ask_epoch, reconcile};
    reconcile->epoch_ask = epoch_ask_new(&ask);
    reconcile->endpoint_check = endpoint_check_new(setup->loop, setup->settings);
    reconcile->balancer =
        balancer_new(setup->loop, setup->fence, setup->settings, on_changed, reconcile);
}

enum error_code reconcile_new(const struct reconcile_setup *setup, struct reconcile **out,
                              struct error *err)
{
    char path[LIMIT_PATH];
    struct reconcile *reconcile = calloc(1, sizeof(*reconcile));
    ASSERT(reconcile);
    reconcile->setup = *setup;
    snprintf(path, sizeof(path), "%s/floor", setup->settings->data_dir);
    enum error_code code = floor_open(setup->loop, path, &reconcile->floor, err);
    if (code) {
        free(reconcile);
        return code;
    }
    reconcile->incarnation = make_incarnation();
    make_parts(reconcile);
    loop_timer_init(setup->loop, &reconcile->lapse, on_lapse);
    loop_timer_init(setup->loop, &reconcile->timer, on_timer);
    loop_timer_start(&reconcile->timer, PERIOD_MS, PERIOD_MS);
    *out = reconcile;
    return ERR_OK;
}

void reconcile_look(struct reconcile *reconcile, const struct cluster_view *view)
{
    reconcile->view = *view;
    look(reconcile);
}

void reconcile_members(struct reconcile *reconcile, const struct replica_server *servers, int count)
{
    member_link_members(reconcile->link, servers, count);
}

void reconcile_called(struct reconcile *reconcile, uint64_t member, struct tls_stream *stream)
{
    member_link_called(reconcile->link, member, stream);
}

void reconcile_notice(struct reconcile *reconcile, const struct fence_reply *notice)
{
    if (notice->kind == FENCE_NOTICE_PG_ENDED)
        pg_member_ended(reconcile->pg, notice->text);
    else if (notice->kind == FENCE_NOTICE_PG_BROKE)
        pg_member_broke(reconcile->pg);
    else if (notice->kind == FENCE_NOTICE_DROPPED)
        vip_dropped(reconcile->vip, notice->text);
}

bool reconcile_epoch_valid(struct reconcile *reconcile, uint64_t epoch)
{
    return epoch_ask_valid(reconcile->epoch_ask, epoch);
}

enum error_code reconcile_switch(struct reconcile *reconcile, uint64_t to, struct error *err)
{
    const struct cluster_primary *primary = &reconcile->view.facts.primary;
    struct member_message message = {.kind = MEMBER_SWITCH_ASK, .change = {primary->epoch, to}};
    if (!reconcile->view.known || primary->phase != CLUSTER_SERVING)
        return error_set(err, ERR_UNAVAILABLE, "no primary serves");
    if (primary->member == reconcile->setup.self) {
        enum error_code code = pg_member_switch(reconcile->pg, to, err);
        on_changed(reconcile);
        return code;
    }
    send_to(reconcile, primary->member, &message);
    return ERR_OK;
}

void reconcile_retire(struct reconcile *reconcile)
{
    reconcile->retire_ns = clock_boot_ns();
    on_changed(reconcile);
}

bool reconcile_retired(const struct reconcile *reconcile)
{
    const struct cluster_state *facts = &reconcile->view.facts;
    uint64_t self = reconcile->setup.self;
    if (!others_are_fit(reconcile))
        return true;
    for (int i = 0; i < facts->vips_count; i++)
        if (facts->vips[i].holder == self || vip_held(reconcile->vip, facts->vips[i].net))
            return false;
    return is_primary_elsewhere(reconcile);
}

bool reconcile_heard_of(const struct reconcile *reconcile, uint64_t member,
                        struct reconcile_heard *heard_of)
{
    for (int i = 0; i < LIMIT_REGIONS; i++)
        if (reconcile->heard[i].id == member) {
            *heard_of = reconcile->heard[i].heard;
            return true;
        }
    return false;
}

void reconcile_report(const struct reconcile *reconcile, struct reconcile_report *report)
{
    pg_member_report(reconcile->pg, &report->pg);
    report->pg_leased = pg_member_lease_live(reconcile->pg, report->pg.epoch);
    report->balancer_runs = balancer_runs(reconcile->balancer);
    report->balancer_problem = balancer_problem(reconcile->balancer);
    report->vip_problem = vip_problem(reconcile->vip);
    report->duty = duty_why(reconcile->duty);
}

struct callers *reconcile_callers(const struct reconcile *reconcile)
{
    return reconcile->callers;
}

bool reconcile_holds(const struct reconcile *reconcile, const char *net)
{
    return vip_held(reconcile->vip, net);
}
