/* Leases on a real loop and disk: the floor is durable before the grant; what is released stays so.
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
#include <unistd.h>

#include "ha/leases.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "test/lib/test_prompt.h"

enum { D = 400, WAIT_MS = 5000, THREADS = 32 };

static char folder[] = "/tmp/leases_test_XXXXXX", path[64];
static struct loop loop;
static struct floor *durable;
static struct leases *leases;
static struct cluster_state facts;
static const struct lease_resource resource = {CLUSTER_LEASE_PRIMARY, 0};
static int extended;
static uint64_t floor_at_grant;

static void send_nothing(void *owner, uint64_t member, const struct member_message *message)
{
    (void)owner, (void)member, (void)message;
}

static void on_extended(void *owner, struct lease_hold *hold)
{
    struct floor_values values;
    (void)owner, (void)hold;
    extended++;
    assert_int_equal(floor_read(path, &values, NULL), ERR_OK);
    for (int i = 0; i < values.lease.count; i++)
        if (lease_resource_equal(values.lease.rows[i].resource, resource))
            floor_at_grant = values.lease.rows[i].seen;
}

static void open_all(uint64_t incarnation)
{
    struct leases_setup setup = {&loop, NULL, incarnation, send_nothing, NULL};
    assert_int_equal(floor_open(&loop, path, &durable, NULL), ERR_OK);
    setup.floor = durable;
    leases = leases_new(&setup);
    leases_facts(leases, &facts, 1);
}

static void close_all(void)
{
    leases_free(leases);
    floor_close(durable);
    for (int i = 0; i < 20; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
}

static void run_until(const bool *done, const struct lease_hold *hold, uint64_t epoch, int ms)
{
    uint64_t end = clock_boot_ns() + (uint64_t)ms * CLOCK_MS;
    while (clock_boot_ns() < end && !(done ? *done : lease_hold_live(hold, epoch)))
        uv_run(&loop.uv, UV_RUN_ONCE);
}

static void test_granted_after_the_floor_renewed_and_final(void **state)
{
    (void)state;
    struct lease_hold hold = {.extended = on_extended}, again = {.extended = on_extended};
    open_all(7);
    leases_want(leases, &hold, resource, 3, D);
    run_until(NULL, &hold, 3, WAIT_MS);
    assert_true(lease_hold_live(&hold, 3));
    assert_int_equal(floor_at_grant, 3);
    int before = extended;
    bool never = false;
    run_until(&never, NULL, 0, 2 * D); /* longer than it lasts: it is renewed meanwhile */
    assert_true(extended > before);
    assert_true(lease_hold_live(&hold, 3));
    leases_release(leases, &hold);
    assert_false(lease_hold_live(&hold, 3));
    leases_want(leases, &again, resource, 3, D); /* given back: never again */
    run_until(NULL, &again, 3, D);
    assert_false(lease_hold_live(&again, 3));
    leases_want(leases, &again, resource, 4, D);
    run_until(NULL, &again, 4, WAIT_MS);
    assert_true(lease_hold_live(&again, 4));
    leases_forget(leases, &again);
    close_all();
}

static void test_a_new_process_waits_and_goes_not_below(void **state)
{
    (void)state;
    struct lease_hold hold = {.extended = NULL};
    open_all(8);
    leases_want(leases, &hold, resource, 3, D); /* below the floor of the process before */
    run_until(NULL, &hold, 3, 3 * D);
    assert_false(lease_hold_live(&hold, 3));
    leases_forget(leases, &hold);
    close_all();
    open_all(9);
    leases_want(leases, &hold, resource, 5, D);
    uint64_t began = clock_boot_ns();
    run_until(NULL, &hold, 5, WAIT_MS);
    assert_true(lease_hold_live(&hold, 5));
    assert_true(clock_boot_ns() - began >= D * CLOCK_MS); /* it may have promised before */
    leases_forget(leases, &hold);
    close_all();
}

