/* When power is looked at: the period and its spread, failures, and places for both sorts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/model/power_schedule.h"

static void test_about_every_five_minutes(void **unused)
{
    (void)unused;
    int least = 10000, most = 0;
    for (unsigned roll = 0; roll < 1000; roll++) {
        struct power_schedule_next next = power_schedule_after(ERR_OK, 7, roll * 7919U);
        assert_int_equal(next.failures, 0);
        assert_true(next.tells && !next.is_failure);
        least = next.wait_s < least ? next.wait_s : least;
        most = next.wait_s > most ? next.wait_s : most;
    }
    assert_int_equal(least, 270);
    assert_int_equal(most, 330);
}

static void test_one_lost_answer_is_none(void **unused)
{
    (void)unused;
    struct power_schedule_next next = power_schedule_after(ERR_UNAVAILABLE, 0, 30);
    assert_false(next.tells);
    assert_int_equal(next.failures, 1);
    assert_int_equal(next.wait_s, 60);
    next = power_schedule_after(ERR_TIMEOUT, 1, 30);
    assert_true(next.tells && next.is_failure);
    assert_int_equal(next.failures, 2);
    assert_int_equal(next.wait_s, 600);
    for (int failures = 2; failures < 5000; failures++) {
        next = power_schedule_after(ERR_IO, failures, 60);
        assert_int_equal(next.wait_s, 930);
    }
    assert_int_equal(next.failures, POWER_SCHEDULE_FAILURES_MAX);
}

static void test_refusals_are_certain(void **unused)
{
    (void)unused;
    static const enum error_code codes[] = {ERR_FORBIDDEN, ERR_BAD_INPUT, ERR_NOT_FOUND};
    for (int i = 0; i < 3; i++) {
        struct power_schedule_next next = power_schedule_after(codes[i], 0, 30);
        assert_true(next.tells && next.is_failure);
        assert_int_equal(next.wait_s, 300);
    }
}

static void test_a_busy_rack_says_nothing(void **unused)
{
    (void)unused;
    static const enum error_code codes[] = {ERR_BUSY, ERR_LIMIT, ERR_UNKNOWN_OUTCOME};
    for (int i = 0; i < 3; i++) {
        struct power_schedule_next next = power_schedule_after(codes[i], 4, 30);
        assert_false(next.tells);
        assert_int_equal(next.failures, 4);
        assert_int_equal(next.wait_s, 60);
    }
}

static void test_the_dead_have_places_of_their_own(void **unused)
{
    (void)unused;
    int failing = power_schedule_room(true, 0), others = power_schedule_room(false, 0);
    assert_int_equal(failing, POWER_SCHEDULE_FAILING_PLACES);
    assert_int_equal(failing + others, POWER_SCHEDULE_PLACES);
    assert_true(others > failing);
    assert_int_equal(power_schedule_room(true, failing), 0);
    assert_int_equal(power_schedule_room(true, failing + 5), 0);
    assert_int_equal(power_schedule_room(false, others - 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_about_every_five_minutes),
        cmocka_unit_test(test_one_lost_answer_is_none),
        cmocka_unit_test(test_refusals_are_certain),
        cmocka_unit_test(test_a_busy_rack_says_nothing),
        cmocka_unit_test(test_the_dead_have_places_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
