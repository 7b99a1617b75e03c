/* Power orders: what is taken, and what ipmitool's output means. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_ipmi.h"

#define ORDER(action, driver, parameters, timeout)                                      \
    "{\"request\":\"r\",\"system_id\":\"abc\",\"action\":" action ",\"driver\":" driver \
    ",\"parameters\":" parameters ",\"timeout_ms\":" timeout "}"
#define ADDRESS "{\"power_address\":\"10.0.0.1\"}"

static enum error_code parse(const char *text, struct power_order *order, struct error *err)
{
    json_t *params = json_loads(text, 0, NULL);
    assert_non_null(params);
    enum error_code code = power_order_parse(params, order, err);
    json_decref(params);
    return code;
}

static void test_good_orders(void **unused)
{
    (void)unused;
    struct power_order order;
    assert_int_equal(parse(ORDER("\"on\"", "\"ipmi\"", ADDRESS, "1000"), &order, NULL), ERR_OK);
    assert_int_equal(order.action, POWER_ON);
    assert_string_equal(order.bmc, "ipmi 10.0.0.1:623");
    power_order_close(&order);
    assert_int_equal(parse(ORDER("\"cycle\"", "\"ipmi\"",
                                 "{\"power_address\":\"10.0.0.1\",\"power_port\":9623}", "120000"),
                           &order, NULL),
                     ERR_OK);
    assert_string_equal(order.bmc, "ipmi 10.0.0.1:9623");
    power_order_close(&order);
    assert_int_equal(parse(ORDER("\"off\"", "\"manual\"", "{}", "1"), &order, NULL), ERR_OK);
    assert_string_equal(order.bmc, "");
    power_order_close(&order);
    assert_int_equal(parse(ORDER("\"off\"", "\"redfish\"",
                                 "{\"power_address\":\"https://bmc:8443\",\"power_user\":\"u\","
                                 "\"power_pass\":\"p\",\"node_id\":\"7\"}",
                                 "1"),
                           &order, NULL),
                     ERR_OK);
    assert_string_equal(order.bmc, "redfish bmc");
    assert_string_equal(order.unit, "7");
    power_order_close(&order);
}

static void test_bad_orders(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "{}",
        ORDER("\"ON\"", "\"ipmi\"", ADDRESS, "1000"),
        ORDER("null", "\"ipmi\"", ADDRESS, "1000"),
        ORDER("\"on\"", "\"ipmi\"", "{}", "1000"),
        ORDER("\"on\"", "\"ipmi\"", ADDRESS, "0"),
        ORDER("\"on\"", "\"ipmi\"", ADDRESS, "120001"),
        ORDER("\"on\"", "\"ipmi\"", ADDRESS, "\"1000\""),
        ORDER("\"off\"", "\"ipmi\"", ADDRESS, "1000,\"background\":true"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct power_order order;
        if (parse(bad[i], &order, NULL) != ERR_BAD_INPUT)
            fail_msg("taken: %s", bad[i]);
        assert_null(order.parameters);
    }
    struct power_order order;
    const char *look = ORDER("\"query\"", "\"ipmi\"", ADDRESS, "1000,\"background\":true");
    assert_int_equal(parse(look, &order, NULL), ERR_OK);
    assert_true(order.background);
    power_order_close(&order);
    assert_int_equal(parse(ORDER("\"on\"", "\"nova\"", "{}", "1000"), &order, NULL), ERR_NOT_FOUND);
}

static void test_each_driver_of_the_table_is_here(void **unused)
{
    (void)unused;
    for (int i = 0; i < power_drivers_count; i++) {
        static const struct power_tools tools = {"/nowhere/ipmitool", "/nowhere/snmpget",
                                                 "/nowhere/snmpset", "/nowhere/virsh",
                                                 "/tmp/gantry-power-order"};
        struct power_order order = {.driver = &power_drivers[i], .timeout_ms = 1, .tools = &tools};
        enum power_seen seen;
        struct error err;
        struct arena *arena = arena_new();
        order.parameters = json_pack("{ss}", "power_address", "127.0.0.1");
        strcpy(order.bmc, "ipmi 127.0.0.1:9");
        assert_int_not_equal(power_order_run(&order, arena, &seen, &err), ERR_NOT_FOUND);
        power_order_close(&order);
        arena_free(arena);
    }
}

static void test_status(void **unused)
{
    (void)unused;
    enum power_seen seen;
    assert_true(power_ipmi_read_status("Get HPM.x Capabilities request failed, compcode = d4\n"
                                       "Chassis Power is on\n",
                                       &seen));
    assert_int_equal(seen, POWER_SEEN_ON);
    assert_true(power_ipmi_read_status("Chassis Power is off\n", &seen));
    assert_int_equal(seen, POWER_SEEN_OFF);
    assert_false(power_ipmi_read_status("Chassis Power is\n", &seen));
    assert_false(power_ipmi_read_status("", &seen));
}

static void test_explanations(void **unused)
{
    (void)unused;
    static const struct {
        const char *output;
        enum error_code code;
        const char *text;
    } rows[] = {
        {"Loading IANA PEN Registry...\n> RAKP 2 HMAC is invalid\nError: Unable to establish IPMI "
         "v2 / RMCP+ session\n",
         ERR_FORBIDDEN, "the BMC at 10.0.0.1:623 refuses the password (power_pass)"},
        {"Get Auth Capabilities error\nError: Unable to establish IPMI v2 / RMCP+ session\n",
         ERR_UNAVAILABLE, "the BMC at 10.0.0.1:623 does not answer"},
        {"Discovered IPMB address 0x0\nSet Chassis Power Control to Up/On failed: Command not "
         "supported in present state\n",
         ERR_IO, "ipmitool says: Set Chassis Power Control to Up/On failed: Command not supported"},
        {"", ERR_IO, "ipmitool says: (nothing)"},
        {"\n\n", ERR_IO, "ipmitool says: (nothing)"},
    };
    struct power_order order = {.bmc = "ipmi 10.0.0.1:623"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = {0};
        assert_int_equal(power_ipmi_explain(&order, rows[i].output, &err), rows[i].code);
        if (!strstr(err.text, rows[i].text))
            fail_msg("%s", err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_orders),
        cmocka_unit_test(test_bad_orders),
        cmocka_unit_test(test_each_driver_of_the_table_is_here),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_explanations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
