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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
