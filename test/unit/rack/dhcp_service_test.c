/* How many blocks a rack lacks: two ahead, more while many are given, none without ranges. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/rack/dhcp_service.h"

enum { NOW_S = 1000000 };

static struct dhcp_service service;
static struct interface interface = {.name = "prov0", .addresses = 1};

#define NETWORK(cidr, ranges)                                                                   \
    "{\"vlan_id\": 1, \"subnet_id\": 1, \"cidr\": \"" cidr                                      \
    "\", \"primary\": true, \"partner\": \"other1\", \"gateway\": null, \"dns\": [], \"ntp\": " \
    "[], "                                                                                      \
    "\"domain\": \"maas\", \"lease_s\": 600, \"ranges\": [" ranges "], \"hosts\": []}"

static int set_up(void **unused)
{
    (void)unused;
    static const char document[] = "{\"version\": \"1\", \"networks\": [" NETWORK(
        "10.0.0.0/16",
        "{\"first\": \"10.0.1.0\", \"last\": \"10.0.9.255\"}") ", " NETWORK("10.9.0.0/24", "") "]}";
    struct dhcp_config *config;
    struct error err;
    json_t *json = json_loads(document, 0, NULL);
    dhcp_service_init(&service);
    assert_int_equal(dhcp_config_parse(json, &config, &err), ERR_OK);
    json_decref(json);
    dhcp_service_configure(&service, config);
    service.config_until_s = service.blocks.until_s = NOW_S + 86400;
    interface.address[0] = (struct ip4_net){0x0a000001, 16};
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    dhcp_service_close(&service);
    return 0;
}

/* A DISCOVER of client i: the address that is offered, 0 = none. */
static ip4 discover(unsigned i)
{
    struct dhcp_packet packet = {.op = 1, .xid = i, .mac = {{2, 0, 0, 0, i >> 8 & 255, i & 255}}};
    struct dhcp_writer writer;
    static struct dhcp_outcome outcome;
    dhcp_writer_start(&writer, &packet, DHCP_PACKET_MAX);
    dhcp_writer_u8(&writer, DHCP_OPTION_TYPE, DHCP_DISCOVER);
    struct dhcp_arrival arrival = {writer.bytes, dhcp_writer_end(&writer), &interface, 0xffffffff,
                                   NOW_S};
    dhcp_service_receive(&service, &arrival, &outcome);
    return outcome.address;
}

static void test_two_blocks_ahead(void **unused)
{
    (void)unused;
    assert_true(dhcp_service_is_hungry(&service));
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S), 2);
    assert_int_equal(dhcp_service_lacks(&service, 1, NOW_S), 0); /* it has no range */
    assert_int_equal(discover(1), 0);
    dhcp_blocks_add(&service.blocks, 0x0a000100 / 16, 2);
    service.pool[0].full_until_s = 0;
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S), 0);
    assert_false(dhcp_service_is_hungry(&service));
    assert_int_equal(discover(1), 0x0a000100);
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S), 1);
    for (unsigned i = 2; i <= 32; i++)
        assert_int_equal(discover(i), 0x0a0000ff + i);
    assert_true(dhcp_service_is_hungry(&service));
    assert_int_equal(discover(33), 0);
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S), 2);
    service.pool[0].given = 128; /* lately */
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S), 4);
    dhcp_service_calm(&service);
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S), 2);
    /* Offers that were not taken are free again. */
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S + 31), 0);
}

static void test_no_more_than_a_grant(void **unused)
{
    (void)unused;
    service.pool[0].given = 100000;
    assert_int_equal(dhcp_service_lacks(&service, 0, NOW_S), 64);
    assert_false(dhcp_blocks_add(&service.blocks, 5, DHCP_BLOCKS_MOST + 1));
    assert_true(dhcp_blocks_add(&service.blocks, 5, DHCP_BLOCKS_MOST));
    assert_false(dhcp_blocks_add(&service.blocks, 5 + DHCP_BLOCKS_MOST, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_blocks_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_more_than_a_grant, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
