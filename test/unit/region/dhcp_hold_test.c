/* Which addresses wait: a table of what stands here, what another rack may be giving, and what is
 * held. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/error.h"
#include "src/region/dhcp_hold.h"

static struct arena *arena;

/* A network of 10.0.0.0/24 from words: "4-9" a range, "5=1" the host with MAC ...:01, "!5" held,
 * "!5=1" held for that host. */
static json_t *network_of(const char *words)
{
    json_t *ranges = json_array(), *hosts = json_array(), *held = json_array();
    unsigned a, b;
    char first[32], last[32], mac[32];
    for (const char *at = words; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        bool holds = *at == '!';
        at += holds;
        int n = sscanf(at, "%u%*[-=]%u", &a, &b);
        snprintf(first, sizeof(first), "10.0.0.%u", a);
        snprintf(last, sizeof(last), "10.0.0.%u", n > 1 ? b : a);
        snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", n > 1 ? b : 0);
        if (at[strcspn(at, "-= ")] == '-')
            json_array_append_new(ranges, json_pack("{s:s, s:s}", "first", first, "last", last));
        else
            json_array_append_new(holds ? held : hosts, json_pack("{s:s, s:s?}", "address", first,
                                                                  "mac", n > 1 ? mac : NULL));
    }
    return json_pack("{s:s, s:i, s:o, s:o, s:o}", "cidr", "10.0.0.0/24", "subnet_id", 1, "ranges",
                     ranges, "hosts", hosts, "held", held);
}

static const char *held_of(const char *ours, const char *theirs, const char *draining)
{
    static char text[128];
    unsigned a, b;
    int count;
    char address[32], mac[32];
    json_t *networks = json_pack("[o]", network_of(ours)), *drains = json_array();
    json_t *others = json_pack("[{s:s, s:o}]", "rack", "rackB", "network", network_of(theirs));
    if (sscanf(draining, "%u=%u", &a, &b) == 2) {
        snprintf(address, sizeof(address), "10.0.0.%u", a);
        snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", b);
        json_array_append_new(
            drains, json_pack("{s:s, s:s, s:s}", "rack", "rackB", "address", address, "mac", mac));
    }
    struct dhcp_others all = {others, drains};
    struct dhcp_held *held = dhcp_hold_find(networks, &all, arena, &count);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        size_t at = strlen(text);
        assert_string_equal(held[i].rack, "rackB");
        snprintf(text + at, sizeof(text) - at, "%s%u", at ? " " : "", held[i].address & 255);
        if (held[i].has_mac)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "=%u", held[i].mac.bytes[5]);
    }
    json_decref(networks);
    json_decref(others);
    json_decref(drains);
    return text;
}

static void test_what_waits(void **unused)
{
    (void)unused;
    static const struct {
        const char *ours, *theirs, *draining, *held;
    } rows[] = {
        /* The same, or what nobody else gives. */
        {"4-9 20=1", "4-9 20=1", "", ""},
        {"4-9 20=1", "", "", ""},
        {"", "4-9 20=1", "", ""},
        {"4-19", "4-9", "", ""},
        {"4-9", "4-19", "", ""},
        {"30=1", "20=1", "", ""}, /* the machine moved */
        /* An address of a range becomes a machine's. */
        {"20-29 5=1", "4-9", "", "5=1"},
        {"4-9 5=1", "4-9", "", "5=1"},
        {"4-9 5=1", "4-9 5=1", "", ""},
        {"5=1 6=2", "6-9", "", "6=2"},
        /* A machine's becomes one of a range, or another machine's. */
        {"4-9", "5=1", "", "5"},
        {"4-9", "4-9 5=1 7=2", "", "5 7"},
        {"5=2", "5=1", "", "5=2"},
        {"5=2 6=1", "5=1 6=2", "", "5=2 6=1"}, /* they were exchanged */
        /* The other has let go of it, and of it only. */
        {"5=1", "4-9 !5", "", ""},
        {"5=1 6=2", "4-9 !5", "", "6=2"},
        {"4-9", "4-9 !5", "", ""},
        {"5=1", "4-9 !5=1", "", ""},
        {"5=2", "4-9 !5=1", "", "5=2"},
        {"4-9", "4-9 !5=1", "", "5"},
        /* A lease stands. */
        {"5=1", "", "5=2", "5=1"},
        {"5=1", "", "5=1", ""},
        {"4-9", "", "5=2", "5"},
        {"10-19", "", "5=2", ""},
        {"4-9", "5=1", "5=2", "5"}, /* once */
        /* At the edges. */
        {"4-9", "3=1 4=2 9=3 10=4", "", "4 9"},
        {"4=1 9=2 3=3 10=4", "4-9", "", "4=1 9=2"},
    };
    arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *held = held_of(rows[i].ours, rows[i].theirs, rows[i].draining);
        if (strcmp(held, rows[i].held) != 0)
            fail_msg("row %zu (\"%s\" against \"%s\", \"%s\"): held \"%s\" instead of \"%s\"", i,
                     rows[i].ours, rows[i].theirs, rows[i].draining, held, rows[i].held);
    }
    arena_free(arena);
}

