/* When a document is confirmed: on disk, and all leases of the one before told to a region. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/rack/dhcp.h"
#include "src/rack/dhcp_lease_file.h"

static char folder[64];
static struct loop loop;
static struct dhcp *dhcp;
static struct error err;

static void open_dhcp(void)
{
    struct dhcp_settings settings = {.loop = &loop, .data_dir = folder};
    assert_int_equal(dhcp_new(&settings, &dhcp, &err), ERR_OK);
}

/* What waits for the disk is written. */
static void run_loop(void)
{
    for (int i = 0; i < 20; i++) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(5000);
    }
}

static int set_up(void **unused)
{
    (void)unused;
    strcpy(folder, "/tmp/gantry-dhcp-XXXXXX");
    assert_non_null(mkdtemp(folder));
    loop_init(&loop);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    run_loop();
    dhcp_close(dhcp);
    run_loop();
    loop_close(&loop);
    file_remove_tree(folder, &err);
    return 0;
}

static struct dhcp_asked ask(void)
{
    struct dhcp_asked asked;
    json_decref(dhcp_config_question(dhcp, &asked));
    return asked;
}

static enum error_code answer(int number, const char *cidr, const struct dhcp_asked *asked)
{
    char version[16];
    snprintf(version, sizeof(version), "v%d", number);
    json_t *document = json_pack(
        "{s:s, s:i, s:[{s:i, s:i, s:s, s:b, s:[], s:[], s:s, s:i, s:[], s:[]}]}", "version",
        version, "number", number, "networks", "vlan_id", 1, "subnet_id", 1, "cidr", cidr,
        "primary", 1, "dns", "ntp", "domain", "", "lease_s", 600, "ranges", "hosts");
    assert_non_null(document);
    enum error_code code = dhcp_configure(dhcp, document, asked, &err);
    json_decref(document);
    return code;
}

static void same(int number, const struct dhcp_asked *asked)
{
    char version[16];
    snprintf(version, sizeof(version), "v%d", number);
    json_t *document = json_pack("{s:s, s:i}", "version", version, "number", number);
    assert_int_equal(dhcp_configure(dhcp, document, asked, &err), ERR_OK);
    json_decref(document);
}

static void tell_all(void)
{
    json_t *told;
    while ((told = dhcp_take_changes(dhcp)))
        json_decref(told);
}

static void test_once_it_is_on_disk(void **unused)
{
    (void)unused;
    open_dhcp();
    struct dhcp_asked asked = ask();
    assert_int_equal(asked.number, 0);
    assert_int_equal(answer(4, "10.0.0.0/24", &asked), ERR_OK);
    assert_int_equal(ask().number, 0);
    assert_false(dhcp_wants_config(dhcp));
    run_loop();
    tell_all();
    assert_true(dhcp_wants_config(dhcp));
    asked = ask();
    assert_int_equal(asked.number, 4);
    same(4, &asked);
    assert_false(dhcp_wants_config(dhcp));
    /* The next one; until it is there the one before stands. */
    assert_int_equal(answer(5, "10.0.1.0/24", &asked), ERR_OK);
    assert_int_equal(ask().number, 4);
    run_loop();
    assert_int_equal(ask().number, 5);
    /* It survives a restart, and is confirmed by that process once it told of its leases. */
    dhcp_close(dhcp);
    run_loop();
    open_dhcp();
    assert_string_equal(dhcp_version(dhcp), "v5");
    assert_int_equal(ask().number, 5);
}

/* Leases on disk are all told first, and again when telling failed. */
static void test_once_leases_are_told(void **unused)
{
    (void)unused;
    char path[96];
    struct dhcp_lease_file file;
    struct dhcp_leases *leases = dhcp_leases_new();
    snprintf(path, sizeof(path), "%s/dhcp.leases", folder);
    uint64_t now_s = clock_real_ms() / 1000;
    assert_int_equal(dhcp_lease_file_open(&file, path, now_s, leases, &err), ERR_OK);
    for (ip4 i = 0; i < 300; i++) {
        struct dhcp_lease lease = {.address = 0x0a000001 + i,
                                   .mac = {{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}},
                                   .kind = DHCP_LEASE_BOUND,
                                   .duration_s = 600,
                                   .expires_s = now_s + 600};
        assert_int_equal(dhcp_lease_file_append(&file, &lease, 1, now_s, &err), ERR_OK);
    }
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
    open_dhcp();
    struct dhcp_asked asked = ask();
    assert_int_equal(answer(4, "10.0.0.0/16", &asked), ERR_OK);
    run_loop();
    assert_int_equal(ask().number, 0);
    json_t *first = dhcp_take_changes(dhcp);
    assert_int_equal(json_array_size(json_object_get(first, "leases")), 256);
    assert_int_equal(json_integer_value(json_object_get(first, "sequence")), 300);
    assert_int_equal(strlen(json_string_value(json_object_get(first, "store"))), 32);
    assert_int_equal(ask().number, 0);
    dhcp_give_back_changes(dhcp, first); /* nobody has heard it */
    json_decref(first);
    for (int i = 0; i < 2; i++) {
        json_decref(dhcp_take_changes(dhcp));
        assert_int_equal(ask().number, 0);
    }
    assert_null(dhcp_take_changes(dhcp)); /* the second was heard */
    assert_int_equal(ask().number, 4);
}

static void test_refused(void **unused)
{
    (void)unused;
    open_dhcp();
    struct dhcp_asked asked = ask();
    assert_int_equal(answer(4, "10.0.0.0/24", &asked), ERR_OK);
    run_loop();
    tell_all();
    assert_int_equal(answer(6, "10.0.0.0/31", &asked), ERR_BAD_INPUT);
    json_t *question = dhcp_config_question(dhcp, &asked);
    assert_int_equal(json_integer_value(json_object_get(question, "refused")), 6);
    assert_int_equal(json_integer_value(json_object_get(question, "number")), 4);
    assert_string_equal(json_string_value(json_object_get(question, "version")), "v4");
    json_decref(question);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_once_it_is_on_disk),
        T(test_once_leases_are_told),
        T(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
