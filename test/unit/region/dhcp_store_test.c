/* The DHCP document and leases, on a real PostgreSQL. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/db/migrate.h"
#include "src/region/dhcp_store.h"
#include "test/lib/temp_postgres.h"
#include "test/lib/test_sql.h"

static struct temp_postgres postgres;
static struct db *db;
static struct arena *arena;
static struct error err;

static const char *ask(const char *sql)
{
    return test_sql(db, sql, arena);
}

static int start(void **unused)
{
    (void)unused;
    temp_postgres_start(&postgres);
    arena = arena_new();
    db = db_new(postgres.conninfo);
    assert_int_equal(db_migrate(db, NULL, &err), ERR_OK);
    assert_int_equal(
        db_script(db,
                  "INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) VALUES "
                  "('rack01', 'one', 2, 0, 1), ('rack02', 'two', 2, 0, 1), ('mach01', 'hippo', 0, "
                  "0, 1);"
                  "INSERT INTO subnet (name, vlan_id, cidr, gateway_ip, dns_servers) VALUES ('a', "
                  "5001, '10.77.0.0/24', '10.77.0.1', '{10.77.0.2,2001:db8::1}');"
                  "INSERT INTO subnet (name, vlan_id, cidr) VALUES ('six', 5001, "
                  "'2001:db8::/64');"
                  "INSERT INTO ip_range (subnet_id, type, start_ip, end_ip) VALUES (1, 'dynamic', "
                  "'10.77.0.100', '10.77.0.199'), (1, 'reserved', '10.77.0.10', '10.77.0.19');"
                  "INSERT INTO reserved_ip (subnet_id, ip, mac_address) VALUES (1, '10.77.0.30', "
                  "'52:54:00:00:00:30');"
                  "INSERT INTO interface (node_id, name, mac) SELECT id, 'eth0', "
                  "'52:54:00:00:00:01' FROM node WHERE system_id = 'mach01';"
                  "INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) VALUES "
                  "('10.77.0.40', 1, 1, 1);",
                  &err),
        ERR_OK);
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    db_free(db);
    arena_free(arena);
    temp_postgres_stop(&postgres);
    return 0;
}

/* The networks of its document as text, in the arena. */
static const char *document(const char *rack)
{
    const char *made;
    assert_int_equal(dhcp_store_networks(db, rack, arena, &made, &err), ERR_OK);
    json_t *networks = json_loads(made, 0, NULL);
    char *text = json_dumps(networks, JSON_COMPACT | JSON_SORT_KEYS);
    const char *copy = arena_strdup(arena, text);
    free(text);
    json_decref(networks);
    return copy;
}

static void test_document(void **unused)
{
    (void)unused;
    assert_string_equal(document("rack01"), "[]");
    ask("UPDATE vlan SET dhcp_on = true, primary_rack_id = 1, secondary_rack_id = 2, mtu = 9000 "
        "WHERE id = 5001 RETURNING id");
    const char *text = document("rack01");
    assert_non_null(strstr(
        text, "[{\"cidr\":\"10.77.0.0/24\",\"dns\":[\"10.77.0.2\"],\"domain\":"
              "\"maas\",\"gateway\":\"10.77.0.1\",\"hosts\":[{\"address\":\"10.77.0.40\","
              "\"hostname\":\"hippo\",\"mac\":\"52:54:00:00:00:01\"},{\"address\":\"10.77.0.30\","
              "\"hostname\":\"\",\"mac\":\"52:54:00:00:00:30\"}],\"lease_s\":600,\"mtu\":9000,"
              "\"ntp\":[],\"partner\":\"rack02\",\"primary\":true,\"ranges\":[{\"first\":\"10.77.0."
              "100\",\"last\":"
              "\"10.77.0.199\"}],\"subnet_id\":1,\"vlan_id\":5001}]"));
    assert_non_null(strstr(document("rack02"), "\"primary\":false"));
    assert_string_equal(document("mach01"), "[]");
    /* Settings stand in for what the subnet does not say; names are no addresses. */
    ask("INSERT INTO setting VALUES ('upstream_dns', '\"8.8.8.8 2001:db8::53\"'), ('ntp_servers', "
        "'\"ntp.example 10.0.0.9\"') RETURNING name");
    ask("UPDATE subnet SET dns_servers = '{}', gateway_ip = NULL WHERE id = 1 RETURNING id");
    text = document("rack01");
    assert_non_null(strstr(text, "\"dns\":[\"8.8.8.8\"]"));
    assert_non_null(strstr(text, "\"ntp\":[\"10.0.0.9\"]"));
    assert_non_null(strstr(text, "\"gateway\":null"));
}

