/* Leases in memory: found by address and client, bounded, nothing in use makes room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/rack/dhcp_lease.h"

static const struct ip4_net net = {0x0a000000, 8};

static struct dhcp_lease make(unsigned i, enum dhcp_lease_kind kind, uint64_t expires_s)
{
    return (struct dhcp_lease){.address = net.address + 1 + i,
                               .mac = {{2, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}},
                               .kind = (uint8_t)kind,
                               .duration_s = 600,
                               .expires_s = expires_s};
}

static void put(struct dhcp_leases *leases, struct dhcp_lease lease)
{
    assert_int_equal(dhcp_leases_put(leases, &lease, 1000, NULL), ERR_OK);
}

static void test_find(void **unused)
{
    (void)unused;
    struct dhcp_leases *leases = dhcp_leases_new();
    for (unsigned i = 0; i < 5000; i++)
        put(leases, make(i, DHCP_LEASE_BOUND, 2000));
    for (unsigned i = 0; i < 5000; i += 2)
        dhcp_leases_drop(leases, make(i, 0, 0).address);
    assert_int_equal(dhcp_leases_count(leases), 2500);
    for (unsigned i = 0; i < 5000; i++) {
        struct dhcp_lease wanted = make(i, 0, 0);
        const struct dhcp_lease *at = dhcp_leases_at(leases, wanted.address);
        assert_int_equal(at != NULL, i % 2);
        assert_ptr_equal(dhcp_leases_of(leases, wanted.mac, net), at);
    }
    dhcp_leases_free(leases);
}

/* A client with several leases in a network: the last to end; none of a declined one. */
static void test_of_client(void **unused)
{
    (void)unused;
    struct dhcp_leases *leases = dhcp_leases_new();
    struct dhcp_lease a = make(1, DHCP_LEASE_BOUND, 2000), b = a, c = a;
    b.address += 10;
    b.expires_s = 3000;
    c.address += 20;
    c.expires_s = 9000;
    c.kind = DHCP_LEASE_DECLINED;
    put(leases, b);
    put(leases, c);
    put(leases, a);
    assert_int_equal(dhcp_leases_of(leases, a.mac, net)->address, b.address);
    assert_null(dhcp_leases_of(leases, a.mac, (struct ip4_net){0x0b000000, 8}));
    /* The address changes hands: its first client is not found by it any more. */
    struct dhcp_lease other = make(7, DHCP_LEASE_BOUND, 4000);
    other.address = b.address;
    put(leases, other);
    assert_int_equal(dhcp_leases_of(leases, a.mac, net)->address, a.address);
    dhcp_leases_free(leases);
}

static void test_is_free(void **unused)
{
    (void)unused;
    struct dhcp_lease bound = make(1, DHCP_LEASE_BOUND, 2000);
    assert_false(dhcp_lease_is_free(&bound, 2149));
    assert_true(dhcp_lease_is_free(&bound, 2150));
    struct dhcp_lease offered = make(1, DHCP_LEASE_OFFERED, 2000);
    assert_false(dhcp_lease_is_free(&offered, 1999));
    assert_true(dhcp_lease_is_free(&offered, 2000));
}

static void test_lent_by_another(void **unused)
{
    (void)unused;
    struct dhcp_lease lease = {.duration_s = 1000};
    dhcp_lease_lend(&lease, 5000, 600); /* less 2 % of its 1250 s, and 10 s */
    assert_int_equal(lease.expires_s, 5565);
    dhcp_lease_lend(&lease, 5000, -4999);
    assert_int_equal(lease.expires_s, 0);
    dhcp_lease_lend(&lease, 5000, INT64_MIN); /* nobody can count that far */
    assert_int_equal(lease.expires_s, 0);
    dhcp_lease_lend(&lease, 0, INT64_MIN);
    assert_int_equal(lease.expires_s, 0);
}

static void test_limit(void **unused)
{
    (void)unused;
    struct dhcp_leases *leases = dhcp_leases_new();
    struct error err;
    for (unsigned i = 0; i < LIMIT_LEASES; i++)
        put(leases, make(i, DHCP_LEASE_BOUND, 2000 + i));
    struct dhcp_lease one = make(LIMIT_LEASES, DHCP_LEASE_BOUND, 9999);
    assert_int_equal(dhcp_leases_put(leases, &one, 1000, &err), ERR_LIMIT);
    assert_null(dhcp_leases_at(leases, one.address));
    /* The one that ended first makes room, as soon as it is free. */
    assert_int_equal(dhcp_leases_put(leases, &one, 2150, &err), ERR_OK);
    assert_null(dhcp_leases_at(leases, make(0, 0, 0).address));
    assert_int_equal(dhcp_leases_count(leases), LIMIT_LEASES);
    dhcp_leases_free(leases);
}

static void test_copy(void **unused)
{
    (void)unused;
    struct dhcp_leases *leases = dhcp_leases_new();
    put(leases, make(1, DHCP_LEASE_OFFERED, 2000));
    put(leases, make(2, DHCP_LEASE_BOUND, 2000));
    put(leases, make(3, DHCP_LEASE_RELEASED, 90000));
    int count;
    struct dhcp_lease *copy = dhcp_leases_copy(leases, 3000, &count);
    assert_int_equal(count, 2);
    free(copy);
    /* Ended for longer than a day. */
    copy = dhcp_leases_copy(leases, 2150 + 24 * 3600, &count);
    assert_int_equal(count, 1);
    assert_int_equal(copy[0].kind, DHCP_LEASE_RELEASED);
    free(copy);
    dhcp_leases_free(leases);
}

static void test_marks(void **unused)
{
    (void)unused;
    static struct dhcp_lease taken[256];
    struct dhcp_leases *leases = dhcp_leases_new();
    for (unsigned i = 0; i < 1000; i++) {
        put(leases, make(i, DHCP_LEASE_BOUND, 2000));
        dhcp_leases_mark(leases, make(i, 0, 0).address);
        dhcp_leases_mark(leases, make(i, 0, 0).address);
    }
    dhcp_leases_drop(leases, make(0, 0, 0).address);
    assert_int_equal(dhcp_leases_take_marked(leases, taken, 256), 256);
    assert_int_equal(taken[0].address, make(1, 0, 0).address);
    int rest = 0, n;
    while ((n = dhcp_leases_take_marked(leases, taken, 256)))
        rest += n;
    assert_int_equal(rest, 999 - 256);
    dhcp_leases_mark_all(leases);
    assert_int_equal(dhcp_leases_take_marked(leases, taken, 256), 256);
    dhcp_leases_free(leases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),    cmocka_unit_test(test_of_client),
        cmocka_unit_test(test_is_free), cmocka_unit_test(test_lent_by_another),
        cmocka_unit_test(test_limit),   cmocka_unit_test(test_copy),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
