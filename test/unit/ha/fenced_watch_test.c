/* When fenced counts as gone, and when it was this process that stood still. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ha/fenced_watch.h"
#include "src/base/clock.h"

enum { LIMIT_MS = 400 };

static uint64_t now_ns;

static bool look(struct fenced_watch *watch, int after_ms, uint64_t owed_ms)
{
    now_ns += (uint64_t)after_ms * CLOCK_MS;
    return fenced_watch_look(watch, now_ns, owed_ms, LIMIT_MS);
}

static void test_an_answer_that_does_not_come(void **state)
{
    (void)state;
    struct fenced_watch watch = {0};
    now_ns = 1000 * CLOCK_S;
    assert_false(look(&watch, 0, 0));
    for (uint64_t owed_ms = 50; owed_ms <= LIMIT_MS; owed_ms += 50)
        assert_false(look(&watch, 50, owed_ms));
    assert_true(look(&watch, 50, LIMIT_MS + 50));
    assert_false(look(&watch, 50, 0)); /* it came */
    assert_false(look(&watch, 50, 50));
}

static void test_an_own_pause(void **state)
{
    (void)state;
    struct fenced_watch watch = {0};
    now_ns = 1000 * CLOCK_S;
    assert_false(look(&watch, 0, 0));
    assert_false(look(&watch, 50, 10));
    assert_false(look(&watch, 5000, 5010)); /* the answer lies there, unread */
    assert_false(look(&watch, 50, 0));
    assert_false(look(&watch, 5000, 5010)); /* again, and this time fenced is gone, too */
    int looks = 0;
    while (!look(&watch, 50, 5060))
        looks++;
    assert_in_range(looks, 5, 8);
}

/* There is always one that is owed, but never the same for long. */
static void test_busy(void **state)
{
    (void)state;
    struct fenced_watch watch = {0};
    now_ns = 1000 * CLOCK_S;
    for (int i = 0; i < 100; i++)
        assert_false(look(&watch, 20, 30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_that_does_not_come),
        cmocka_unit_test(test_an_own_pause),
        cmocka_unit_test(test_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