static void test_relayed_vlan(void **unused)
{
    (void)unused;
    ask("INSERT INTO vlan (fabric_id, vid, relay_vlan_id) VALUES (0, 9, 5001) RETURNING id");
    ask("INSERT INTO subnet (name, vlan_id, cidr) VALUES ('far', 5002, '10.99.0.0/24') RETURNING "
        "id");
    const char *text = document("rack01");
    assert_non_null(strstr(text, "10.99.0.0/24"));
    assert_non_null(strstr(text, "\"vlan_id\":5002"));
}

static const char *reporter = "rack01";
static json_int_t sequence = 7, now_s = 1899999400;

static enum error_code leases_body(struct db *same, void *subject, struct error *why)
{
    json_t *params =
        json_pack("{s:o, s:I, s:s, s:I}", "leases", json_loads(subject, 0, NULL), "now_s", now_s,
                  "store", "0123456789abcdef0123456789abcdef", "sequence", sequence++);
    enum error_code code = dhcp_store_leases(same, reporter, params, arena, why);
    json_decref(params);
    return code;
}

static enum error_code leases(const char *text)
{
    return db_transact(db, DB_WRITE, leases_body, (void *)(uintptr_t)text, &err);
}

#define LEASES                                                                                  \
    "SELECT string_agg(concat_ws(' ', ip, mac_address, hostname, extract(epoch FROM expires - " \
    "updated)::integer), ', ' ORDER BY ip) FROM dhcp_lease"
#define OBSERVED                                                                                 \
    "SELECT string_agg(concat_ws(' ', a.ip, n.hostname, a.subnet_id), ', ' ORDER BY a.ip) FROM " \
    "ip_address a JOIN interface i ON i.id = a.interface_id JOIN node n ON n.id = i.node_id "    \
    "WHERE a.alloc_type = 6"

static void test_leases(void **unused)
{
    (void)unused;
    assert_int_equal(leases("[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.100\", "
                            "\"hostname\": \"hippo\", \"expires_s\": 1900000000, \"gone\": false},"
                            "{\"mac\": \"52:54:00:00:00:09\", \"address\": \"10.77.0.101\", "
                            "\"hostname\": \"<script>\", \"expires_s\": 1900000001},"
                            "{\"mac\": \"52:54:00:00:00:09\", \"address\": \"192.168.3.3\", "
                            "\"hostname\": \"elsewhere\", \"expires_s\": 1900000001}]"),
                     ERR_OK);
    assert_string_equal(ask(LEASES), "10.77.0.100 52:54:00:00:00:01 hippo 600, "
                                     "10.77.0.101 52:54:00:00:00:09 601");
    assert_string_equal(ask(OBSERVED), "10.77.0.100 hippo 1");
    /* Renewed twice in one message, another client, gone, gone for another MAC. */
    assert_int_equal(
        leases("[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.100\", \"hostname\": "
               "null, \"expires_s\": 1900000005},"
               "{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.100\", \"hostname\": "
               "null, \"expires_s\": 1900000006},"
               "{\"mac\": \"52:54:00:00:00:08\", \"address\": \"10.77.0.101\", \"gone\": true}]"),
        ERR_OK);
    assert_string_equal(ask(LEASES), "10.77.0.100 52:54:00:00:00:01 606, "
                                     "10.77.0.101 52:54:00:00:00:09 601");
    assert_int_equal(
        leases("[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.100\", \"expires_s\": "
               "1900000009},"
               "{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.100\", \"gone\": true},"
               "{\"mac\": \"52:54:00:00:00:09\", \"address\": \"10.77.0.101\", \"gone\": true},"
               "{\"mac\": \"52:54:00:00:00:07\", \"address\": \"10.77.0.101\", \"expires_s\": "
               "1900000002}]"),
        ERR_OK);
    assert_string_equal(ask(LEASES), "10.77.0.101 52:54:00:00:00:07 602");
    assert_string_equal(ask(OBSERVED), "");
}

static void test_refused_leases(void **unused)
{
    (void)unused;
    static const char *const lists[] = {
        "{}",
        "[1]",
        "[{\"mac\": \"x\", \"address\": \"10.77.0.100\", \"expires_s\": 1}]",
        "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0\", \"expires_s\": 1}]",
        "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.7\", \"expires_s\": \"1\"}]",
        "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.7\", \"expires_s\": -1}]",
        "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.7\", \"expires_s\": "
        "9999999999999}]",
    };
    const char *before = ask(LEASES);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        assert_int_equal(leases(lists[i]), ERR_BAD_INPUT);
    assert_string_equal(ask(LEASES), before);
    /* clocks that there are not, of which no difference can be taken */
    static const json_int_t clocks[] = {INT64_MIN, -1, 253402300801, INT64_MAX};
    json_int_t sound_s = now_s;
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        now_s = clocks[i];
        assert_int_equal(leases("[]"), ERR_BAD_INPUT);
        assert_int_equal(leases("[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.7\", "
                                "\"expires_s\": 5}]"),
                         ERR_BAD_INPUT);
    }
    now_s = sound_s;
    assert_int_equal(leases("[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.7\", "
                            "\"gone\": true, \"expires_s\": -9223372036854775808}]"),
                     ERR_OK);
    assert_string_equal(ask(LEASES), before);
}

