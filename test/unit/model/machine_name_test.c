/* System ids and host names that nobody chose are good ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/model/machine_name.h"

static void system_ids(void **state)
{
    (void)state;
    char text[MACHINE_SYSTEM_ID];
    for (int i = 0; i < 256; i++) {
        unsigned char random[6] = {(unsigned char)i, (unsigned char)(255 - i), 1, 2, 3, 4};
        machine_name_system_id(random, text);
        assert_int_equal(strlen(text), 6);
        assert_int_equal(strspn(text, "34678abcdefghkmnpqrstwxy"), 6);
    }
}

static void hostnames(void **state)
{
    (void)state;
    char text[MACHINE_HOSTNAME];
    for (int i = 0; i < 65536; i += 97) {
        unsigned char random[4] = {(unsigned char)i, (unsigned char)(i >> 8),
                                   (unsigned char)(i * 7), (unsigned char)i};
        machine_name_hostname(random, i % 3 ? 0 : (unsigned)i, text);
        assert_true(machine_name_is_hostname(text));
    }
    unsigned char first[4] = {0};
    machine_name_hostname(first, 17, text);
    assert_string_equal(text, "able-ant-17");
}

static void what_a_hostname_is(void **state)
{
    (void)state;
    char longest[65];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[63] = '\0';
    assert_true(machine_name_is_hostname("a") && machine_name_is_hostname("Calm-Cod1"));
    assert_true(machine_name_is_hostname(longest));
    longest[63] = 'a';
    longest[64] = '\0';
    assert_false(machine_name_is_hostname(longest));
    assert_false(machine_name_is_hostname("") || machine_name_is_hostname("-a"));
    assert_false(machine_name_is_hostname("a-") || machine_name_is_hostname("a.b"));
    assert_false(machine_name_is_hostname("a_b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_ids),
        cmocka_unit_test(hostnames),
        cmocka_unit_test(what_a_hostname_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
