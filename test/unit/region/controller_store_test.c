/* What controllers say of themselves, as rows of a real PostgreSQL. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/db/migrate.h"
#include "src/region/controller_store.h"
#include "test/lib/temp_postgres.h"
#include "test/lib/test_sql.h"

static struct temp_postgres postgres;
static struct db *db;
static struct arena *arena;
static struct error err;

static int start(void **unused)
{
    (void)unused;
    temp_postgres_start(&postgres);
    arena = arena_new();
    db = db_new(postgres.conninfo);
    assert_int_equal(db_migrate(db, NULL, &err), ERR_OK);
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

/* The first column of the first row, "" when there is none. A statement of its own each time. */
static const char *ask(const char *sql)
{
    return test_sql(db, sql, arena);
}

struct say {
    const char *id, *name, *interfaces;
};

static enum error_code say(struct db *same, void *subject, struct error *why)
{
    const struct say *say = subject;
    json_t *list = json_loads(say->interfaces, 0, NULL);
    struct controller rack = {say->id, say->name, "0.1", CONTROLLER_RACK, list};
    enum error_code code = say->name ? controller_store_register(same, &rack, arena, why)
                                     : controller_store_interfaces(same, say->id, list, arena, why);
    json_decref(list);
    return code;
}

static enum error_code said(const char *id, const char *name, const char *interfaces)
{
    struct say what = {id, name, interfaces};
    return db_transact(db, DB_WRITE, say, &what, &err);
}

#define ETH0(addresses)                                                                  \
    "{\"name\": \"eth0\", \"mac\": \"52:54:00:00:00:01\", \"up\": true, \"addresses\": " \
    "[" addresses "]}"
#define ETH1(mac, addresses) \
    "{\"name\": \"eth1\", \"mac\": \"" mac "\", \"up\": false, \"addresses\": [" addresses "]}"

#define LINKS                                                                                      \
    "SELECT string_agg(concat_ws(' ', n.hostname, i.name, i.type, i.mac, i.vlan_id, "              \
    "i.link_connected), ', ' ORDER BY n.hostname, i.name) FROM interface i JOIN node n ON n.id = " \
    "i.node_id"
#define ADDRESSES                                                                              \
    "SELECT string_agg(concat_ws(' ', n.hostname, i.name, a.ip, s.cidr), ', ' ORDER BY a.ip) " \
    "FROM ip_address a JOIN interface i ON i.id = a.interface_id JOIN node n ON n.id = "       \
    "i.node_id LEFT JOIN subnet s ON s.id = a.subnet_id"
#define SUBNETS "SELECT string_agg(concat_ws(' ', cidr, vlan_id), ', ' ORDER BY cidr) FROM subnet"

static void test_first_rack_takes_the_first_fabric(void **unused)
{
    (void)unused;
    const char *interfaces =
        "[" ETH0("\"10.77.0.21/24\", \"169.254.3.4/16\", \"fe80::1/64\"") ", " //
        ETH1("52:54:00:00:00:02", "\"10.78.0.21/24\", \"10.78.0.99/32\"") "]";
    assert_int_equal(said("rack01", "Rack_1.example.org", interfaces), ERR_OK);
    assert_string_equal(ask("SELECT concat_ws(' ', system_id, hostname, node_type, version) FROM "
                            "node"),
                        "rack01 rack-1 2 0.1");
    assert_string_equal(ask(SUBNETS), "10.77.0.0/24 5001, 10.78.0.0/24 5002");
    assert_string_equal(ask(LINKS), "rack-1 eth0 physical 52:54:00:00:00:01 5001 t, "
                                    "rack-1 eth1 physical 52:54:00:00:00:02 5002 f");
    assert_string_equal(ask(ADDRESSES), "rack-1 eth0 10.77.0.21 10.77.0.0/24, "
                                        "rack-1 eth1 10.78.0.21 10.78.0.0/24, "
                                        "rack-1 eth1 10.78.0.99 10.78.0.0/24");
    const char *before = ask("SELECT max(xmin::text::bigint) FROM interface");
    assert_int_equal(said("rack01", "rack-1", interfaces), ERR_OK);
    assert_string_equal(ask("SELECT max(xmin::text::bigint) FROM interface"), before);
    assert_string_equal(ask("SELECT count(*) FROM fabric"), "2");
}