static void test_sweep(void **unused)
{
    (void)unused;
    assert_int_equal(leases("[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.120\", "
                            "\"expires_s\": 1000}]"),
                     ERR_OK);
    assert_int_equal(dhcp_store_sweep(db, &err), ERR_OK);
    assert_string_equal(ask("SELECT count(*) FROM dhcp_lease"), "1");
    assert_string_equal(ask(OBSERVED), "");
}

static const char *partner(const char *rack, int64_t since, int64_t *next)
{
    json_t *result = NULL;
    assert_int_equal(dhcp_store_partner(db, rack, since, arena, &result, &err), ERR_OK);
    *next = json_integer_value(json_object_get(result, "next"));
    assert_false(json_is_true(json_object_get(result, "more")));
    char *text = json_dumps(json_object_get(result, "leases"), JSON_COMPACT);
    const char *kept = arena_strdup(arena, text);
    free(text);
    json_decref(result);
    return kept;
}

/* What one rack gave the network's other rack hears of, once. */
static void test_partner(void **unused)
{
    (void)unused;
    int64_t next = 0, again = 0;
    assert_int_equal(leases("[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.130\", "
                            "\"expires_s\": 1900000000, \"duration_s\": 700},"
                            "{\"mac\": \"52:54:00:00:00:02\", \"address\": \"10.77.0.131\", "
                            "\"expires_s\": 1899999000, \"duration_s\": 700}]"),
                     ERR_OK);
    const char *text = partner("rack02", 0, &next);
    assert_non_null(strstr(text, "\"mac\":\"52:54:00:00:00:01\",\"address\":\"10.77.0.130\","
                                 "\"duration_s\":700,\"left_s\":59")); /* 599 or 600 */
    assert_null(strstr(text, "10.77.0.131")); /* over, and a quarter as well */
    assert_null(strstr(partner("rack01", 0, &again), "10.77.0.130")); /* its own */
    assert_string_equal(partner("mach01", 0, &again), "[]");
    assert_true(next > 0);
    assert_string_equal(partner("rack02", next, &again), "[]");
    reporter = "rack02";
    assert_int_equal(leases("[{\"mac\": \"52:54:00:00:00:03\", \"address\": \"10.77.0.199\", "
                            "\"expires_s\": 1900000000, \"duration_s\": 600}]"),
                     ERR_OK);
    assert_non_null(strstr(partner("rack01", next, &again), "10.77.0.199"));
    assert_string_equal(partner("rack02", next, &again), "[]");
    assert_non_null(strstr(document("rack01"), "\"partner\":\"rack02\""));
}

/* The highest that a store told: one that is behind has lost leases. */
static void test_stores(void **unused)
{
    (void)unused;
    uint64_t told = 1;
    const char *store = "0123456789abcdef0123456789abcdef";
    reporter = "rack02";
    sequence = 90;
    assert_int_equal(leases("[]"), ERR_OK);
    sequence = 80;
    assert_int_equal(leases("[]"), ERR_OK);
    assert_int_equal(dhcp_store_told(db, "rack02", store, &told, &err), ERR_OK);
    assert_int_equal(told, 90);
    assert_int_equal(dhcp_store_told(db, "mach01", store, &told, &err), ERR_OK);
    assert_int_equal(told, 0);
    sequence = -1;
    assert_int_equal(leases("[]"), ERR_BAD_INPUT);
}

static void test_ranges(void **unused)
{
    (void)unused;
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    json_t *ids = json_pack("[i,i]", 1, 77);
    assert_int_equal(dhcp_store_ranges(db, "rack02", ids, arena, &rows, &err), ERR_OK);
    assert_true(rows.count >= 1);
    assert_int_equal(db_int(&rows, 0, 0), 1);
    assert_false(db_bool(&rows, 0, 1));
    assert_string_equal(db_text(&rows, 0, 2), "rack01");
    assert_non_null(strstr(db_text(&rows, 0, 3), "10.77.0."));
    db_rows_close(&rows);
    assert_int_equal(dhcp_store_ranges(db, "mach01", ids, arena, &rows, &err), ERR_OK);
    assert_int_equal(rows.count, 0);
    json_decref(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document), cmocka_unit_test(test_relayed_vlan),
        cmocka_unit_test(test_leases),   cmocka_unit_test(test_refused_leases),
        cmocka_unit_test(test_sweep),    cmocka_unit_test(test_partner),
        cmocka_unit_test(test_stores),   cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
