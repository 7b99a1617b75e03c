/* Addresses: strict texts and network arithmetic. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/base/address.h"
#include "src/base/container.h"

static void test_mac(void **unused)
{
    (void)unused;
    struct mac mac;
    char text[MAC_TEXT];
    assert_true(mac_parse("52:54:00:AB:cd:01", &mac));
    assert_string_equal(mac_format(mac, text), "52:54:00:ab:cd:01");
    assert_true(mac_parse("52-54-00-ab-cd-01", &mac));
    static const char *const bad[] = {"",
                                      "52:54:00:ab:cd",
                                      "52:54:00:ab:cd:0g",
                                      "52:54-00:ab:cd:01",
                                      "52:54:00:ab:cd:01 ",
                                      "5254:00:ab:cd:01:2",
                                      "525400abcd010000x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(mac_parse(bad[i], &mac));
}

static void test_ip4(void **unused)
{
    (void)unused;
    ip4 ip;
    char text[IP4_TEXT];
    assert_true(ip4_parse("10.77.0.1", &ip));
    assert_int_equal(ip, 0x0a4d0001);
    assert_string_equal(ip4_format(0xffffffff, text), "255.255.255.255");
    static const char *const bad[] = {"",          "10",        "10.1.1", "10.0.0.256",
                                      "10.0.0.1 ", "10.0.0.01", "::1"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(ip4_parse(bad[i], &ip));
}

static void test_net(void **unused)
{
    (void)unused;
    struct ip4_net net;
    char text[IP4_NET_TEXT];
    assert_true(ip4_net_parse("10.1.2.3/22", &net));
    assert_string_equal(ip4_format(ip4_net_first(net), text), "10.1.0.0");
    assert_string_equal(ip4_format(ip4_net_last(net), text), "10.1.3.255");
    assert_true(ip4_net_contains(net, 0x0a010001));
    assert_false(ip4_net_contains(net, 0x0a010400));
    assert_true(ip4_net_parse("0.0.0.0/0", &net));
    assert_true(ip4_net_contains(net, 0xffffffff));
    assert_true(ip4_net_parse("10.0.0.1/32", &net));
    assert_int_equal(ip4_net_first(net), ip4_net_last(net));
    static const char *const bad[] = {"10.0.0.0",    "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                                      "10.0.0.0/8x", "10.0.0/8",  "10.0.0.0/08", "10.0.0.0/100"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(ip4_net_parse(bad[i], &net));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mac),
        cmocka_unit_test(test_ip4),
        cmocka_unit_test(test_net),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
