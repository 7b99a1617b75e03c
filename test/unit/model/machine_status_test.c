/* Statuses of machines, names that nobody chose, event levels: the tables are whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/model/machine_status.h"
#include "src/model/script.h"

static void numbers_and_words(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINE_STATUS_COUNT; i++) {
        assert_true(strlen(machine_status_name(i)) > 0);
        assert_int_equal(machine_status_parse(fsm_word(&machine_status_fsm, i)), i);
    }
    assert_int_equal(machine_status_parse("Failed_Commissioning"), 2);
    assert_int_equal(machine_status_parse("failed_releasing"), 13);
    assert_int_equal(machine_status_parse("Ready "), -1);
    assert_string_equal(machine_status_name(MACHINE_FAILED_ENTERING_RESCUE_MODE),
                        "Failed to enter rescue mode");
}

static void moves_are_between_statuses(void **state)
{
    (void)state;
    struct error err;
    int status = MACHINE_NEW;
    for (int i = 0; i < machine_status_fsm.moves_count; i++) {
        assert_int_not_equal(machine_status_fsm.moves[i].from, machine_status_fsm.moves[i].to);
        assert_non_null(machine_status_fsm.moves[i].why);
    }
    assert_int_equal(fsm_move(&machine_status_fsm, &status, MACHINE_BROKEN, &err), ERR_OK);
    assert_int_equal(fsm_move(&machine_status_fsm, &status, MACHINE_DEPLOYING, &err), ERR_CONFLICT);
    assert_int_equal(status, MACHINE_BROKEN);
}

static void home_is_where_nothing_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(machine_status_home(true, true, true), MACHINE_DEPLOYED);
    assert_int_equal(machine_status_home(true, false, true), MACHINE_ALLOCATED);
    assert_int_equal(machine_status_home(false, false, true), MACHINE_READY);
    assert_int_equal(machine_status_home(false, true, true), MACHINE_READY);
    assert_int_equal(machine_status_home(false, false, false), MACHINE_NEW);
}

/* No status is a trap, and one that passes can always fail. */
static void every_status_can_be_left(void **state)
{
    (void)state;
    for (int from = 0; from < MACHINE_STATUS_COUNT; from++) {
        int ways = 0, failed = machine_status_failed(from);
        for (int i = 0; i < machine_status_fsm.moves_count; i++)
            ways += machine_status_fsm.moves[i].from == from;
        bool unused =
            from == MACHINE_MISSING || from == MACHINE_RESERVED || from == MACHINE_RETIRED;
        assert_int_equal(ways == 0, unused);
        if (failed >= 0) {
            assert_non_null(fsm_find(&machine_status_fsm, from, failed));
            assert_int_equal(machine_status_failed(failed), -1);
        }
    }
    assert_int_equal(machine_status_failed(MACHINE_DEPLOYING), MACHINE_FAILED_DEPLOYMENT);
    assert_int_equal(machine_status_failed(MACHINE_READY), -1);
}

static void each_move_stands_once(void **state)
{
    const struct fsm *fsm = &machine_status_fsm;
    (void)state;
    for (int i = 0; i < fsm->moves_count; i++)
        assert_ptr_equal(fsm_find(fsm, fsm->moves[i].from, fsm->moves[i].to), &fsm->moves[i]);
}

static void what_each_boots(void **state)
{
    (void)state;
    assert_int_equal(machine_status_boot(MACHINE_NEW, false), MACHINE_BOOT_EPHEMERAL);
    assert_int_equal(machine_status_boot(MACHINE_NEW, true), MACHINE_BOOT_LOCAL);
    assert_int_equal(machine_status_boot(MACHINE_DEPLOYED, true), MACHINE_BOOT_LOCAL);
    assert_int_equal(machine_status_boot(MACHINE_BROKEN, true), MACHINE_BOOT_POWEROFF);
    assert_int_equal(machine_status_boot(MACHINE_READY, true), MACHINE_BOOT_POWEROFF);
    assert_int_equal(machine_status_boot(MACHINE_COMMISSIONING, true), MACHINE_BOOT_EPHEMERAL);
}

static void what_it_is_for(void **state)
{
    (void)state;
    for (int status = 0; status < MACHINE_STATUS_COUNT; status++) {
        const struct machine_stay *stay = machine_status_stay(status);
        if (!stay) {
            assert_int_equal(machine_status_boot(status, false), MACHINE_BOOT_POWEROFF);
            assert_int_equal(machine_status_results(status), -1);
            continue;
        }
        assert_int_equal(stay->status, status);
        assert_true(*stay->purpose && *stay->task && stay->limit_s >= 540);
        assert_int_equal(machine_status_results(status), stay->results);
    }
    assert_string_equal(machine_status_stay(MACHINE_DISK_ERASING)->task, "erase");
    assert_string_equal(machine_status_stay(MACHINE_TESTING)->purpose, "testing");
    assert_int_equal(machine_status_results(MACHINE_RELEASING), SCRIPT_RELEASE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_words),
        cmocka_unit_test(moves_are_between_statuses),
        cmocka_unit_test(home_is_where_nothing_is_wrong),
        cmocka_unit_test(every_status_can_be_left),
        cmocka_unit_test(each_move_stands_once),
        cmocka_unit_test(what_each_boots),
        cmocka_unit_test(what_it_is_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
