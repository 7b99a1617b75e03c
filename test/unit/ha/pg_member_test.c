/*
 * A member drives its PostgreSQL: the steps and what was between them when the world changed. The
 * steps themselves (pg_step, pg_watch) and fenced are the test's, leases and floor are real.
 */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ha/pg_member.h"
#include "ha/pg_step.h"
#include "ha/pg_watch.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "test/lib/test_prompt.h"

enum { SELF = 1, OTHER = 2, EPOCH = 5, D = 60000, WAIT_MS = 5000, STEPS = 256, ANSWER_TURNS = 10 };

static char folder[] = "/tmp/pg_member_test_XXXXXX";
static struct loop loop;
static struct ha_settings settings;
static struct floor *durable;
static struct leases *leases;
static struct fence_link *fence;
static struct pg_member *member;
static struct cluster_state facts;
static struct loop_timer tick;
static uv_poll_t fenced;
static int fenced_fd;
static bool runs; /* the test's PostgreSQL */
static bool ending;
static int promotes, stops, releases, releases_while_it_runs;
static int proposed; /* kind of the last command */

/* ---- steps ---- */

static atomic_int steps[STEPS], steps_count;
static atomic_int held_kind; /* a step of this kind waits until it is 0 */
static atomic_int failing_kind;
static atomic_bool is_primary; /* what a look sees */
static atomic_int flushed_by_third;
static atomic_bool third_is_gone;
static atomic_bool standby_streams, diverges, clone_is_over;
static atomic_int warmed;
static char names[CLUSTER_STANDBY_NAMES]; /* in force */
enum { FLUSHED_AT_OPENING = 1000 };

void pg_step_run(struct pg_step *step)
{
    int at = atomic_fetch_add(&steps_count, 1);
    assert_true(at < STEPS);
    atomic_store(&steps[at], step->kind);
    while (atomic_load(&held_kind) == step->kind) {
        atomic_store(&clone_is_over, step->over && atomic_load(step->over));
        usleep(1000);
    }
    if (step->over && atomic_load(step->over))
        step->code = error_set(&step->err, ERR_UNAVAILABLE, "not needed any more");
    step->diverged = step->kind == MEMBER_FOLLOW && atomic_load(&diverges);
    if (step->kind == PG_STEP_NAMES)
        memcpy(names, step->names, sizeof(names));
    step->seen = (struct pg_position){.in_recovery = true, .timeline = 7, .lsn = 100};
    if (atomic_load(&is_primary))
        step->seen =
            (struct pg_position){false, step->facts.primary.timeline, FLUSHED_AT_OPENING, 9};
    step->positioned = true;
    step->position.place = (struct pg_wal_place){7, 100};
    step->steered = step->kind == MEMBER_FOLLOW || step->kind == MEMBER_FREEZE;
    if (atomic_load(&failing_kind) == step->kind)
        step->code = error_set(&step->err, ERR_TIMEOUT, "the test fails it");
}

const char *pg_step_word(int kind)
{
    (void)kind;
    return "step";
}

void pg_watch_run(struct pg_watch *watch)
{
    watch->code = watch->primary || atomic_load(&standby_streams) ? ERR_OK : ERR_UNAVAILABLE;
    watch->streams = !watch->primary;
    watch->warmed = watch->warm[0] != '\0';
    atomic_fetch_add(&warmed, watch->warmed);
    watch->replicas_count = 1;
    watch->replicas[0] =
        (struct pg_replica){.member = 3,
                            .flushed_lsn = (uint64_t)atomic_load(&flushed_by_third),
                            .streams = !atomic_load(&third_is_gone)};
}

static atomic_bool takes_nobody;

bool pg_watch_dial(const char *conninfo)
{
    (void)conninfo;
    return !atomic_load(&takes_nobody);
}

static int count_steps(int kind)
{
    int found = 0;
    for (int i = 0; i < atomic_load(&steps_count); i++)
        found += atomic_load(&steps[i]) == kind;
    return found;
}

/* Where the first step of this kind stands, from a place on. */
static int find_step(int kind, int from)
{
    for (int i = from; i < atomic_load(&steps_count); i++)
        if (atomic_load(&steps[i]) == kind)
            return i;
    return -1;
}

/* ---- fenced ---- */

