/* Leases row by row: what an acceptor refuses, what a holder counts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ha/lease.h"
#include "ha/lease_core.h"
#include "src/base/clock.h"

static const struct lease_resource primary = {CLUSTER_LEASE_PRIMARY, 0};
static struct cluster_state facts;
static struct lease_acceptor acceptor;

enum { D = 800, START_MS = 100000 };
#define AT(ms) ((uint64_t)(START_MS + (ms)) * CLOCK_MS)

static struct lease_claim claim(uint64_t epoch, uint64_t incarnation)
{
    return (struct lease_claim){primary, epoch, 5, incarnation, 1, D};
}

static enum lease_verdict ask(uint64_t epoch, uint64_t incarnation, int ms)
{
    struct lease_claim asked = claim(epoch, incarnation);
    return lease_acceptor_request(&acceptor, AT(ms), &asked);
}

static int set_up(void **state)
{
    static const struct lease_floor nothing;
    (void)state;
    memset(&facts, 0, sizeof(facts));
    facts.members_count = 3;
    for (int i = 0; i < 3; i++)
        facts.members[i] = (struct cluster_member){.id = (uint64_t)i + 1, .acceptor = true};
    facts.acceptors_version = 5;
    facts.lease_ms_max = 2 * D;
    facts.primary.epoch = 1;
    lease_acceptor_start(&acceptor, &nothing, AT(0));
    lease_acceptor_facts(&acceptor, &facts, 1);
    return 0;
}

static void test_nobody_grants_without_facts(void **state)
{
    (void)state;
    static const struct lease_floor nothing;
    lease_acceptor_start(&acceptor, &nothing, AT(0));
    assert_int_equal(ask(1, 9, 0), LEASE_NOT_MEMBER);
    facts.members[0].acceptor = false;
    lease_acceptor_facts(&acceptor, &facts, 1);
    assert_int_equal(ask(1, 9, 0), LEASE_NOT_MEMBER);
}

static void test_a_promise_keeps_everybody_else_out(void **state)
{
    (void)state;
    assert_int_equal(ask(2, 9, 0), LEASE_GRANTED);
    assert_int_equal(ask(2, 9, 100), LEASE_GRANTED);       /* renewed: until 908 */
    assert_int_equal(ask(2, 8, 200), LEASE_OTHER_PROCESS); /* the same epoch, a restarted holder */
    assert_int_equal(ask(1, 9, 200), LEASE_OLD_EPOCH);
    assert_int_equal(ask(3, 7, 907), LEASE_OTHER);     /* a higher epoch waits like all */
    assert_int_equal(ask(2, 9, 907), LEASE_OLD_EPOCH); /* and stops the renewal at once */
    assert_int_equal(ask(3, 7, 908), LEASE_GRANTED);
}

static void test_durations(void **state)
{
    (void)state;
    struct lease_claim longer = claim(2, 9);
    longer.lease_ms = 2 * D + 1;
    assert_int_equal(lease_acceptor_request(&acceptor, AT(0), &longer), LEASE_DURATION);
    assert_int_equal(ask(2, 9, 0), LEASE_GRANTED);
    longer.lease_ms = 2 * D; /* allowed, but not within the epoch */
    assert_int_equal(lease_acceptor_request(&acceptor, AT(1), &longer), LEASE_DURATION);
    longer.epoch = 3;
    assert_int_equal(lease_acceptor_request(&acceptor, AT(808), &longer), LEASE_GRANTED);
}

static void test_release_is_final(void **state)
{
    (void)state;
    struct lease_release late = {primary, 2, 8}, own = {primary, 2, 9};
    assert_int_equal(ask(2, 9, 0), LEASE_GRANTED);
    lease_acceptor_release(&acceptor, &late); /* of another process */
    assert_int_equal(ask(3, 7, 1), LEASE_OTHER);
    lease_acceptor_release(&acceptor, &own);
    assert_int_equal(ask(3, 7, 2), LEASE_GRANTED);
    lease_acceptor_release(&acceptor, &own); /* doubled: does not touch epoch 3 */
    assert_int_equal(ask(4, 6, 3), LEASE_OTHER);
}

