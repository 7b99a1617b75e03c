/* Statuses of machines, names that nobody chose, event levels: the tables are whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/model/machine_status.h"

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
    assert_int_equal(fsm_move(&machine_status_fsm, &status, MACHINE_DEPLOYED, &err), ERR_CONFLICT);
    assert_int_equal(status, MACHINE_BROKEN);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_words),
        cmocka_unit_test(moves_are_between_statuses),
        cmocka_unit_test(what_each_boots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