static void on_fenced(uv_poll_t *poll, int status, int events)
{
    struct fence_request request;
    (void)poll, (void)status, (void)events;
    while (recv(fenced_fd, &request, sizeof(request), MSG_DONTWAIT) == sizeof(request)) {
        struct fence_reply reply = {.kind = FENCE_REPLY, .number = request.number};
        if (request.type == FENCE_PG_START || request.type == FENCE_PG_STOP)
            runs = request.type == FENCE_PG_START;
        promotes += request.type == FENCE_PG_SIGNAL;
        stops += request.type == FENCE_PG_STOP;
        assert_true(send(fenced_fd, &reply, sizeof(reply), 0) == sizeof(reply));
    }
}

static void on_notice(void *owner, const struct fence_reply *notice)
{
    (void)owner, (void)notice;
}

static void on_closed(void *owner)
{
    (void)owner;
}

/* ---- the rest of the world ---- */

static void send_message(void *owner, uint64_t to, const struct member_message *message)
{
    (void)owner, (void)to;
    releases += message->kind == MEMBER_LEASE_RELEASE;
    releases_while_it_runs += message->kind == MEMBER_LEASE_RELEASE && runs;
}

static void look(void *subject)
{
    (void)subject;
    if (ending)
        return;
    leases_facts(leases, &facts, SELF);
    pg_member_look(member, &facts, SELF);
}

static void on_tick(struct loop_timer *timer)
{
    look(timer);
}

static void on_changed(void *owner)
{
    loop_post(&loop, look, owner);
}

static void on_propose(void *owner, const struct command *command)
{
    (void)owner;
    proposed = (int)command->kind;
}

static void on_switched(void *owner, const struct switch_word *change)
{
    (void)owner, (void)change;
}

static void set_phase(uint64_t epoch, int phase, uint64_t primary)
{
    facts.primary = (struct cluster_primary){.epoch = epoch,
                                             .phase = phase,
                                             .member = primary,
                                             .timeline = primary ? (uint32_t)epoch + 3 : 0,
                                             .lease_ms = D,
                                             .served_epoch = epoch - 1,
                                             .system_id = 9};
    if (primary)
        cluster_state_standby_names(&facts, primary, facts.primary.standby_names);
    look(NULL);
}

static void run_until_step(int kind, int from)
{
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    while (find_step(kind, from) < 0) {
        uv_run(&loop.uv, UV_RUN_ONCE);
        if (clock_boot_ns() > end)
            fail_msg("no step %s came", member_decide_word((enum member_step)kind));
    }
}

