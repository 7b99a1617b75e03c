/* Who may stay among strangers, and how fast they are taken. */
// rooms: wire
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "src/base/clock.h"
#include "src/wire/crowd.h"

static struct crowd crowd;
static int people[1000], count;

/* One more from this address; who left for it, -1 = nobody. */
static bool enter(const char *caller, int *out)
{
    void *who = NULL;
    bool entered = crowd_enter(&crowd, &people[count++], caller, &who);
    *out = who ? (int)((int *)who - people) : -1;
    return entered;
}

static int set_up(void **unused)
{
    (void)unused;
    count = 0;
    crowd_init(&crowd, CLOCK_S);
    return 0;
}

static void test_an_address_has_its_share(void **unused)
{
    (void)unused;
    int out;
    for (int i = 0; i < CROWD_OF_CALLER; i++)
        assert_true(enter("10.0.0.1", &out) && out < 0);
    assert_false(enter("10.0.0.1", &out));
    assert_true(enter("10.0.0.2", &out) && out < 0);
    crowd_leave(&crowd, &people[3]);
    crowd_leave(&crowd, &people[999]); /* not there: no harm */
    assert_true(enter("10.0.0.1", &out) && out < 0);
    assert_false(enter("10.0.0.1", &out));
    assert_int_equal(crowd.count, CROWD_OF_CALLER + 1);
}

static void test_who_came_with_most_leaves_first(void **unused)
{
    (void)unused;
    int out;
    char caller[24];
    assert_true(enter("10.0.0.1", &out));
    for (int i = 0; i < CROWD_MOST - 5; i++) {
        snprintf(caller, sizeof(caller), "10.0.1.%d", i);
        assert_true(enter(caller, &out) && out < 0);
    }
    for (int i = 0; i < 4; i++) /* people 60 to 63 */
        assert_true(enter("10.0.0.2", &out) && out < 0);
    assert_int_equal(crowd.count, CROWD_MOST);
    for (int i = 0; i < 3; i++) {
        snprintf(caller, sizeof(caller), "10.0.2.%d", i);
        assert_true(enter(caller, &out));
        assert_int_equal(out, 60 + i);
    }
    assert_true(enter("10.0.2.9", &out));
    assert_int_equal(out, 0); /* each has one by now: the oldest */
    assert_int_equal(crowd.count, CROWD_MOST);
}

/* How many are taken at this time when each costs the loop so much. */
static int taken(uint64_t now_ns, uint64_t cost_ns)
{
    int number = 0;
    for (; crowd_may_take(&crowd, now_ns); number++)
        crowd_spend(&crowd, cost_ns);
    return number;
}

static void test_the_loop_has_its_time(void **unused)
{
    (void)unused;
    uint64_t now_ns = CLOCK_S, cost_ns = CLOCK_MS;
    assert_int_equal(taken(now_ns, cost_ns), CROWD_CREDIT_MS);
    assert_int_equal(taken(now_ns, cost_ns), 0);
    for (int tries = 0; tries < 2; tries++, cost_ns /= 100) { /* who costs less comes more often */
        uint64_t number = 0;
        for (int i = 0; i < 250; i++)
            number += (uint64_t)taken(now_ns += CROWD_PAUSE_MS * CLOCK_MS, cost_ns);
        uint64_t share = CLOCK_S / CROWD_SHARE / cost_ns;
        assert_in_range(number, share - 1, share + 1);
    }
    taken(now_ns, CLOCK_MS);
    crowd_spend(&crowd, CLOCK_S); /* what was spent is owed, but for half a second at most */
    uint64_t owed_ns = CROWD_SHARE * CROWD_CREDIT_MS * CLOCK_MS;
    assert_int_equal(taken(now_ns + owed_ns - CLOCK_MS, CLOCK_MS), 0);
    assert_int_equal(taken(now_ns + owed_ns + CLOCK_MS, CLOCK_MS), 1);
    assert_int_equal(taken(now_ns + 3600 * CLOCK_S, CLOCK_MS), CROWD_CREDIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_address_has_its_share, set_up),
        cmocka_unit_test_setup(test_who_came_with_most_leaves_first, set_up),
        cmocka_unit_test_setup(test_the_loop_has_its_time, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
