/* Documents and their confirmation, two racks and one change after the other, on a real PostgreSQL.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/db/migrate.h"
#include "src/region/dhcp_document.h"
#include "test/lib/sample_command.h"
#include "test/lib/temp_postgres.h"
#include "test/lib/test_sql.h"

static struct temp_postgres postgres;
static struct db *db;
static struct arena *arena;
static struct error err;
static struct cluster_state facts;

static struct rack {
    const char *name;
    char version[80];
    int64_t number, owner, refused;
    json_t *document; /* of the last answer */
} a = {.name = "rack01"}, b = {.name = "rack02"};

static const char *ask(const char *sql)
{
    return test_sql(db, sql, arena);
}

/* The rack has the right to give from now on, as another owner than before. */
static void own(struct rack *rack)
{
    struct command command;
    sample_command(COMMAND_BLOCK_OWN, &command);
    snprintf(command.block_own.rack, LIMIT_NAME, "%s", rack->name);
    snprintf(command.block_own.store, CLUSTER_ID, "%032x", facts.block_owner_next);
    assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
    rack->owner = facts.block_owner_next - 1;
}

static void expire(struct rack *rack)
{
    struct command command = {.kind = COMMAND_BLOCK_EXPIRE,
                              .block_expire = {(uint32_t)rack->owner, 1}};
    assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
}

static int start(void **unused)
{
    (void)unused;
    struct command command;
    temp_postgres_start(&postgres);
    arena = arena_new();
    db = db_new(postgres.conninfo);
    assert_int_equal(db_migrate(db, NULL, &err), ERR_OK);
    assert_int_equal(
        db_script(db,
                  "INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) VALUES "
                  "('rack01', 'one', 2, 0, 1), ('rack02', 'two', 2, 0, 1);"
                  "INSERT INTO subnet (name, vlan_id, cidr) VALUES ('a', 5001, '10.77.0.0/24');"
                  "INSERT INTO ip_range (subnet_id, type, start_ip, end_ip) VALUES (1, 'dynamic', "
                  "'10.77.0.100', '10.77.0.199');"
                  "UPDATE vlan SET dhcp_on = true, primary_rack_id = 1, secondary_rack_id = 2;",
                  &err),
        ERR_OK);
    cluster_state_init(&facts);
    sample_command(COMMAND_INIT, &command);
    cluster_state_apply(&facts, &command);
    for (int i = 1; i <= 2; i++) {
        sample_command(COMMAND_RACK_ADD, &command);
        snprintf(command.rack_add.system_id, LIMIT_NAME, "rack0%d", i);
        snprintf(command.rack_add.name, LIMIT_NAME, "rack0%d", i);
        assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
    }
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    json_decref(a.document);
    json_decref(b.document);
    db_free(db);
    arena_free(arena);
    temp_postgres_stop(&postgres);
    return 0;
}

static enum error_code body(struct db *same, void *subject, struct error *why)
{
    struct rack *rack = subject;
    struct dhcp_document_ask question = {.rack = rack->name,
                                         .version = rack->version,
                                         .number = rack->number,
                                         .owner = rack->owner,
                                         .refused = rack->refused,
                                         .facts = &facts};
    json_t *document = NULL;
    enum error_code code = dhcp_document_lock(same, why);
    if (!code)
        code = dhcp_document_answer(same, &question, arena, &document, why);
    json_decref(rack->document);
    rack->document = document;
    return code;
}

/* Hosts and held addresses of its only network, "same" when nothing changed. */
static const char *asks(struct rack *rack)
{
    static char text[256];
    json_t *item;
    size_t i;
    if (db_transact(db, DB_WRITE, body, rack, &err))
        fail_msg("%s", err.text);
    json_t *networks = json_object_get(rack->document, "networks");
    json_t *network = json_array_get(networks, 0);
    if (!networks)
        return "same";
    text[0] = '\0';
    json_array_foreach (json_object_get(network, "hosts"), i, item)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ",
                 json_string_value(json_object_get(item, "address")) + 8);
    json_array_foreach (json_object_get(network, "held"), i, item)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "!%s ",
                 json_string_value(json_object_get(item, "address")) + 8);
    return text;
}

/* It has the last answer on disk, and has told of its leases: the next question confirms it. */
static void take(struct rack *rack)
{
    rack->number = json_integer_value(json_object_get(rack->document, "number"));
    snprintf(rack->version, sizeof(rack->version), "%s",
             json_string_value(json_object_get(rack->document, "version")));
}

static void settle(struct rack *rack)
{
    for (int i = 0; i < 3; i++) {
        asks(rack);
        take(rack);
    }
    assert_string_equal(asks(rack), "same");
}

static void lease(const char *rack, const char *address, const char *mac, int left_s)
{
    ask(arena_printf(arena,
                     "INSERT INTO dhcp_lease (ip, subnet_id, mac_address, expires, rack, "
                     "duration_s) VALUES ('%s', 1, '%s', now() + %d * interval '1 second', '%s', "
                     "600) ON CONFLICT (ip) DO UPDATE SET mac_address = EXCLUDED.mac_address, "
                     "expires = EXCLUDED.expires, rack = EXCLUDED.rack RETURNING ip",
                     address, mac, left_s, rack));
}

static void test_a_new_rack(void **unused)
{
    (void)unused;
    assert_string_equal(asks(&a), ""); /* it may not give yet */
    assert_string_equal(ask("SELECT string_agg(rack || owner, ' ') FROM dhcp_document"), "rack010");
    take(&a);
    assert_string_equal(asks(&a), "same");
    own(&a);
    assert_string_equal(asks(&a), "same");
    assert_string_equal(ask("SELECT string_agg(rack || owner, ' ') FROM dhcp_document"), "rack011");
    own(&b);
    settle(&b);
    assert_string_equal(ask("SELECT count(*) FROM dhcp_document"), "2");
    b.owner = 1; /* not its own */
    assert_string_equal(asks(&b), "same");
    assert_string_equal(ask("SELECT owner FROM dhcp_document WHERE rack = 'rack02'"), "2");
    b.owner = 2;
}