static void run_ms(int ms)
{
    uint64_t end = clock_boot_ns() + (uint64_t)ms * CLOCK_MS;
    while (clock_boot_ns() < end)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

static void make_data(void)
{
    char path[LIMIT_PATH];
    snprintf(path, sizeof(path), "%s/pg/global", folder);
    assert_int_equal(file_make_folders(path, 0700, NULL), ERR_OK);
    snprintf(path, sizeof(path), "%s/pg/global/pg_control", folder);
    assert_int_equal(file_write(path, "", 0, 0600, NULL), ERR_OK);
}

static void make_facts(void)
{
    memset(&facts, 0, sizeof(facts));
    snprintf(facts.name, sizeof(facts.name), "test");
    facts.members_count = 3;
    for (int i = 0; i < 3; i++)
        facts.members[i] =
            (struct cluster_member){.id = (uint64_t)i + 1, .data_voter = true, .acceptor = i == 0};
    facts.voters_version = facts.acceptors_version = 3;
    facts.lease_ms_max = D;
}

static int set_up(void **state)
{
    static const struct fence_events events = {on_notice, on_closed};
    char path[LIMIT_PATH];
    int pair[2];
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    settings = (struct ha_settings){.name = "a", .data_dir = folder, .run_dir = folder};
    atomic_store(&steps_count, 0);
    atomic_store(&held_kind, -1);
    atomic_store(&failing_kind, -1);
    atomic_store(&is_primary, false);
    atomic_store(&takes_nobody, false);
    atomic_store(&third_is_gone, false);
    atomic_store(&standby_streams, false);
    atomic_store(&diverges, false);
    atomic_store(&clone_is_over, false);
    atomic_store(&warmed, 0);
    promotes = stops = proposed = releases = releases_while_it_runs = 0;
    runs = ending = false;
    make_data();
    make_facts();
    loop_init(&loop);
    fenced_fd = pair[1];
    uv_poll_init(&loop.uv, &fenced, fenced_fd);
    uv_poll_start(&fenced, UV_READABLE, on_fenced);
    assert_int_equal(fence_link_open(&loop, pair[0], &events, NULL, &fence, NULL), ERR_OK);
    snprintf(path, sizeof(path), "%s/floor", folder);
    assert_int_equal(floor_open(&loop, path, &durable, NULL), ERR_OK);
    struct leases_setup with = {&loop, durable, 77, send_message, NULL};
    leases = leases_new(&with);
    struct pg_member_setup setup = {
        &loop, fence, &settings, durable, leases, {on_propose, on_switched, on_changed}, NULL};
    member = pg_member_new(&setup);
    loop_timer_init(&loop, &tick, on_tick);
    loop_timer_start(&tick, 5, 5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    atomic_store(&held_kind, -1);
    ending = true; /* no step begins any more; what the last one asked fenced for is answered */
    while (loop.workers)
        uv_run(&loop.uv, UV_RUN_ONCE);
    for (int i = 0; i < ANSWER_TURNS; i++)
        uv_run(&loop.uv, UV_RUN_ONCE);
    loop_timer_close(&tick, NULL);
    pg_member_free(member);
    leases_free(leases);
    floor_close(durable);
    fence_link_close(fence);
    uv_close((uv_handle_t *)&fenced, NULL);
    loop_close(&loop);
    close(fenced_fd);
    return file_remove_tree(folder, NULL) ? -1 : 0;
}

/* ---- tests ---- */

/* Whether the new conninfo came in force nobody knows: it counts as if, and is taken back before
 * the member says how far its data goes. */
static void test_a_failed_follow_may_stream(void **state)
{
    (void)state;
    atomic_store(&failing_kind, MEMBER_FOLLOW);
    set_phase(EPOCH, CLUSTER_SERVING, OTHER);
    run_until_step(MEMBER_FOLLOW, 0);
    run_ms(20);
    int from = atomic_load(&steps_count);
    set_phase(EPOCH + 1, CLUSTER_FENCED, 0);
    run_until_step(MEMBER_REPORT, from);
    int freeze = find_step(MEMBER_FREEZE, from);
    assert_true(freeze >= 0 && freeze < find_step(MEMBER_REPORT, from));
}

static void test_a_failed_follow_is_put_right(void **state)
{
    (void)state;
    atomic_store(&failing_kind, MEMBER_FOLLOW);
    set_phase(EPOCH, CLUSTER_SERVING, OTHER);
    run_until_step(MEMBER_FOLLOW, 0);
    run_until_step(PG_STEP_STEER, 0);
}

static void come_to_promote(void)
{
    set_phase(EPOCH, CLUSTER_FENCED, 0);
    run_until_step(MEMBER_REPORT, 0);
    run_ms(50);
    set_phase(EPOCH, CLUSTER_SET, SELF);
    run_until_step(MEMBER_PROMOTE, 0);
}

static void test_promote(void **state)
{
    (void)state;
    come_to_promote();
    run_ms(50);
    assert_int_equal(promotes, 1);
    assert_int_equal(count_steps(MEMBER_PROMOTE), 1);
    assert_int_equal(releases, 0);
}

/* FENCE comes while the promote is prepared: the signal is not sent, and the lease is given back
 * only when what might be a primary has stopped. */
static void test_no_promote_of_an_epoch_that_is_over(void **state)
{
    (void)state;
    atomic_store(&held_kind, MEMBER_PROMOTE);
    come_to_promote();
    set_phase(EPOCH + 1, CLUSTER_FENCED, 0);
    run_ms(20);
    atomic_store(&held_kind, -1);
    run_until_step(MEMBER_REPORT, find_step(MEMBER_PROMOTE, 0));
    assert_int_equal(promotes, 0);
    assert_true(releases > 0);
    assert_int_equal(releases_while_it_runs, 0);
}

/* The epoch is another one once the floor is durable, or the member itself gave it back. */
static void test_a_declined_epoch_is_not_promoted(void **state)
{
    (void)state;
    atomic_store(&held_kind, MEMBER_PROMOTE);
    come_to_promote();
    facts.primary.declined = true;
    look(NULL);
    atomic_store(&held_kind, -1);
    run_ms(100);
    assert_int_equal(promotes, 0);
    assert_false(runs);
}

static void run_until_proposed(int kind)
{
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    while (proposed != kind) {
        uv_run(&loop.uv, UV_RUN_ONCE);
        if (clock_boot_ns() > end)
            fail_msg("%s was not proposed", command_name(kind));
    }
}

/* A snapshot, or a process that slept: the facts are epochs further, and no FENCE was ever seen. */
static void test_facts_that_leap(void **state)
{
    (void)state;
    come_to_promote();
    run_ms(50);
    assert_int_equal(promotes, 1);
    assert_int_equal(stops, 0);
    set_phase(EPOCH + 3, CLUSTER_SERVING, OTHER);
    run_until_step(MEMBER_FOLLOW, 0);
    assert_int_equal(stops, 1); /* it might be a primary: its end comes first */
    assert_int_equal(releases_while_it_runs, 0);
    set_phase(EPOCH + 5, CLUSTER_SET, SELF);
    run_until_proposed(COMMAND_DECLINE); /* it has not reported in that epoch */
    assert_int_equal(promotes, 1);
}

static void come_to_serve(void)
{
    come_to_promote();
    run_ms(50);
    atomic_store(&is_primary, true);
    run_until_proposed(COMMAND_SERVING);
    assert_true(count_steps(MEMBER_MARK) > 0);
    assert_int_equal(count_steps(MEMBER_OPEN), 0); /* nobody comes in before it serves */
    facts.primary.phase = CLUSTER_SERVING;
    facts.primary.served_epoch = EPOCH;
    run_until_step(MEMBER_OPEN, 0);
    run_ms(50);
}

/* A member whose data is a copy of a standby that lagged is behind what was acknowledged before the
 * others' names came in force. It is asked to vote once it has flushed past that. */
static void test_who_lags_does_not_vote(void **state)
{
    struct pg_status status;
    (void)state;
    facts.members[2].data_voter = false;
    atomic_store(&flushed_by_third, FLUSHED_AT_OPENING - 1);
    come_to_serve();
    run_ms(3 * PG_WATCH_MS);
    pg_member_status(member, &status);
    assert_int_equal(status.serves, EPOCH);
    assert_int_equal(status.in_force, facts.voters_version);
    assert_int_equal(status.ready_voter, 0);
    atomic_store(&flushed_by_third, FLUSHED_AT_OPENING);
    run_ms(3 * PG_WATCH_MS);
    pg_member_status(member, &status);
    assert_int_equal(status.ready_voter, 3);
}

/* It writes, through the connection that is there; nobody else gets in: a frozen postmaster. */
static void test_a_postmaster_that_takes_nobody_in_has_failed(void **state)
{
    struct pg_status status;
    (void)state;
    come_to_serve();
    run_ms(PG_WATCH_DIAL_FAILED_MS + 1000);
    pg_member_status(member, &status);
    assert_int_equal(status.failed, 0);
    atomic_store(&takes_nobody, true);
    run_ms(PG_WATCH_DIAL_FAILED_MS + 1000);
    pg_member_status(member, &status);
    assert_int_equal(status.failed, EPOCH);
}

/* The process stood still, not PostgreSQL: what came meanwhile makes it look many times at once. */
static void test_own_pause_is_no_evidence(void **state)
{
    struct pg_status status;
    (void)state;
    come_to_serve();
    run_ms(PG_WATCH_MS);
    usleep((PG_WATCH_FAILED_MS + PG_WATCH_MS) * 1000);
    for (int i = 0; i < 10; i++)
        look(NULL);
    run_ms(PG_WATCH_MS);
    pg_member_status(member, &status);
    assert_int_equal(status.failed, 0);
}

/* Its death is told with the last of its processes; that it serves no more, with the first. */
static void test_a_broken_one_has_failed(void **state)
{
    struct pg_status status;
    (void)state;
    pg_member_broke(member); /* of a standby nobody need know */
    come_to_serve();
    pg_member_status(member, &status);
    assert_int_equal(status.serves, EPOCH);
    assert_int_equal(status.failed, 0);
    pg_member_broke(member);
    pg_member_status(member, &status);
    assert_int_equal(status.failed, EPOCH);
    assert_int_equal(status.died, 0);
    assert_int_equal(releases, 0);
}

/* Promoted, and its marker waits for a copy of its data, for minutes perhaps: it is not waited for
 * when nobody gets in any more. */
static void test_one_that_freezes_before_its_marker(void **state)
{
    struct pg_status status;
    (void)state;
    atomic_store(&held_kind, MEMBER_MARK);
    come_to_promote();
    run_ms(50);
    atomic_store(&is_primary, true);
    run_until_step(MEMBER_MARK, 0);
    run_ms(PG_WATCH_DIAL_MS);
    pg_member_status(member, &status);
    assert_int_equal(status.failed, 0);
    atomic_store(&takes_nobody, true);
    run_ms(PG_WATCH_DIAL_FAILED_MS + 1000);
    pg_member_status(member, &status);
    assert_int_equal(status.failed, EPOCH);
}

/* A copy says of which epoch it is, and ends when that is over. */
static void test_a_copy_is_of_one_epoch(void **state)
{
    struct pg_status status;
    struct pg_report report;
    (void)state;
    atomic_store(&diverges, true);
    atomic_store(&held_kind, MEMBER_CLONE);
    set_phase(EPOCH, CLUSTER_SET, OTHER);
    run_until_step(MEMBER_CLONE, 0);
    run_ms(50);
    pg_member_status(member, &status);
    assert_int_equal(status.copies, EPOCH);
    assert_false(atomic_load(&clone_is_over));
    set_phase(EPOCH + 1, CLUSTER_SET, 3);
    pg_member_status(member, &status);
    assert_int_equal(status.copies, EPOCH);
    run_ms(50);
    assert_true(atomic_load(&clone_is_over));
    int from = atomic_load(&steps_count);
    uint64_t since_ns = clock_boot_ns();
    atomic_store(&held_kind, -1);
    set_phase(EPOCH + 2, CLUSTER_FENCED, 0);
    run_until_step(MEMBER_START, from); /* that it was given up is no failure */
    assert_true(clock_boot_ns() - since_ns < 900 * CLOCK_MS); /* after one it is 1 s */
    pg_member_report(member, &report);
    assert_string_equal(report.problem, "");
}

/* Facts that are older than what it did, and stay so: said, with what to do. */
static void test_below_its_floor_it_says_so(void **state)
{
    struct pg_report report;
    (void)state;
    set_phase(EPOCH, CLUSTER_FENCED, 0);
    run_until_step(MEMBER_REPORT, 0);
    run_ms(100);
    set_phase(EPOCH - 1, CLUSTER_FENCED, 0);
    run_ms(300);
    pg_member_report(member, &report);
    assert_string_equal(report.problem, ""); /* it may be catching up */
    run_ms(5200);
    pg_member_report(member, &report);
    assert_non_null(strstr(report.problem, "acted in epoch 5"));
    set_phase(EPOCH, CLUSTER_FENCED, 0);
    pg_member_report(member, &report);
    assert_string_equal(report.problem, "");
}

/* Clients first: they wait for nothing more than the open gate. */
static void test_the_checkpoint_comes_after_the_clients(void **state)
{
    (void)state;
    come_to_serve();
    run_ms(500);
    assert_int_equal(count_steps(PG_STEP_CHECKPOINT), 0);
    run_until_step(PG_STEP_CHECKPOINT, 0);
}

/* A standby that streams has its primary's catalogues read before clients may come. */
static void test_a_standby_is_warm(void **state)
{
    (void)state;
    set_phase(EPOCH, CLUSTER_SERVING, OTHER);
    run_until_step(MEMBER_FOLLOW, 0);
    run_ms(2 * PG_WATCH_MS);
    assert_int_equal(atomic_load(&warmed), 0); /* it does not stream yet */
    atomic_store(&standby_streams, true);
    run_ms(5 * PG_WATCH_MS);
    assert_int_equal(atomic_load(&warmed), 1);
}

/* Before it has its vote its name is in force already: a lone primary would wait for it for ever.
 */
static void test_the_next_voter_vanishes(void **state)
{
    struct pg_status status;
    (void)state;
    facts.members[1].data_voter = facts.members[2].data_voter = false;
    atomic_store(&flushed_by_third, FLUSHED_AT_OPENING);
    come_to_serve();
    run_until_step(PG_STEP_NAMES, 0);
    run_ms(3 * PG_WATCH_MS);
    assert_non_null(strstr(names, "repl_3"));
    pg_member_status(member, &status);
    assert_int_equal(status.ready_voter, 3);
    int before = atomic_load(&steps_count);
    atomic_store(&third_is_gone, true);
    run_until_step(PG_STEP_NAMES, before);
    run_ms(100);
    assert_string_equal(names, "");
    pg_member_status(member, &status);
    assert_int_equal(status.ready_voter, 0);
    assert_int_equal(status.in_force, facts.voters_version);
    before = atomic_load(&steps_count); /* it comes back */
    atomic_store(&third_is_gone, false);
    run_until_step(PG_STEP_NAMES, before);
    run_ms(100);
    pg_member_status(member, &status);
    assert_int_equal(status.ready_voter, 3);
}

int main(void)
{
    test_prompt_as_regiond();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_failed_follow_may_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_follow_is_put_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_promote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_promote_of_an_epoch_that_is_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_declined_epoch_is_not_promoted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_facts_that_leap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_lags_does_not_vote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_pause_is_no_evidence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_broken_one_has_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_freezes_before_its_marker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_copy_is_of_one_epoch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_below_its_floor_it_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_checkpoint_comes_after_the_clients, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_standby_is_warm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_next_voter_vanishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_postmaster_that_takes_nobody_in_has_failed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
