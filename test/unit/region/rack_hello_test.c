/* Hello of a rack: what is taken, and who is let in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/region/rack_hello.h"

#define WITH(interfaces)                                                            \
    "{\"protocol\":1,\"system_id\":\"abc\",\"name\":\"rack1\",\"version\":\"0.1\"," \
    "\"incarnation\":\"00ff\",\"interfaces\":" interfaces "}"
#define NIC(up, addresses) \
    "{\"name\":\"prov0\",\"mac\":\"52:54:00:00:00:01\",\"up\":" up ",\"addresses\":" addresses "}"

static enum error_code parse(const char *text, struct rack_hello *hello, struct error *err)
{
    json_t *params = json_loads(text, 0, NULL);
    assert_non_null(params);
    enum error_code code = rack_hello_parse(params, hello, err);
    json_decref(params);
    return code;
}

static void test_good_hello(void **unused)
{
    (void)unused;
    struct rack_hello hello;
    char text[IP4_NET_TEXT];
    assert_int_equal(parse(WITH("[" NIC("true", "[\"10.77.0.21/24\"]") "," NIC(
                               "false", "[\"10.78.0.21/24\"]") "]"),
                           &hello, NULL),
                     ERR_OK);
    assert_string_equal(hello.system_id, "abc");
    assert_int_equal(hello.nets_count, 1); /* of those that are up */
    assert_string_equal(ip4_net_format(hello.nets[0], text), "10.77.0.21/24");
    assert_int_equal(parse(WITH("[]"), &hello, NULL), ERR_OK);
}

static void test_bad_hello(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "{}",
        "{\"protocol\":2,\"system_id\":\"abc\",\"name\":\"rack1\"}",
        "{\"protocol\":1,\"system_id\":\"\",\"name\":\"rack1\",\"version\":\"1\","
        "\"incarnation\":\"0\",\"interfaces\":[]}",
        "{\"protocol\":1,\"system_id\":\"a\",\"name\":7,\"version\":\"1\","
        "\"incarnation\":\"0\",\"interfaces\":[]}",
        WITH("{}"),
        WITH("[1]"),
        WITH("[{\"name\":\"a-name-too-long-for-it\",\"mac\":\"52:54:00:00:00:01\",\"up\":true,"
             "\"addresses\":[]}]"),
        WITH("[{\"name\":\"e\",\"mac\":\"52:54\",\"up\":true,\"addresses\":[]}]"),
        WITH("[{\"name\":\"e\",\"mac\":\"52:54:00:00:00:01\",\"up\":1,\"addresses\":[]}]"),
        WITH("[" NIC("true", "[\"10.77.0.21\"]") "]"),
        WITH("[" NIC("true", "[10]") "]"),
        WITH("[" NIC("true", "\"10.77.0.21/24\"") "]"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct rack_hello hello;
        struct error err = {0};
        if (parse(bad[i], &hello, &err) != ERR_BAD_INPUT)
            fail_msg("taken: %s", bad[i]);
        assert_true(strlen(err.text) > 0);
    }
}

static void test_bad_interfaces_change_nothing(void **unused)
{
    (void)unused;
    struct rack_hello hello, before;
    assert_int_equal(parse(WITH("[" NIC("true", "[\"10.77.0.21/24\"]") "]"), &hello, NULL), ERR_OK);
    before = hello;
    json_t *params = json_loads(
        "{\"interfaces\":[" NIC("true", "[\"10.1.0.1/24\"]") "," NIC("true", "[\"x\"]") "]}", 0,
        NULL);
    assert_int_equal(rack_hello_interfaces(params, &hello, NULL), ERR_BAD_INPUT);
    assert_memory_equal(&hello, &before, sizeof(hello));
    json_decref(params);
}

static struct cluster_view view;

static enum error_code check(const char *name, const char *serial)
{
    struct rack_hello hello = {.nets_count = 0};
    struct certificate certificate = {.is_authority = false};
    strcpy(hello.system_id, "abc");
    strcpy(hello.name, "rack1");
    strcpy(certificate.name, name);
    strcpy(certificate.serial, serial);
    return rack_hello_check(&hello, &certificate, &view, NULL);
}

static void test_who_is_let_in(void **unused)
{
    (void)unused;
    memset(&view, 0, sizeof(view));
    assert_int_equal(check("rack1", "a1"), ERR_UNAVAILABLE); /* may come back */
    view.known = true;
    assert_int_equal(check("rack1", "a1"), ERR_FORBIDDEN); /* unknown */
    view.facts.racks_count = 1;
    struct cluster_rack *rack = &view.facts.racks[0];
    strcpy(rack->system_id, "abc");
    strcpy(rack->name, "rack1");
    strcpy(rack->serial, "A1");
    assert_int_equal(check("rack1", "a1"), ERR_OK);
    assert_int_equal(check("rack2", "a1"), ERR_FORBIDDEN); /* another's certificate */
    assert_int_equal(check("rack1", "b2"), ERR_FORBIDDEN); /* joined anew meanwhile */
    rack->revoked = true;
    assert_int_equal(check("rack1", "a1"), ERR_FORBIDDEN);
    rack->revoked = false;
    strcpy(view.facts.revoked[0].serial, "a1");
    view.facts.revoked_count = 1;
    assert_int_equal(check("rack1", "a1"), ERR_FORBIDDEN);
}

static void test_welcome_lists_the_regions(void **unused)
{
    (void)unused;
    memset(&view, 0, sizeof(view));
    strcpy(view.facts.name, "lab");
    view.facts.members_count = 1;
    strcpy(view.facts.members[0].name, "region1");
    strcpy(view.facts.members[0].address, "10.0.0.1");
    view.facts.members[0].ports[CLUSTER_PORT_RACK] = 5251;
    view.facts.members[0].ports[CLUSTER_PORT_HOP] = 5252;
    view.raft.applied = 7;
    json_t *welcome = rack_hello_welcome(&view, "region1");
    json_t *expected = json_loads("{\"region\":\"region1\",\"cluster\":\"lab\",\"regions\":[{"
                                  "\"name\":\"region1\",\"address\":\"10.0.0.1\",\"port\":5251,"
                                  "\"hop_port\":5252}],\"index\":7}",
                                  0, NULL);
    assert_true(json_equal(welcome, expected));
    json_decref(welcome);
    json_decref(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_hello),
        cmocka_unit_test(test_bad_hello),
        cmocka_unit_test(test_bad_interfaces_change_nothing),
        cmocka_unit_test(test_who_is_let_in),
        cmocka_unit_test(test_welcome_lists_the_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
