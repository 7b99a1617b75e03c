/* Which blocks are left: those in no range, and empty ones beyond what is to be ahead. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/rack/dhcp_spare.h"

enum { NOW_S = 1000000, FIRST = 0x0a000100 / 16 };

static struct dhcp_config *config;
static struct dhcp_leases *leases;
static struct dhcp_blocks blocks, back;
static int wish[2];

static int set_up(void **unused)
{
    (void)unused;
    struct error err;
    static const char document[] =
        "{\"version\": \"1\", \"networks\": [{\"vlan_id\": 1, \"subnet_id\": 1, \"cidr\": "
        "\"10.0.0.0/16\", \"primary\": true, \"gateway\": null, \"dns\": [], \"ntp\": [], "
        "\"domain\": \"maas\", \"lease_s\": 600, \"hosts\": [{\"mac\": \"02:00:00:00:00:01\", "
        "\"address\": \"10.0.1.3\"}], \"ranges\": [{\"first\": \"10.0.1.0\", \"last\": "
        "\"10.0.1.127\"}]}]}";
    json_t *json = json_loads(document, 0, NULL);
    assert_int_equal(dhcp_config_parse(json, &config, &err), ERR_OK);
    json_decref(json);
    leases = dhcp_leases_new();
    memset(&blocks, 0, sizeof(blocks));
    memset(&back, 0, sizeof(back));
    dhcp_blocks_add(&blocks, FIRST, 8);
    wish[0] = 32;
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    dhcp_config_free(config);
    dhcp_leases_free(leases);
    return 0;
}

static int spare(uint64_t now_s)
{
    struct dhcp_spare look = {config, leases, wish, now_s};
    back.count = 0;
    dhcp_spare_take(&look, &blocks, &back);
    return back.count;
}

static void lease(ip4 address, enum dhcp_lease_kind kind)
{
    struct dhcp_lease given = {.address = address,
                               .mac = {{2, 0, 0, 0, 0, (uint8_t)address}},
                               .kind = (uint8_t)kind,
                               .duration_s = 600,
                               .expires_s = NOW_S + 600};
    assert_int_equal(dhcp_leases_put(leases, &given, NOW_S, NULL), ERR_OK);
}

/* Two blocks are to be ahead, one more stays so that it does not go to and fro. */
static void test_more_than_is_needed(void **unused)
{
    (void)unused;
    assert_int_equal(spare(NOW_S), 5);
    assert_int_equal(blocks.count, 3);
    assert_int_equal(back.number[0], FIRST);
    assert_int_equal(blocks.number[0], FIRST + 5);
    assert_int_equal(spare(NOW_S), 0);
    wish[0] = 31;
    assert_int_equal(spare(NOW_S), 0);
}

static void test_in_use(void **unused)
{
    (void)unused;
    lease(0x0a000105, DHCP_LEASE_BOUND);
    lease(0x0a000115, DHCP_LEASE_RELEASED);
    lease(0x0a000125, DHCP_LEASE_OFFERED);
    lease(0x0a000135, DHCP_LEASE_DECLINED);
    for (ip4 i = 0; i < 4; i++) /* the rest is not enough */
        assert_int_equal(spare(NOW_S), i ? 0 : 4);
    assert_int_equal(blocks.count, 4);
    assert_int_equal(blocks.number[3], FIRST + 3);
    /* An offer ends at its end, a lease a quarter later. */
    wish[0] = -DHCP_BLOCK_SIZE;
    assert_int_equal(spare(NOW_S + 600), 1);
    assert_int_equal(back.number[0], FIRST + 2);
    assert_int_equal(spare(NOW_S + 749), 0);
    assert_int_equal(spare(NOW_S + 750), 3);
}

/* A range that was removed frees its blocks when the leases are over. */
static void test_in_no_range(void **unused)
{
    (void)unused;
    wish[0] = 1000;
    lease(0x0a000101, DHCP_LEASE_BOUND);
    config->network[0].range_count = 0;
    assert_int_equal(spare(NOW_S), 7);
    assert_int_equal(blocks.number[0], FIRST);
    assert_int_equal(spare(NOW_S + 750), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_more_than_is_needed),
        T(test_in_use),
        T(test_in_no_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
