/* What management consoles answer: the power in it, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/base/container.h"
#include "src/rack/power_console.h"

static void test_answers(void **unused)
{
    (void)unused;
    static const struct {
        const char *driver, *output;
        int seen; /* -1: none */
    } rows[] = {
        {"hmc", "Running\n", POWER_SEEN_ON},
        {"hmc", "Open Firmware", POWER_SEEN_ON},
        {"hmc", "Not Activated\r\n", POWER_SEEN_OFF},
        {"hmc", "Running late\n", -1},
        {"hmc", "", -1},
        {"mscm", "show node power c1n1\r\r\n\r\nCartridge #1\r\n Node #1\r\n Power State: On\r\n",
         POWER_SEEN_ON},
        {"mscm", "Power State:  PoweringOn \r\n", POWER_SEEN_ON},
        {"mscm", "Power State: Unavailable", POWER_SEEN_OFF},
        {"mscm", "Power State: Onward", -1},
        {"mscm", "Power State:", -1},
        {"wedge", "Microserver power is on", POWER_SEEN_ON},
        {"wedge", "Microserver power is off\n", POWER_SEEN_OFF},
        {"wedge", "off", -1},
        {"abacus", "on", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum power_seen seen = POWER_SEEN_UNKNOWN;
        bool found = power_console_read(rows[i].driver, rows[i].output, &seen);
        assert_int_equal(found, rows[i].seen >= 0);
        if (found)
            assert_int_equal((int)seen, rows[i].seen);
    }
}

static void test_nodes_of_a_chassis(void **unused)
{
    (void)unused;
    static const struct {
        const char *id;
        int macs_count;
    } rows[] = {{"c1n1", 2}, {"c2n1", 0}, {"c45n8", 1}};
    const char *output =
        "show node macaddr all\r\r\nSlot ID    NIC 1 (Switch A)\r\n---- -----\r\n"
        " 1  c1n1  a0:1d:48:b5:04:34\ta0:1d:48:b5:04:35 \r\n 2  c2n1  N/A\r\n"
        " cn1 c1n c12n c1nx xc1n1 c1234n1 a0:1d:48:b5:04:36\n45 c45n8 00:00:00:00:00:00 "
        "a0:1d:48:b5:04:37";
    struct arena *arena = arena_new();
    struct power_chassis_machine node;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(power_console_next_node(&output, arena, &node));
        assert_string_equal(node.value, rows[i].id);
        assert_int_equal(node.macs_count, rows[i].macs_count);
    }
    assert_string_equal(node.macs[0], "a0:1d:48:b5:04:37");
    assert_false(power_console_next_node(&output, arena, &node));
    arena_free(arena);
}

static void test_architectures(void **unused)
{
    (void)unused;
    static const char *const rows[][2] = {
        {"  Product Name: ProLiant m300 Server Cartridge\r\n", "x86_64"},
        {"  Product Name: ProLiant m400 Server Cartridge\r\n", "aarch64"},
        {"Product Name: ProLiant m800 Server Cartridge", "armv7l"},
        {"Product Name: ProLiant m710\r\nSerial: m400", "x86_64"},
        {"m400", "x86_64"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(power_console_architecture(rows[i][0]), rows[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_nodes_of_a_chassis),
                                       cmocka_unit_test(test_architectures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
