/* What the database notifies is heard, also behind a broken connection and by other primaries. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <unistd.h>

#include "src/db/db_notify.h"
#include "src/db/migrate.h"
#include "test/lib/temp_postgres.h"

static struct temp_postgres postgres;
static struct db *db;
static struct db_notify *notify;
static atomic_int heard_count;

static void heard(void *subject)
{
    (void)subject;
    atomic_fetch_add(&heard_count, 1);
}

static int start(void **unused)
{
    (void)unused;
    struct error err = {0};
    struct db_notify_setup setup = {"dhcp_config", heard, NULL};
    temp_postgres_start(&postgres);
    db = db_new(postgres.conninfo);
    assert_int_equal(db_migrate(db, NULL, &err), ERR_OK);
    notify = db_notify_start(&setup);
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    db_notify_stop(notify);
    db_free(db);
    temp_postgres_stop(&postgres);
    return 0;
}

static void do_sql(const char *sql)
{
    struct error err = {0};
    if (db_script(db, sql, &err))
        fail_msg("%s", err.text);
}

/* Wait up to 10 s until it was heard more often than before. */
static void expect_more(int before)
{
    for (int i = 0; i < 1000 && atomic_load(&heard_count) <= before; i++)
        usleep(10000);
    assert_true(atomic_load(&heard_count) > before);
}

static void expect_silence(int before)
{
    usleep(300000);
    assert_int_equal(atomic_load(&heard_count), before);
}

static void test_each_dial_counts(void **unused)
{
    (void)unused;
    expect_silence(0); /* there is no database yet */
    db_notify_primary(notify, postgres.conninfo);
    expect_more(0);
}

static void test_changes_of_the_document(void **unused)
{
    (void)unused;
    static const struct {
        const char *sql;
        bool told;
    } rows[] = {
        {"INSERT INTO subnet (name, vlan_id, cidr) VALUES ('a', 5001, '10.0.0.0/24')", true},
        {"INSERT INTO ip_range (subnet_id, type, start_ip, end_ip) VALUES (1, 'dynamic', "
         "'10.0.0.5', '10.0.0.9')",
         true},
        {"UPDATE vlan SET mtu = 9000", true},
        {"INSERT INTO setting VALUES ('upstream_dns', '\"8.8.8.8\"')", true},
        {"INSERT INTO reserved_ip (subnet_id, ip, mac_address) VALUES (1, '10.0.0.20', "
         "'52:54:00:00:00:01')",
         true},
        {"INSERT INTO node (system_id, hostname, domain_id, zone_id) VALUES ('abc', 'a', 0, 1)",
         false},
        {"INSERT INTO interface (node_id, name, mac) VALUES (1, 'eth1', '52:54:00:00:00:02')",
         false},
        {"INSERT INTO interface (node_id, name, mac) VALUES (1, 'eth0', '52:54:00:00:00:01')",
         true},
        {"UPDATE node SET power_state = 'on'", false},
        {"UPDATE node SET hostname = 'b'", true},
        {"UPDATE interface SET link_connected = false", false},
        {"UPDATE interface SET mac = '52:54:00:00:00:03' WHERE name = 'eth1'", true},
        {"INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) VALUES ('10.0.0.6', 6, "
         "1, 1)",
         false},
        {"UPDATE ip_address SET expires = now()", false},
        {"INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) VALUES ('10.0.0.7', 1, "
         "1, 1)",
         true},
        {"UPDATE ip_address SET ip = '10.0.0.8' WHERE alloc_type = 1", true},
        {"DELETE FROM ip_address WHERE alloc_type = 6", false},
        {"DELETE FROM node", true}, /* with its interfaces and their addresses */
        {"DELETE FROM ip_range", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int before = atomic_load(&heard_count);
        do_sql(rows[i].sql);
        if (rows[i].told)
            expect_more(before);
        else
            expect_silence(before);
    }
}

static void test_broken_connection(void **unused)
{
    (void)unused;
    int before = atomic_load(&heard_count);
    do_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND "
           "pid <> pg_backend_pid()");
    expect_more(before); /* it dialled again */
    before = atomic_load(&heard_count);
    do_sql("NOTIFY dhcp_config");
    expect_more(before);
}

static void test_no_primary(void **unused)
{
    (void)unused;
    db_notify_primary(notify, NULL);
    usleep(100000);
    int before = atomic_load(&heard_count);
    do_sql("NOTIFY dhcp_config");
    expect_silence(before);
    db_notify_primary(notify, "host=/nowhere dbname=postgres");
    expect_silence(before);
    db_notify_primary(notify, postgres.conninfo);
    expect_more(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_dial_counts),
        cmocka_unit_test(test_changes_of_the_document),
        cmocka_unit_test(test_broken_connection),
        cmocka_unit_test(test_no_primary),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
