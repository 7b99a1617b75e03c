/* The table of control commands: unique names, a summary, an example that begins with the name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/model/control_command.h"

static void test_rows_are_whole(void **unused)
{
    (void)unused;
    assert_true(control_commands_count >= 3);
    for (int i = 0; i < control_commands_count; i++) {
        const struct control_command *row = &control_commands[i];
        assert_ptr_equal(control_command_find(row->name), row);
        assert_non_null(strchr(row->doc, '\n'));
        assert_int_equal(strncmp(row->example, row->name, strlen(row->name)), 0);
    }
}

static void test_unknown_name(void **unused)
{
    (void)unused;
    assert_null(control_command_find("cluster"));
    assert_null(control_command_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_unknown_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