/* Who waits for another's promise asks less and less often; a release makes it ask at once. */
static void test_a_release_is_taken_at_once(void **state)
{
    (void)state;
    static const struct lease_resource vip = {CLUSTER_LEASE_VIP, 0x0a000009};
    struct lease_hold hold = {.extended = NULL};
    struct member_message other = {.kind = MEMBER_LEASE_REQUEST};
    open_all(10);
    usleep(3 * D * 1000); /* after a start it grants nothing */
    other.claim = (struct lease_claim){vip, 6, 1, 77, 1, D};
    leases_heard(leases, 2, &other);
    leases_want(leases, &hold, vip, 7, D);
    run_until(NULL, &hold, 7, D * 6 / 10); /* asked at 0, 30, 90 and 210 ms, next at 450 */
    assert_false(lease_hold_live(&hold, 7));
    other = (struct member_message){.kind = MEMBER_LEASE_RELEASE, .release = {vip, 6, 77}};
    uint64_t began = clock_boot_ns();
    leases_heard(leases, 2, &other);
    run_until(NULL, &hold, 7, WAIT_MS);
    assert_true(lease_hold_live(&hold, 7));
    assert_true(clock_boot_ns() - began < 100 * CLOCK_MS);
    leases_forget(leases, &hold);
    close_all();
}

/* fenced hangs: what it enforces lapses, the leader's duty goes on; it answers: all is asked for.
 */
static void test_what_nobody_enforces_lapses(void **state)
{
    (void)state;
    static const struct lease_resource duty = {CLUSTER_LEASE_DUTY, 0};
    struct lease_hold hold = {.extended = NULL}, leads = {.extended = NULL};
    open_all(11);
    usleep(3 * D * 1000); /* after a start it grants nothing */
    leases_want(leases, &hold, resource, 20, D);
    leases_want(leases, &leads, duty, 20, D);
    run_until(NULL, &hold, 20, WAIT_MS);
    run_until(NULL, &leads, 20, WAIT_MS);
    leases_enforced(leases, false);
    bool never = false;
    run_until(&never, NULL, 0, 2 * D);
    assert_false(lease_hold_live(&hold, 20));
    assert_true(lease_hold_live(&leads, 20));
    leases_enforced(leases, true);
    run_until(NULL, &hold, 20, WAIT_MS);
    assert_true(lease_hold_live(&hold, 20));
    leases_forget(leases, &hold);
    leases_forget(leases, &leads);
    close_all();
}

static void hold_thread(void *subject)
{
    while (!atomic_load((atomic_bool *)subject))
        usleep(1000);
}

static void ignore(void *subject)
{
    (void)subject;
}

/* The disk hangs while an epoch of something else is to be written: what was granted is renewed. */
static void test_renewals_do_not_wait_for_the_disk(void **state)
{
    (void)state;
    static const struct lease_resource vip = {CLUSTER_LEASE_VIP, 0x0a000008};
    struct lease_hold hold = {.extended = NULL}, other = {.extended = NULL};
    static atomic_bool over; /* the threads look a moment longer than the test runs */
    bool never = false;
    open_all(12);
    usleep(3 * D * 1000); /* after a start it grants nothing */
    leases_want(leases, &hold, resource, 30, D);
    run_until(NULL, &hold, 30, WAIT_MS);
    for (int i = 0; i < THREADS; i++) /* nobody is left to write */
        loop_run_blocking(&loop, hold_thread, ignore, &over);
    leases_want(leases, &other, vip, 31, D);
    run_until(&never, NULL, 0, 3 * D);
    assert_true(lease_hold_live(&hold, 30));
    assert_false(lease_hold_live(&other, 31));
    atomic_store(&over, true);
    run_until(NULL, &other, 31, WAIT_MS);
    assert_true(lease_hold_live(&other, 31));
    leases_forget(leases, &hold);
    leases_forget(leases, &other);
    close_all();
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/floor", folder);
    facts.members_count = 1;
    facts.members[0] = (struct cluster_member){.id = 1, .acceptor = true};
    facts.acceptors_version = 1;
    facts.lease_ms_max = 2 * D;
    loop_init(&loop);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_close(&loop);
    return file_remove_tree(folder, NULL) ? -1 : 0;
}

int main(void)
{
    test_prompt_as_regiond();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_granted_after_the_floor_renewed_and_final),
        cmocka_unit_test(test_a_new_process_waits_and_goes_not_below),
        cmocka_unit_test(test_a_release_is_taken_at_once),
        cmocka_unit_test(test_what_nobody_enforces_lapses),
        cmocka_unit_test(test_renewals_do_not_wait_for_the_disk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
