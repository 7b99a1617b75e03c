/* What BMCs say by Redfish, and what webhooks say: decoding. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_redfish.h"
#include "src/rack/power_webhook.h"

static enum error_code read_system(const char *text, struct power_redfish_system *system,
                                   struct error *err)
{
    return power_redfish_read_system(text, strlen(text), system, err);
}

static void test_system(void **unused)
{
    (void)unused;
    struct power_redfish_system system;
    assert_int_equal(
        read_system("{\"PowerState\":\"PoweringOff\",\"@odata.etag\":\"W/\\\"5\\\"\",\"Actions\":{"
                    "\"#ComputerSystem.Reset\":{\"target\":\"/x/Reset\","
                    "\"ResetType@Redfish.AllowableValues\":[7,\"ForceOff\",\"ForceOn\"]}}}",
                    &system, NULL),
        ERR_OK);
    assert_int_equal(system.power, POWER_SEEN_ON);
    assert_string_equal(system.etag, "W/\"5\"");
    assert_string_equal(system.target, "/x/Reset");
    assert_string_equal(system.on, "ForceOn");
    assert_string_equal(system.off, "ForceOff");
    assert_null(system.restart);
    assert_int_equal(read_system("{\"PowerState\":\"off\"}", &system, NULL), ERR_OK);
    assert_int_equal(system.power, POWER_SEEN_OFF);
    assert_string_equal(system.on, "On");
    assert_string_equal(system.restart, "ForceRestart");
    assert_int_equal(read_system("{}", &system, NULL), ERR_OK);
    assert_int_equal(system.power, POWER_SEEN_UNKNOWN);
}

static void test_what_must_not_become_part_of_a_request(void **unused)
{
    (void)unused;
    struct power_redfish_system system;
    static const char *const targets[] = {"//evil/x", "http://evil/", "/x\\r\\nHost: y", "/a b"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        char text[200];
        snprintf(text, sizeof(text),
                 "{\"@odata.etag\":\"a\\nb\",\"Actions\":{\"#ComputerSystem.Reset\":{\"target\":"
                 "\"%s\"}}}",
                 targets[i]);
        assert_int_equal(read_system(text, &system, NULL), ERR_OK);
        assert_string_equal(system.target, "");
        assert_string_equal(system.etag, "");
    }
}

static void test_bad_systems(void **unused)
{
    (void)unused;
    struct power_redfish_system system;
    assert_int_equal(read_system("", &system, NULL), ERR_CORRUPT);
    assert_int_equal(read_system("[]", &system, NULL), ERR_CORRUPT);
    assert_int_equal(read_system("{\"Actions\":{\"#ComputerSystem.Reset\":{"
                                 "\"ResetType@Redfish.AllowableValues\":[\"On\"]}}}",
                                 &system, NULL),
                     ERR_IO);
}

static void test_members(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum error_code code;
        const char *path;
    } rows[] = {
        {"{\"Members\":[{\"@odata.id\":\"/redfish/v1/Systems/1//\"}]}", ERR_OK,
         "/redfish/v1/Systems/1"},
        {"{\"Members\":[]}", ERR_CORRUPT, NULL},
        {"{\"Members\":[{\"@odata.id\":\"x\"}]}", ERR_CORRUPT, NULL},
        {"{\"Members\":[{\"@odata.id\":\"//x\"}]}", ERR_CORRUPT, NULL},
        {"{\"Members\":[{},{}]}", ERR_BAD_INPUT, NULL},
        {"{}", ERR_CORRUPT, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char path[POWER_REDFISH_PATH];
        assert_int_equal(power_redfish_read_members(rows[i].text, strlen(rows[i].text), path, NULL),
                         rows[i].code);
        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
    }
}

static void test_webhook(void **unused)
{
    (void)unused;
    enum power_seen seen;
    static const char on[] = "status.*\\:.*running", off[] = "status.*\\:.*stopped";
    assert_int_equal(power_webhook_read("a\nstatus : running\n", on, off, &seen, NULL), ERR_OK);
    assert_int_equal(seen, POWER_SEEN_ON);
    assert_int_equal(power_webhook_read("{\"status\": \"stopped\"}", on, off, &seen, NULL), ERR_OK);
    assert_int_equal(seen, POWER_SEEN_OFF);
    assert_int_equal(power_webhook_read("status:\nrunning", on, off, &seen, NULL), ERR_OK);
    assert_int_equal(seen, POWER_SEEN_UNKNOWN);
    assert_int_equal(power_webhook_read("", "(", off, &seen, NULL), ERR_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_what_must_not_become_part_of_a_request),
        cmocka_unit_test(test_bad_systems),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_webhook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
