/*
 * What this member asks of fenced for a virtual IP. fenced and the leases are the test's: requests
 * wait until it answers them, as across a socket.
 */
// rooms: ha
// replaces: src/wire/fence_link.c
// replaces: ha/leases.c
// replaces: ha/callers.c
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ha/vip.h"
#include "src/base/clock.h"

#define NET "10.9.0.100/24"

enum { SELF = 1, ASKED_MOST = 16 };

static struct vip *vip;
static struct cluster_state facts;
static struct lease_hold *wanted;
static int released, changes;

static struct asked {
    struct fence_request request;
    fence_answer *answer;
    void *subject;
} asked[ASKED_MOST];
static int asked_count;

/* ---- fenced and the leases ---- */

void fence_link_send(struct fence_link *link, struct fence_request *request, fence_answer *answer,
                     void *subject)
{
    (void)link;
    assert_true(asked_count < ASKED_MOST);
    asked[asked_count++] = (struct asked){*request, answer, subject};
}

void leases_want(struct leases *leases, struct lease_hold *hold, struct lease_resource resource,
                 uint64_t epoch, uint32_t duration_ms)
{
    (void)leases, (void)resource, (void)duration_ms;
    wanted = hold;
    hold->core.epoch = epoch;
}

void leases_release(struct leases *leases, struct lease_hold *hold)
{
    (void)leases;
    released++;
    hold->core.epoch = 0;
}

void leases_forget(struct leases *leases, struct lease_hold *hold)
{
    (void)leases, (void)hold;
}

bool lease_hold_live(const struct lease_hold *hold, uint64_t epoch)
{
    return epoch && hold->core.epoch == epoch && clock_boot_ns() < hold->core.until_ns;
}

int callers_of(const struct callers *callers, uint32_t address, uint64_t before_ns,
               struct caller *found, int most)
{
    (void)callers, (void)address, (void)before_ns, (void)found, (void)most;
    return 0;
}

int callers_guess(const struct caller *found, int count,
                  struct caller guessed[CALLERS_GUESSES * CALLERS_GUESSED])
{
    (void)found, (void)count, (void)guessed;
    return 0;
}

static void propose(void *owner, const struct command *command)
{
    (void)owner, (void)command;
}

static void changed(void *owner)
{
    (void)owner;
    changes++;
}

/* ---- the test's side ---- */

/* The lease was granted until a second from now. */
static void grant(void)
{
    wanted->core.until_ns = clock_boot_ns() + CLOCK_S;
    wanted->extended(wanted->owner, wanted);
}

static struct asked take(void)
{
    assert_int_equal(asked_count, 1);
    asked_count = 0;
    return asked[0];
}

static void answer(const struct asked *to, enum error_code code)
{
    struct fence_reply reply = {.kind = FENCE_REPLY, .code = (uint32_t)code};
    to->answer(to->subject, &reply, -1);
}

/* It is this member's, and on. */
static int set_up(void **state)
{
    (void)state;
    facts = (struct cluster_state){.vips_count = 1};
    snprintf(facts.vips[0].net, sizeof(facts.vips[0].net), "%s", NET);
    snprintf(facts.vips[0].interface, sizeof(facts.vips[0].interface), "eth0");
    facts.vips[0].lease_ms = 800;
    asked_count = released = 0;
    wanted = NULL;
    vip = vip_new(&(struct vip_setup){.propose = propose, .changed = changed});
    vip_look(vip, &facts, SELF, true); /* nobody holds it */
    facts.vips[0].holder = SELF;
    facts.vips[0].epoch = 5;
    vip_look(vip, &facts, SELF, true);
    assert_non_null(wanted);
    grant();
    struct asked add = take();
    assert_int_equal(add.request.type, FENCE_ADDRESS_ADD);
    assert_int_equal(add.request.address.epoch, 5);
    answer(&add, ERR_OK);
    assert_true(vip_held(vip, NET));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vip_free(vip);
    return 0;
}

static void test_renewals_announce_only_when_they_must(void **state)
{
    (void)state;
    grant();
    struct asked renewal = take();
    assert_int_equal(renewal.request.type, FENCE_LEASE);
    assert_int_equal(renewal.request.lease.announce, FENCE_ANNOUNCE_KEEP);
    vip_silence(vip, true); /* somebody may be cut off */
    grant();
    assert_int_equal(take().request.lease.announce, FENCE_ANNOUNCE_OFTEN);
    vip_silence(vip, false);
    grant();
    assert_int_equal(take().request.lease.announce, FENCE_ANNOUNCE_KEEP);
    vip_announce(vip);
    renewal = take();
    assert_int_equal(renewal.request.type, FENCE_LEASE);
    assert_int_equal(renewal.request.lease.announce, FENCE_ANNOUNCE_ANEW);
    assert_int_equal(renewal.request.lease.epoch, 5);
}

/*
 * The process stood still: fenced has dropped the address and said so, and before that is read a
 * late grant comes and the address is announced. It must never be put on again: it is released
 * with the next word of fenced, and another takes it.
 */
static void test_an_announcement_never_puts_on(void **state)
{
    (void)state;
    grant();
    vip_announce(vip);
    for (int i = 0; i < asked_count; i++) {
        assert_int_equal(asked[i].request.type, FENCE_LEASE);
        answer(&asked[i], ERR_NOT_FOUND);
    }
    asked_count = 0;
    vip_dropped(vip, NET);
    assert_int_equal(released, 1);
    assert_false(vip_held(vip, NET));
    vip_announce(vip);
    vip_look(vip, &facts, SELF, true); /* the facts name it still, under the epoch that ended */
    for (int i = 0; i < asked_count; i++)
        assert_int_not_equal(asked[i].request.type, FENCE_ADDRESS_ADD);
    assert_false(vip_held(vip, NET));
}

/* Another holder is named: clients get what they wait for, then it is given back. One that cannot
 * serve them has nothing to wait for. */
static void test_it_goes_to_another(void **state)
{
    (void)state;
    facts.vips[0].holder = SELF + 1;
    facts.vips[0].epoch = 6;
    vip_look(vip, &facts, SELF, true);
    struct asked drop = take();
    assert_int_equal(drop.request.type, FENCE_ADDRESS_DROP);
    assert_true(drop.request.address.deadline_ns > clock_boot_ns());
    assert_true(drop.request.address.deadline_ns < clock_boot_ns() + CLOCK_S);
    vip_look(vip, &facts, SELF, true); /* once */
    grant();                           /* a late one: while it is held it may live */
    assert_int_equal(take().request.type, FENCE_LEASE);
    assert_int_equal(released, 0);
    answer(&drop, ERR_OK);
    assert_int_equal(released, 1);
    assert_false(vip_held(vip, NET));
}

static void test_an_unfit_one_lets_go_at_once(void **state)
{
    (void)state;
    vip_look(vip, &facts, SELF, false);
    struct asked drop = take();
    assert_int_equal(drop.request.type, FENCE_ADDRESS_DROP);
    assert_true(drop.request.address.deadline_ns == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_renewals_announce_only_when_they_must, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_announcement_never_puts_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_goes_to_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_unfit_one_lets_go_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