#define CHANGE                                                                                  \
    "WITH r AS (UPDATE ip_range SET start_ip = '10.77.0.120' WHERE id = 1) INSERT INTO "        \
    "reserved_ip (subnet_id, ip, mac_address) VALUES (1, '10.77.0.105', '52:54:00:00:00:30'), " \
    "(1, '10.77.0.30', '52:54:00:00:00:31') RETURNING id"

/* Both are there: an address of the range becomes a machine's once both have let go of it. */
static void test_both_are_there(void **unused)
{
    (void)unused;
    ask(CHANGE);
    assert_string_equal(asks(&a), "30 !105 ");
    assert_string_equal(ask("SELECT held::text FROM dhcp_document WHERE number = (SELECT "
                            "max(number) FROM dhcp_document)"),
                        "[{\"rack\": \"rack02\", \"address\": \"10.77.0.105\"}]");
    assert_string_equal(asks(&a), "30 !105 "); /* not confirmed: told again, noted once */
    assert_string_equal(ask("SELECT count(*) FROM dhcp_document WHERE rack = 'rack01'"), "2");
    assert_string_equal(asks(&b), "30 !105 ");
    take(&b);
    asks(&b);
    assert_string_equal(asks(&a), "105 30 "); /* b confirmed that it does not give it */
    take(&a);
    assert_string_equal(asks(&a), "same");
    assert_string_equal(asks(&b), "105 30 ");
    settle(&b);
    assert_string_equal(ask("SELECT count(*) FROM dhcp_document"), "2");
}

/* b is away. What it may give waits, the rest does not; when its term is over all of it goes on. */
static void test_one_is_away(void **unused)
{
    (void)unused;
    ask("WITH r AS (UPDATE ip_range SET start_ip = '10.77.0.130' WHERE id = 1), d AS (DELETE FROM "
        "reserved_ip WHERE ip = '10.77.0.30') INSERT INTO reserved_ip (subnet_id, ip, mac_address) "
        "VALUES (1, '10.77.0.125', '52:54:00:00:00:32'), (1, '10.77.0.40', '52:54:00:00:00:33') "
        "RETURNING id");
    ask("INSERT INTO ip_range (subnet_id, type, start_ip, end_ip) VALUES (1, 'dynamic', "
        "'10.77.0.20', '10.77.0.35') RETURNING id");
    assert_string_equal(asks(&a), "105 40 !30 !125 ");
    settle(&a);
    assert_string_equal(ask("SELECT count(*) FROM dhcp_document WHERE held <> '[]'"), "1");
    /* A view that is behind does not know that b's owner has gone. */
    expire(&b);
    struct cluster_state now = facts;
    facts.block_owner_next = 2;
    assert_string_equal(asks(&a), "same");
    facts = now;
    assert_string_equal(asks(&a), "105 125 40 ");
    settle(&a);
    assert_string_equal(ask("SELECT count(*) FROM dhcp_document WHERE rack = 'rack02'"), "0");
    /* It comes back as another owner; its old document confirms nothing. */
    own(&b);
    assert_string_equal(asks(&b), "105 125 40 ");
    settle(&b);
}

/* A lease that was given by the old meaning stands until it and a quarter of it are over. */
static void test_a_lease_stands(void **unused)
{
    (void)unused;
    lease("rack02", "10.77.0.135", "52:54:00:00:00:77", 300);
    lease("rack02", "10.77.0.140", "52:54:00:00:00:78", -200); /* over, and a quarter, too */
    lease("rack02", "10.77.0.150", "52:54:00:00:00:79", 300);  /* stays of the range */
    ask("WITH r AS (UPDATE ip_range SET start_ip = '10.77.0.145' WHERE start_ip = '10.77.0.130') "
        "INSERT INTO reserved_ip (subnet_id, ip, mac_address) VALUES (1, '10.77.0.135', "
        "'52:54:00:00:00:35'), (1, '10.77.0.140', '52:54:00:00:00:36') RETURNING id");
    assert_string_equal(asks(&b), "105 125 40 !135 !140 ");
    take(&b);
    asks(&b);
    assert_string_equal(ask("SELECT string_agg(host(ip), ' ') FROM dhcp_draining"), "10.77.0.135");
    assert_string_equal(asks(&a), "105 125 40 140 !135 ");
    settle(&a);
    settle(&b); /* what stands it knows itself */
    assert_string_equal(ask("SELECT held::text FROM dhcp_document WHERE rack = 'rack02'"), "[]");
    ask("UPDATE dhcp_draining SET until = now() - interval '1 second' RETURNING ip");
    assert_string_equal(asks(&a), "105 125 40 135 140 ");
    settle(&a);
}

/* One that was refused is not followed: it is not kept until the rack takes another. */
static void test_refused(void **unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++) {
        ask(arena_printf(arena, "UPDATE vlan SET mtu = %d RETURNING id", 1400 + i));
        asks(&a);
        a.refused = json_integer_value(json_object_get(a.document, "number"));
    }
    assert_string_equal(ask("SELECT count(*) FROM dhcp_document WHERE rack = 'rack01'"), "2");
    a.refused = 0;
    settle(&a);
    assert_string_equal(ask("SELECT count(*) FROM dhcp_document WHERE rack = 'rack01'"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_rack),  cmocka_unit_test(test_both_are_there),
        cmocka_unit_test(test_one_is_away), cmocka_unit_test(test_a_lease_stands),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
