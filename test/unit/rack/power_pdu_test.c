/* What programs and hosts say of outlets, domains and instances; and the packet that wakes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_lxd.h"
#include "src/rack/power_pdu.h"
#include "src/rack/power_virsh.h"
#include "src/rack/power_wake.h"

static void test_outlets(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"", "\n", "1 2", "one\n", "99999999999999999999", "1\nx"};
    long number;
    assert_true(power_pdu_read("Created directory: /x\n2\n", &number));
    assert_int_equal(number, 2);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(power_pdu_read(bad[i], &number));
}

static void test_domains(void **unused)
{
    (void)unused;
    enum power_seen seen;
    assert_true(power_virsh_read("running\n\n", &seen));
    assert_int_equal(seen, POWER_SEEN_ON);
    assert_true(power_virsh_read("shut off\n", &seen));
    assert_int_equal(seen, POWER_SEEN_OFF);
    assert_false(power_virsh_read("running away\n", &seen));
    assert_false(power_virsh_read("", &seen));
}

static void test_instances(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum error_code code;
        enum power_seen seen;
    } rows[] = {
        {"{\"metadata\":{\"status_code\":103}}", ERR_OK, POWER_SEEN_ON},
        {"{\"metadata\":{\"status_code\":102}}", ERR_OK, POWER_SEEN_OFF},
        {"{\"metadata\":{\"status_code\":106}}", ERR_OK, POWER_SEEN_UNKNOWN},
        {"{\"metadata\":{}}", ERR_CORRUPT, 0},
        {"{\"metadata\":7}", ERR_CORRUPT, 0},
        {"x", ERR_CORRUPT, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum power_seen seen = POWER_SEEN_UNKNOWN;
        assert_int_equal(power_lxd_read(rows[i].text, strlen(rows[i].text), &seen, NULL),
                         rows[i].code);
        if (!rows[i].code)
            assert_int_equal(seen, rows[i].seen);
    }
}

static void test_packet(void **unused)
{
    (void)unused;
    uint8_t packet[POWER_WAKE_BYTES];
    struct mac mac = {{1, 2, 3, 4, 5, 6}};
    power_wake_packet(&mac, packet);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(packet[i], 0xff);
    for (size_t i = 6; i < sizeof(packet); i++)
        assert_int_equal(packet[i], i % 6 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outlets),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_instances),
        cmocka_unit_test(test_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