/* Hosts are left out, and the address is named; another network's is not. */
static void test_apply(void **unused)
{
    (void)unused;
    const struct dhcp_held held[] = {
        {.address = 0x0a000005, .has_mac = true, .mac = {{2, 0, 0, 0, 0, 1}}},
        {.address = 0x0a000007},
        {.address = 0x0a000105}};
    json_t *networks = json_pack("[o]", network_of("4-9 5=1 6=2"));
    dhcp_hold_apply(networks, held, 3);
    char *text = json_dumps(networks, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text,
        "[{\"cidr\":\"10.0.0.0/24\",\"held\":[{\"address\":\"10.0.0.5\",\"mac\":\"02:00:00:00:"
        "00:01\"},{\"address\":\"10.0.0.7\",\"mac\":null}],\"hosts\":[{\"address\":\"10.0.0."
        "6\",\"mac\":\"02:00:00:00:00:02\"}],\"ranges\":[{\"first\":\"10.0.0.4\",\"last\":\"10."
        "0.0.9\"}],\"subnet_id\":1}]");
    free(text);
    json_t *meaning = dhcp_hold_meaning(networks);
    assert_null(json_object_get(json_array_get(meaning, 0), "cidr"));
    assert_int_equal(json_array_size(json_object_get(json_array_get(meaning, 0), "held")), 2);
    json_decref(meaning);
    json_decref(networks);
}

/* Which leases are in the way after a document was replaced. */
static void test_what_drains(void **unused)
{
    (void)unused;
    static const struct {
        const char *before, *after;
        bool drains; /* the lease of 10.0.0.5 to ...:01 */
    } rows[] = {
        {"4-9", "4-9", false},      {"4-9", "4-9 6=2", false}, {"4-9", "", true},
        {"4-9", "5=2", true},       {"4-9", "5=1", false},     {"4-9", "4-9 !5", true},
        {"4-9", "4-9 !5=1", false}, {"5=1", "5=1", false},     {"5=1", "4-9", true},
        {"5=1", "", true},          {"5=1", "5=2", true},      {"5=2", "5=3", false},
        {"", "5=2", false},         {"4-9 5=2", "4-9", false}, {"4-9 !5=1", "5=2", true},
    };
    arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *before = json_pack("[o]", network_of(rows[i].before));
        json_t *after = json_pack("[o]", network_of(rows[i].after));
        struct dhcp_hold_change *change = dhcp_hold_change(before, after, arena);
        struct mac mac = {{2, 0, 0, 0, 0, 1}};
        if (dhcp_hold_drains(change, 0x0a000005, mac) != rows[i].drains)
            fail_msg("row %zu: \"%s\" to \"%s\"", i, rows[i].before, rows[i].after);
        json_decref(before);
        json_decref(after);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_what_drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
