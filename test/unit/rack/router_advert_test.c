/* Which router solicitations are answered: RFC 4861 6.1.1. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "src/rack/router_advert.h"

static const uint8_t plain[] = {133, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t with_source[] = {133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1};

static bool check(const uint8_t *bytes, size_t size, int hops, const char *from)
{
    struct in6_addr address;
    assert_int_equal(inet_pton(AF_INET6, from, &address), 1);
    return router_advert_is_solicit(bytes, size, hops, &address);
}

static void test_answered(void **unused)
{
    (void)unused;
    assert_true(check(plain, sizeof(plain), 255, "fe80::1"));
    assert_true(check(plain, sizeof(plain), 255, "::"));
    assert_true(check(with_source, sizeof(with_source), 255, "fe80::1"));
}

static void test_refused(void **unused)
{
    (void)unused;
    uint8_t bytes[sizeof(with_source)];
    assert_false(check(plain, sizeof(plain), 254, "fe80::1"));
    assert_false(check(plain, sizeof(plain), -1, "fe80::1"));
    assert_false(check(plain, sizeof(plain), 255, "2001:db8::1"));
    assert_false(check(plain, 7, 255, "fe80::1"));
    assert_false(check(with_source, sizeof(with_source), 255, "::"));
    assert_false(check(with_source, sizeof(with_source) - 1, 255, "fe80::1"));
    assert_false(check(with_source, 9, 255, "fe80::1"));
    for (size_t at = 0; at < 2; at++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = with_source[i];
        bytes[at] = 134;
        assert_false(check(bytes, sizeof(bytes), 255, "fe80::1"));
        bytes[at] = with_source[at];
        bytes[9] = at ? 2 : 0; /* the option's length: past the end, or none */
        assert_false(check(bytes, sizeof(bytes), 255, "fe80::1"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
