/* Shares of the log: the burst, what comes back with time, and that machines do not share. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/base/clock.h"
#include "src/region/event_quota.h"

static int take_all(const char *system_id, uint64_t now_ns)
{
    int taken = 0;
    while (taken < 2 * EVENT_QUOTA_BURST && event_quota_take(system_id, now_ns))
        taken++;
    return taken;
}

static void test_a_machine_has_its_share(void **state)
{
    const uint64_t day = 86400 * CLOCK_S;
    (void)state;
    assert_int_equal(take_all("abc123", day), EVENT_QUOTA_BURST);
    assert_int_equal(take_all("abc124", day), EVENT_QUOTA_BURST);
    assert_int_equal(take_all("", day), EVENT_QUOTA_BURST);
    assert_false(event_quota_take("abc123", day + CLOCK_S));
    assert_true(event_quota_take("abc123", day + 20 * CLOCK_S));
    assert_in_range(take_all("abc123", day + day / 10), EVENT_QUOTA_A_DAY / 10 - 3,
                    EVENT_QUOTA_A_DAY / 10);
    assert_int_equal(take_all("abc123", 100 * day), EVENT_QUOTA_BURST);
    assert_false(event_quota_take("abc123", 50 * day));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_machine_has_its_share)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
