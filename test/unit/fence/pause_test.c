/* What the wall clock says of a pause that nobody counted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/base/clock.h"
#include "src/fence/pause.h"

enum { BOOT_MS = 5000 };

static bool look(struct pause *pause, int64_t real_ms, int64_t boot_ms)
{
    return pause_seen(pause, (uint64_t)(1700000000000 + real_ms),
                      (uint64_t)(BOOT_MS + boot_ms) * CLOCK_MS);
}

static void test_only_a_leap_forward_is_a_pause(void **state)
{
    (void)state;
    struct pause pause = {0};
    assert_false(look(&pause, 0, 0)); /* nothing to compare with yet */
    assert_false(look(&pause, 60000, 60000));
    assert_false(look(&pause, 60600, 60500)); /* slewed */
    assert_true(look(&pause, 71201, 61000));
    assert_false(look(&pause, 71701, 61500));    /* told once */
    assert_false(look(&pause, -3528000, 62000)); /* set back by an hour: nothing stood still */
    assert_false(look(&pause, -3527500, 62500));
    assert_true(look(&pause, 73000, 63000)); /* and forward again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_a_leap_forward_is_a_pause)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