static void test_a_released_epoch_is_gone(void **state)
{
    (void)state;
    struct lease_release own = {primary, 2, 9};
    assert_int_equal(ask(2, 9, 0), LEASE_GRANTED);
    lease_acceptor_release(&acceptor, &own);
    assert_int_equal(ask(2, 9, 1), LEASE_RELEASED);
    assert_int_equal(ask(2, 9, 5000), LEASE_RELEASED);
}

static void test_the_next_end(void **state)
{
    (void)state;
    struct lease_claim duty = claim(7, 9);
    duty.resource.kind = CLUSTER_LEASE_DUTY;
    assert_true(lease_acceptor_lapse_ns(&acceptor, AT(0)) == UINT64_MAX);
    assert_int_equal(ask(2, 9, 0), LEASE_GRANTED); /* until 808 */
    assert_int_equal(lease_acceptor_request(&acceptor, AT(100), &duty), LEASE_GRANTED);
    assert_true(lease_acceptor_lapse_ns(&acceptor, AT(100)) == AT(808));
    assert_int_equal(ask(2, 9, 200), LEASE_GRANTED);
    assert_true(lease_acceptor_lapse_ns(&acceptor, AT(200)) == AT(908));
    assert_true(lease_acceptor_lapse_ns(&acceptor, AT(908)) == AT(1008)); /* the other one */
    assert_true(lease_acceptor_lapse_ns(&acceptor, AT(1008)) == UINT64_MAX);
}

static void test_restart_waits_and_remembers(void **state)
{
    (void)state;
    struct lease_floor floor;
    struct lease_promised promised[MEMBER_MESSAGE_PROMISES];
    assert_int_equal(ask(4, 9, 0), LEASE_GRANTED);
    lease_acceptor_floor(&acceptor, &floor);
    lease_acceptor_start(&acceptor, &floor, AT(10));
    lease_acceptor_facts(&acceptor, &facts, 1);
    int wait_ms = (int)(lease_restart_wait_ns(D) / CLOCK_MS);
    assert_int_equal(ask(5, 7, 10 + wait_ms - 1), LEASE_NOT_READY);
    /* As evidence the old promise counts while it may live. */
    assert_int_equal(lease_acceptor_promised(&acceptor, AT(11), promised), 1);
    assert_true(promised[0].live && promised[0].epoch == 4);
    assert_int_equal(ask(3, 7, 10 + wait_ms + 1), LEASE_OLD_EPOCH);
    assert_int_equal(ask(5, 7, 10 + wait_ms + 1), LEASE_GRANTED);
}

static void test_older_acceptor_sets(void **state)
{
    (void)state;
    struct lease_claim old = claim(2, 9);
    facts.acceptors_version = 6;
    lease_acceptor_facts(&acceptor, &facts, 1);
    assert_int_equal(lease_acceptor_request(&acceptor, AT(0), &old), LEASE_OLD_VERSION);
    old.version = 7; /* it has not heard of that set yet; the cluster has */
    assert_int_equal(lease_acceptor_request(&acceptor, AT(0), &old), LEASE_GRANTED);
}

/* Virtual IPs come and go for years: those that are gone take nobody's place, once nothing is
 * promised for them any more. */
static void test_rows_of_what_is_gone(void **state)
{
    (void)state;
    facts.vips_count = 1;
    for (int i = 0; i < 3 * LEASE_ROWS; i++) {
        struct cluster_vip *vip = &facts.vips[0];
        *vip = (struct cluster_vip){.epoch = (uint64_t)i + 1, .holder = 1, .lease_ms = D};
        snprintf(vip->net, sizeof(vip->net), "10.0.%d.1/24", i);
        struct lease_claim asked = claim(vip->epoch, 9);
        asked.resource = lease_resource_vip(vip);
        lease_acceptor_facts(&acceptor, &facts, 1);
        assert_int_equal(lease_acceptor_request(&acceptor, AT(100 * i), &asked), LEASE_GRANTED);
        facts.vips_count = i % 2; /* removed, or its place is taken at once */
        lease_acceptor_facts(&acceptor, &facts, 1);
        facts.vips_count = 1;
        asked.epoch++;
        assert_int_equal(lease_acceptor_request(&acceptor, AT(100 * i), &asked), LEASE_OTHER);
    }
    assert_true(acceptor.count <= MEMBER_MESSAGE_PROMISES); /* all of them are told */
}