static void test_second_rack_meets_known_networks(void **unused)
{
    (void)unused;
    assert_int_equal(said("rack02", "rack-1", /* the name is taken */
                          "[{\"name\": \"eth0\", \"mac\": \"52:54:00:00:00:11\", \"up\": true, "
                          "\"addresses\": [\"10.78.0.22/24\", \"10.79.0.1/24\"]}]"),
                     ERR_OK);
    assert_string_equal(ask("SELECT hostname FROM node WHERE system_id = 'rack02'"),
                        "rack-1-rack02");
    /* The new network is where the known one is. */
    assert_string_equal(ask(SUBNETS), "10.77.0.0/24 5001, 10.78.0.0/24 5002, 10.79.0.0/24 5002");
}

static void test_interfaces_change(void **unused)
{
    (void)unused;
    /* eth0 lost its network and has the MAC of eth1, which has that of eth0; one address moved. */
    assert_int_equal(
        said("rack01", NULL,
             "[{\"name\": \"eth0\", \"mac\": \"52:54:00:00:00:02\", \"up\": true, "
             "\"addresses\": []}, " ETH1("52:54:00:00:00:01", "\"10.77.0.21/24\"") "]"),
        ERR_OK);
    assert_string_equal(ask(LINKS " WHERE n.system_id = 'rack01'"),
                        "rack-1 eth0 physical 52:54:00:00:00:02 5001 t, "
                        "rack-1 eth1 physical 52:54:00:00:00:01 5001 f");
    assert_string_equal(ask(ADDRESSES " WHERE n.system_id = 'rack01'"),
                        "rack-1 eth1 10.77.0.21 10.77.0.0/24");
    assert_int_equal(said("rack01", NULL, "[" ETH0("") "]"), ERR_OK);
    assert_string_equal(ask(LINKS " WHERE n.system_id = 'rack01'"),
                        "rack-1 eth0 physical 52:54:00:00:00:01 5001 t");
}

static void test_addresses_of_others(void **unused)
{
    (void)unused;
    /* What is a controller's moves; what is a machine's stays; a MAC is physical once. */
    ask("WITH n AS (INSERT INTO node (system_id, hostname, domain_id, zone_id) VALUES ('mach01', "
        "'machine', 0, 1) RETURNING id), i AS (INSERT INTO interface (node_id, name, mac) SELECT "
        "id, 'eth0', '52:54:00:00:00:33' FROM n RETURNING id) INSERT INTO ip_address (ip, "
        "alloc_type, interface_id) SELECT '10.77.0.50', 1, id FROM i RETURNING id");
    assert_int_equal(said("rack01", NULL,
                          "[" ETH0("\"10.78.0.22/24\", \"10.77.0.50/24\"") ", " //
                          ETH1("52:54:00:00:00:33", "") "]"),
                     ERR_OK);
    assert_string_equal(ask(ADDRESSES), "machine eth0 10.77.0.50, "
                                        "rack-1 eth0 10.78.0.22 10.78.0.0/24, "
                                        "rack-1-rack02 eth0 10.79.0.1 10.79.0.0/24");
    assert_string_equal(ask("SELECT type FROM interface WHERE name = 'eth1'"), "unknown");
    assert_int_equal(said("mach01", "machine", "[]"), ERR_CONFLICT);
}

static void test_refused(void **unused)
{
    (void)unused;
    static const char *const lists[] = {
        "{}",
        "[{\"name\": \"eth0\"}]",
        "[1]",
        "[" ETH0("\"10.0.0.1\"") "]",
        "[" ETH0("1") "]",
        "[" ETH0("") ", " ETH0("") "]",
        "[{\"name\": \"\", \"mac\": \"52:54:00:00:00:01\", \"addresses\": []}]",
        "[{\"name\": \"a-name-much-too-long\", \"mac\": \"52:54:00:00:00:01\", \"addresses\": []}]",
        "[{\"name\": \"eth0\", \"mac\": \"52:54:00:00:00\", \"addresses\": []}]",
    };
    const char *before = ask(LINKS);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        assert_int_equal(said("rack01", "rack-1", lists[i]), ERR_BAD_INPUT);
    assert_string_equal(ask(LINKS), before);
    assert_int_equal(said("nobody", NULL, "[]"), ERR_NOT_FOUND);
}

static void test_region_id(void **unused)
{
    (void)unused;
    const char *one = controller_store_region_id("region1", arena);
    assert_int_equal(strlen(one), 6);
    assert_string_equal(one, controller_store_region_id("region1", arena));
    assert_string_not_equal(one, controller_store_region_id("region2", arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_rack_takes_the_first_fabric),
        cmocka_unit_test(test_second_rack_meets_known_networks),
        cmocka_unit_test(test_interfaces_change),
        cmocka_unit_test(test_addresses_of_others),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_region_id),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
