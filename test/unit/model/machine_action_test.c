/* What people may ask of machines: each row is whole, and leads to a move that there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/container.h"
#include "src/model/event_type.h"
#include "src/model/machine_action.h"

static void rows_are_whole(void **state)
{
    (void)state;
    for (int kind = 0; kind < MACHINE_ACTION_COUNT; kind++) {
        const struct machine_action *action = machine_action_of((enum machine_action_kind)kind);
        assert_non_null(action->name);
        assert_non_null(event_type_find(action->event));
        assert_true(action->from && strlen(action->verb));
    }
}

/* An action that moves a machine by itself may be asked for only where the move is allowed. */
static void actions_lead_to_moves(void **state)
{
    static const struct {
        enum machine_action_kind kind;
        int to;
    } moves[] = {
        {MACHINE_ACTION_COMMISSION, MACHINE_COMMISSIONING},
        {MACHINE_ACTION_TEST, MACHINE_TESTING},
        {MACHINE_ACTION_ALLOCATE, MACHINE_ALLOCATED},
        {MACHINE_ACTION_RELEASE, MACHINE_RELEASING},
        {MACHINE_ACTION_RELEASE, MACHINE_DISK_ERASING},
        {MACHINE_ACTION_RESCUE_MODE, MACHINE_ENTERING_RESCUE_MODE},
        {MACHINE_ACTION_EXIT_RESCUE_MODE, MACHINE_EXITING_RESCUE_MODE},
        {MACHINE_ACTION_MARK_BROKEN, MACHINE_BROKEN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(moves); i++)
        for (int from = 0; from < MACHINE_STATUS_COUNT; from++)
            if (machine_action_from(machine_action_of(moves[i].kind), from))
                assert_non_null(fsm_find(&machine_status_fsm, from, moves[i].to));
}

static void who_and_when(void **state)
{
    const struct machine_action *release = machine_action_of(MACHINE_ACTION_RELEASE);
    const struct machine_action *commission = machine_action_of(MACHINE_ACTION_COMMISSION);
    (void)state;
    assert_true(commission->needs_admin && !release->needs_admin);
    assert_true(machine_action_from(commission, MACHINE_NEW));
    assert_false(machine_action_from(commission, MACHINE_DEPLOYED));
    assert_false(machine_action_from(release, MACHINE_READY));
    assert_true(machine_action_from(release, MACHINE_DEPLOYED));
    assert_true(machine_action_of(MACHINE_ACTION_UNLOCK)->takes_locked && !release->takes_locked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(actions_lead_to_moves),
        cmocka_unit_test(who_and_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
