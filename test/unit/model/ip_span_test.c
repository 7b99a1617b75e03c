/* Addresses as numbers, and what of a network is taken and free. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/model/ip_span.h"

static struct arena *arena;

static int start(void **unused)
{
    (void)unused;
    arena = arena_new();
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    arena_free(arena);
    return 0;
}

static void test_networks(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *network, *first, *last; /* the usable ones */
    } rows[] = {
        {"10.0.0.77/24", "10.0.0.0/24", "10.0.0.1", "10.0.0.254"},
        {"10.0.0.2/31", "10.0.0.2/31", "10.0.0.2", "10.0.0.3"},
        {"10.0.0.2/32", "10.0.0.2/32", "10.0.0.2", "10.0.0.2"},
        {"10.0.0.5/30", "10.0.0.4/30", "10.0.0.5", "10.0.0.6"},
        {"0.0.0.0/0", "0.0.0.0/0", "0.0.0.1", "255.255.255.254"},
        {"2001:db8::5/64", "2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"},
        {"2001:db8::4/127", "2001:db8::4/127", "2001:db8::4", "2001:db8::5"},
        {"::/0", "::/0", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ip_network network;
        ip_number first, last;
        char text[IP_NETWORK_TEXT];
        assert_true(ip_network_parse(rows[i].text, &network));
        assert_string_equal(ip_network_format(&network, text), rows[i].network);
        ip_network_usable(&network, &first, &last);
        assert_string_equal(ip_number_format(first, network.is_v6, text), rows[i].first);
        assert_string_equal(ip_number_format(last, network.is_v6, text), rows[i].last);
    }
}

static void test_refused(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "",           "10.0.0.0",    "10.0.0.0/",   "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/024",
        "10.0.0/24",  "10.0.0.0/2x", "::/129",      "::1",         "/24",         "10.0.0.0/24/24",
        "1::2::3/64", "010.0.0.0/8", "10.0.0.0/ 8",
    };
    struct ip_network network;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(ip_network_parse(texts[i], &network));
}

static void test_counts(void **unused)
{
    (void)unused;
    char text[IP_COUNT_TEXT];
    assert_string_equal(ip_number_count(0, text), "0");
    assert_string_equal(ip_number_count((ip_number)1 << 64, text), "18446744073709551616");
    assert_string_equal(ip_number_count(~(ip_number)0, text),
                        "340282366920938463463374607431768211455");
}

enum { A = 1U << IP_ASSIGNED, R = 1U << IP_RESERVED, D = 1U << IP_DYNAMIC };

static void test_unite(void **unused)
{
    (void)unused;
    const struct ip_span spans[] = {
        {10, 20, R}, {15, 15, A}, {21, 30, R}, {40, 40, D}, {15, 15, A}};
    const struct ip_span expected[] = {{10, 14, R}, {15, 15, A | R}, {16, 30, R}, {40, 40, D}};
    int count;
    struct ip_span *united = ip_span_unite(spans, 5, arena, &count);
    assert_int_equal(count, 4);
    for (int i = 0; i < count; i++) {
        assert_true(united[i].first == expected[i].first && united[i].last == expected[i].last);
        assert_int_equal(united[i].purposes, expected[i].purposes);
    }
    ip_span_unite(NULL, 0, arena, &count);
    assert_int_equal(count, 0);
}

static void test_the_very_last_address(void **unused)
{
    (void)unused;
    const ip_number end = ~(ip_number)0;
    const struct ip_span spans[] = {{end - 5, end, R}, {end, end, A}};
    const struct ip_span whole = {end - 9, end, 0};
    int count, gaps;
    struct ip_span *united = ip_span_unite(spans, 2, arena, &count);
    assert_int_equal(count, 2);
    assert_true(united[0].last == end - 1 && united[1].last == end);
    struct ip_span *free = ip_span_gaps(united, count, &whole, arena, &gaps);
    assert_int_equal(gaps, 1);
    assert_true(free[0].first == end - 9 && free[0].last == end - 6);
}

static void test_gaps(void **unused)
{
    (void)unused;
    const struct ip_span spans[] = {{1, 9, R}, {20, 29, A}, {40, 99, D}};
    const struct ip_span whole = {5, 50, 1U << IP_UNUSED};
    int gaps;
    struct ip_span *free = ip_span_gaps(spans, 3, &whole, arena, &gaps);
    assert_int_equal(gaps, 2);
    assert_true(free[0].first == 10 && free[0].last == 19);
    assert_true(free[1].first == 30 && free[1].last == 39);
    assert_int_equal(free[0].purposes, 1U << IP_UNUSED);
    assert_true(ip_span_size_within(spans, 3, &whole) == 5 + 10 + 11);
    assert_true(ip_span_size(&free[0]) == 10);
    free = ip_span_gaps(spans, 0, &whole, arena, &gaps);
    assert_int_equal(gaps, 1);
    assert_true(free[0].first == 5 && free[0].last == 50);
    const struct ip_span all = {0, 60, R};
    ip_span_gaps(&all, 1, &whole, arena, &gaps);
    assert_int_equal(gaps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_networks, start, stop),
        cmocka_unit_test_setup_teardown(test_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_counts, start, stop),
        cmocka_unit_test_setup_teardown(test_unite, start, stop),
        cmocka_unit_test_setup_teardown(test_the_very_last_address, start, stop),
        cmocka_unit_test_setup_teardown(test_gaps, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
