/* Kinds of operations: steps follow each other, and patience ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/model/operation_kind.h"

static void steps(void **state)
{
    const struct operation_kind *deploy = operation_kind_find("deploy");
    const struct operation_kind *release = operation_kind_find("release");
    (void)state;
    assert_string_equal(operation_kind_next(deploy, NULL), "off");
    assert_string_equal(operation_kind_next(deploy, "off"), "on");
    assert_null(operation_kind_next(deploy, "on"));
    assert_string_equal(operation_kind_next(release, NULL), "off");
    assert_null(operation_kind_next(release, "off"));
    assert_int_equal(release->end, OPERATION_END_FREE);
    assert_null(operation_kind_find("dance"));
}

static void patience(void **state)
{
    (void)state;
    int failures = 1, all_s = 0;
    for (; operation_kind_delay_s(failures) >= 0; failures++) {
        assert_true(failures == 1 ||
                    operation_kind_delay_s(failures) > operation_kind_delay_s(failures - 1));
        all_s += operation_kind_delay_s(failures);
    }
    assert_true(failures == 6 && all_s >= 60);
    assert_int_equal(operation_kind_delay_s(0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps),
        cmocka_unit_test(patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
