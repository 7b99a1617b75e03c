/* The error table, wrapping, and state tables and ops that rest on assertions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "src/base/error.h"
#include "src/base/fsm.h"
#include "src/base/op.h"

static void test_wraps_outward(void **unused)
{
    (void)unused;
    struct error err;
    errno = ENOENT;
    assert_int_equal(error_errno(&err, "open %s", "x"), ERR_NOT_FOUND);
    assert_int_equal(error_wrap(&err, "deploy %s", "abc"), ERR_NOT_FOUND);
    assert_string_equal(err.text, "deploy abc: open x: No such file or directory");
    char big[3000];
    memset(big, 'y', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    error_set(&err, ERR_BUSY, "%s", big);
    error_wrap(&err, "%s", big);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(error_set(NULL, ERR_GONE, "nobody listens"), ERR_GONE);
}

static void test_table_is_sound(void **unused)
{
    (void)unused;
    assert_int_equal(ERR_OK, 0);
    for (int i = 0; i < ERR_COUNT; i++) {
        enum error_code code = (enum error_code)i;
        assert_true(error_http_status(code) >= 200 && error_http_status(code) < 600);
        assert_true((error_exit_status(code) == 0) == (code == ERR_OK));
        assert_true(!error_retryable(code) || error_http_status(code) != 400);
        assert_true(strlen(error_name(code)) > 1);
        assert_int_equal(error_named(error_name(code)), code ? code : ERR_INTERNAL);
    }
    assert_int_equal(error_named(NULL), ERR_INTERNAL);
    assert_int_equal(error_named("no such"), ERR_INTERNAL);
}

static void test_fsm_moves_only_by_the_table(void **unused)
{
    (void)unused;
    static const char *const words[] = {"new", "ready", NULL, "gone"};
    static const struct fsm_move moves[] = {{0, 1, "commissioned"}, {1, 3, "deleted"}};
    static const struct fsm fsm = {"thing", words, 4, moves, 2};
    struct error err;
    int now = 0;
    assert_int_equal(fsm_move(&fsm, &now, 3, &err), ERR_CONFLICT);
    assert_string_equal(err.text, "thing cannot go from new to gone");
    assert_int_equal(now, 0);
    assert_int_equal(fsm_move(&fsm, &now, 1, &err), ERR_OK);
    assert_int_equal(now, 1);
    assert_string_equal(fsm_find(&fsm, 1, 3)->why, "deleted");
    assert_null(fsm_find(&fsm, 3, 0));
}

static void test_late_completions_are_known(void **unused)
{
    (void)unused;
    struct op op = {0};
    uint64_t first = op_begin(&op, "start", 0);
    assert_true(op_busy(&op));
    op_abandon(&op);
    uint64_t second = op_begin(&op, "start again", 1);
    assert_false(op_end(&op, first));
    assert_true(op_expired(&op) || op_busy(&op));
    assert_true(op_end(&op, second));
    assert_false(op_end(&op, second));
    assert_false(op_busy(&op));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wraps_outward),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_fsm_moves_only_by_the_table),
        cmocka_unit_test(test_late_completions_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
