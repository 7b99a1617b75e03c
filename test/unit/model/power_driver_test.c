/* The table of power drivers, and what it lets through. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/model/power_driver.h"

static void test_rows_are_whole(void **unused)
{
    (void)unused;
    for (int i = 0; i < power_drivers_count; i++) {
        const struct power_driver *driver = &power_drivers[i];
        struct spool spool;
        struct json_out out;
        assert_ptr_equal(power_driver_find(driver->name), driver);
        for (int j = 0; j < driver->parameters_count; j++) {
            const struct power_parameter *row = &driver->parameters[j];
            assert_ptr_equal(power_driver_parameter(driver, row->name), row);
            assert_non_null(row->fallback);
            bool is_choice = row->type == POWER_CHOICE || row->type == POWER_MULTIPLE_CHOICE;
            assert_int_equal(is_choice, row->choices_count > 0);
            if (*row->fallback)
                assert_int_equal(power_parameter_check(row, row->fallback, NULL), ERR_OK);
            assert_int_equal(row->type == POWER_PASSWORD, row->secret);
        }
        if (driver->address)
            assert_non_null(power_driver_parameter(driver, driver->address));
        if (driver->unit)
            assert_false(power_driver_parameter(driver, driver->unit)->of_bmc);
        assert_true(driver->switches || !driver->queryable);
        spool_init(&spool);
        json_out_init(&out, &spool);
        power_driver_write_json(driver, &out);
        json_out_end(&out);
        json_t *tree = json_loadb(spool.bytes, spool.used, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(tree, "name")), driver->name);
        assert_int_equal(json_array_size(json_object_get(tree, "fields")),
                         driver->parameters_count);
        json_decref(tree);
        spool_close(&spool);
    }
    assert_null(power_driver_find("nova"));
    assert_null(power_driver_find(""));
}

static enum error_code check(const char *text, struct error *err)
{
    json_t *parameters = json_loads(text, 0, NULL);
    assert_non_null(parameters);
    enum error_code code = power_driver_check(power_driver_find("ipmi"), parameters, err);
    json_decref(parameters);
    return code;
}

static void test_good_parameters(void **unused)
{
    (void)unused;
    static const char *const good[] = {
        "{\"power_address\":\"10.0.0.1\"}",
        "{\"power_address\":\"10.0.0.1\",\"power_port\":6230,\"power_user\":\"maas\",\"x\":1}",
        "{\"power_address\":\"10.0.0.1\",\"power_pass\":\"-p\\u0001 $(x)\",\"k_g\":null}",
        "{\"power_address\":\"10.0.0.1\",\"cipher_suite_id\":\"\",\"workaround_flags\":[]}",
        "{\"power_address\":\"10.0.0.1\",\"workaround_flags\":[\"intel20\",\"sun20\"]}",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_int_equal(check(good[i], NULL), ERR_OK);
}

static void test_bad_parameters(void **unused)
{
    (void)unused;
    static const char *const bad[][2] = {
        {"{}", "power_address: This field is required."},
        {"[]", "power parameters: expected an object"},
        {"{\"power_address\":\"\"}", "power_address: This field is required."},
        {"{\"power_address\":\"bmc.example\"}", "power_address: Enter a valid IPv4 address."},
        {"{\"power_address\":\"1.2.3.4\",\"power_port\":\"0\"}", "power_port: Enter a port"},
        {"{\"power_address\":\"1.2.3.4\",\"power_port\":65536}", "power_port: Enter a port"},
        {"{\"power_address\":\"1.2.3.4\",\"power_port\":true}", "power_port: Enter a text."},
        {"{\"power_address\":\"1.2.3.4\",\"power_user\":\"-f/etc\"}", "power_user: Must not"},
        {"{\"power_address\":\"1.2.3.4\",\"power_user\":\"abcdefghijklmnopq\"}", "at most 16"},
        {"{\"power_address\":\"1.2.3.4\",\"cipher_suite_id\":\"99\"}", "Select a valid choice. 99"},
        {"{\"power_address\":\"1.2.3.4\",\"mac_address\":\"x\"}", "not a valid MAC"},
        {"{\"power_address\":\"1.2.3.4\",\"workaround_flags\":[1]}", "Enter a list of values."},
        {"{\"power_address\":\"1.2.3.4\",\"workaround_flags\":[\"x\"]}", "Select a valid choice."},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        assert_int_equal(check(bad[i][0], &err), ERR_BAD_INPUT);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
    }
}

static void test_forms(void **unused)
{
    (void)unused;
    static const struct {
        enum power_parameter_type type;
        const char *good[6], *bad[9];
    } rows[] = {
        {POWER_NUMBER, {"0", "16", "9999"}, {"-1", "1.5", "10000", "x"}},
        {POWER_HOST,
         {"10.0.0.1", "bmc-1.example:8443", "https://[fd00::1]:8443", "http://h/", "[::1]"},
         {"-h", "h:0", "h:65536", "h:", "u@h", "https://h/path", "h/", "https://", "[::1"}},
        {POWER_PEER, {"10.0.0.1", "h:161", "[::1]:161"}, {"http://h", "h/", "-h", "u@h"}},
        {POWER_URL,
         {"http://h", "https://h:1/a?b=c#d", "http://[::1]/x"},
         {"h", "ftp://h", "http://u:p@h/", "http://h/ a", "http://h\n", "http://h;x"}},
        {POWER_PATTERN,
         {"status.*\\:.*running", "^(on|off)$", "\\w+"},
         {"(", "a{9}", "(a)\\1", "[", "a\\\\{"}},
        {POWER_LIBVIRT,
         {"qemu:///system", "qemu+ssh://u@h:22/system", "test:///default"},
         {"qemu", "-c://x", "qemu://h/system?command=/bin/sh", "qemu+ssh://-oProxy/x", "://h",
          "qemu://h/ x"}},
        {POWER_LABEL,
         {"lp-1", "sys 1", "c1n1"},
         {"-x", " x", "a'b", "$(x)", "a;b", "a\nb", "\xc3\xa4"}},
        {POWER_BRIDGE,
         {"-B 0 -T 0x88 -b 7 -t 0x72 -m 0x20", " -t 114 "},
         {"0x88", "-B", "-B 256", "-B -1", "-f 1", "-B 0 x", "-t 1;2", "--b 1"}},
        {POWER_PEM, {"-----BEGIN X-----\nab\n"}, {"x", "-----BEGIN X\x01"}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct power_parameter row = {.name = "x", .type = rows[i].type, .fallback = ""};
        for (const char *const *text = rows[i].good; *text; text++)
            if (power_parameter_check(&row, *text, NULL))
                fail_msg("refused: %s", *text);
        for (int j = 0; j < 9 && rows[i].bad[j]; j++)
            if (power_parameter_check(&row, rows[i].bad[j], NULL) != ERR_BAD_INPUT)
                fail_msg("taken: %s", rows[i].bad[j]);
    }
}

static void test_hosts(void **unused)
{
    (void)unused;
    static const char *const rows[][2] = {
        {"10.0.0.1", "10.0.0.1"},
        {"10.0.0.1:8443", "10.0.0.1"},
        {"https://[fd00::1]:8443/", "fd00::1"},
        {"http://bmc/x@y:1", "bmc"},
    };
    const struct power_driver *redfish = power_driver_find("redfish");
    char host[16];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *parameters = json_pack("{ss}", "power_address", rows[i][0]);
        assert_true(power_driver_host(redfish, parameters, host, sizeof(host)));
        assert_string_equal(host, rows[i][1]);
        assert_false(power_driver_host(redfish, parameters, host, strlen(rows[i][1])));
        json_decref(parameters);
    }
    assert_true(power_driver_host(power_driver_find("manual"), NULL, host, sizeof(host)));
    assert_string_equal(host, "");
}

static void test_defaults(void **unused)
{
    (void)unused;
    const struct power_driver *ipmi = power_driver_find("ipmi");
    json_t *parameters = json_pack("{ss}", "power_user", "maas");
    assert_string_equal(power_driver_text(ipmi, parameters, "power_user"), "maas");
    assert_string_equal(power_driver_text(ipmi, parameters, "cipher_suite_id"), "3");
    json_decref(parameters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole), cmocka_unit_test(test_good_parameters),
        cmocka_unit_test(test_bad_parameters), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_hosts),          cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