/* ---- holder ---- */

static void test_a_holder_counts_one_request(void **state)
{
    (void)state;
    struct lease_holder holder;
    struct lease_claim first, second;
    lease_holder_init(&holder, primary, 2, 9, D);
    assert_true(lease_holder_ask(&holder, AT(0), &facts, &first));
    assert_false(lease_holder_granted(&holder, 1, &first));
    assert_false(lease_holder_granted(&holder, 1, &first)); /* doubled */
    assert_true(lease_holder_ask(&holder, AT(300), &facts, &second));
    assert_false(lease_holder_granted(&holder, 2, &first)); /* late, of the older request */
    assert_false(lease_holder_granted(&holder, 3, &second));
    assert_false(lease_holder_live(&holder, AT(301)));
    assert_false(lease_holder_granted(&holder, 4, &second)); /* no acceptor */
    assert_true(lease_holder_granted(&holder, 2, &second));
    assert_true(holder.until_ns == lease_holder_end_ns(AT(300), D)); /* from its sending */
    assert_true(lease_holder_live(&holder, holder.until_ns - 1));
    assert_false(lease_holder_live(&holder, holder.until_ns));
}

static void test_grants_of_anything_else_do_not_count(void **state)
{
    (void)state;
    struct lease_holder holder;
    struct lease_claim asked, other;
    lease_holder_init(&holder, primary, 2, 9, D);
    lease_holder_ask(&holder, AT(0), &facts, &asked);
    assert_false(lease_holder_granted(&holder, 1, &asked));
    for (int i = 0; i < 6; i++) {
        other = asked;
        other.epoch += i == 0;
        other.version += i == 1;
        other.incarnation += i == 2;
        other.number += i == 3;
        other.lease_ms += i == 4;
        other.resource.key += i == 5;
        assert_false(lease_holder_granted(&holder, 2, &other));
    }
    assert_true(lease_holder_granted(&holder, 2, &asked));
}

static void test_a_released_holder_never_asks(void **state)
{
    (void)state;
    struct lease_holder holder;
    struct lease_claim asked;
    struct lease_release release;
    lease_holder_init(&holder, primary, 2, 9, D);
    lease_holder_ask(&holder, AT(0), &facts, &asked);
    lease_holder_granted(&holder, 1, &asked);
    lease_holder_release(&holder, &release);
    assert_false(lease_holder_granted(&holder, 2, &asked));
    assert_false(lease_holder_live(&holder, AT(1)));
    assert_false(lease_holder_ask(&holder, AT(500), &facts, &asked));
}

/* The two clocks may run apart by the drift: the holder's end comes first. */
static void test_ends(void **state)
{
    (void)state;
    assert_true(lease_holder_end_ns(0, D) * 101 / 99 <=
                lease_promise_end_ns(0, D) + CLOCK_MS / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nobody_grants_without_facts, set_up),
        cmocka_unit_test_setup(test_a_promise_keeps_everybody_else_out, set_up),
        cmocka_unit_test_setup(test_durations, set_up),
        cmocka_unit_test_setup(test_release_is_final, set_up),
        cmocka_unit_test_setup(test_a_released_epoch_is_gone, set_up),
        cmocka_unit_test_setup(test_the_next_end, set_up),
        cmocka_unit_test_setup(test_restart_waits_and_remembers, set_up),
        cmocka_unit_test_setup(test_older_acceptor_sets, set_up),
        cmocka_unit_test_setup(test_rows_of_what_is_gone, set_up),
        cmocka_unit_test_setup(test_a_holder_counts_one_request, set_up),
        cmocka_unit_test_setup(test_grants_of_anything_else_do_not_count, set_up),
        cmocka_unit_test_setup(test_a_released_holder_never_asks, set_up),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
