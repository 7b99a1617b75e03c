/*
 * Machines that were started and are silent, on a real database with racks that are a word: who is
 * started again, and who is left alone.
 */
// rooms: region
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/db/migrate.h"
#include "src/region/machine_limit.h"
#include "src/region/machine_watch.h"
#include "test/lib/temp_postgres.h"

static struct temp_postgres postgres;
static struct db *db;
static struct arena *arena;
static struct seal_ring ring;
static int64_t lost_s; /* for so long nobody hears rack1; others are linked */

static int64_t rack_lost_s(const char *rack)
{
    return strcmp(rack, "rack01") ? 0 : lost_s;
}

static void run_sql(const char *sql)
{
    struct error err = {0};
    if (db_script(db, sql, &err))
        fail_msg("%s", err.text);
}

static const char *read_text(const char *sql)
{
    struct error err = {0};
    struct db *fresh = db_new(postgres.conninfo); /* prepared by its place: a new one each time */
    struct db_statement statement = {"read_text", sql};
    struct db_rows rows = {0};
    if (db_query(fresh, &statement, DB_NO_PARAMS, &rows, &err) || rows.count != 1)
        fail_msg("%s: %s", sql, err.text);
    const char *text = arena_strdup(arena, db_text(&rows, 0, 0));
    db_rows_close(&rows);
    db_free(fresh);
    return text;
}

static int set_up(void **state)
{
    struct error err = {0};
    (void)state;
    temp_postgres_start(&postgres);
    seal_ring_make(&ring);
    db = db_new(postgres.conninfo);
    return db_migrate(db, NULL, &err);
}

static int tear_down(void **state)
{
    (void)state;
    db_free(db);
    temp_postgres_stop(&postgres);
    return 0;
}

/* Deploying; powered on 300 s ago, it was told by rack1 what to boot 70 s ago. */
static int begin(void **state)
{
    (void)state;
    arena = arena_new();
    lost_s = 50;
    run_sql(
        "UPDATE vlan SET primary_rack_id = NULL; DELETE FROM node; DELETE FROM event; "
        "UPDATE duty_clock SET looked = now(), since = now() - interval '1 h'; "
        "INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id, pool_id) VALUES "
        "('rack01', 'rack1', 2, 0, 1, 0); "
        "INSERT INTO node (system_id, hostname, domain_id, zone_id, pool_id, power_type, "
        "status, boot_rack, booted, heard) VALUES ('abc123', 'box', 0, 1, 0, 'ipmi', 9, "
        "'rack01', now() - interval '70 s', now() - interval '1 h'); "
        "INSERT INTO operation (node_id, kind, step, started, ended) SELECT id, 'deploy', 'on', "
        "now() - interval '310 s', now() - interval '300 s' FROM node WHERE hostname = 'box'");
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static enum error_code look(struct db *in, void *subject, struct error *err)
{
    struct machine_life life = {in, arena, &ring, NULL};
    (void)subject;
    enum error_code code = machine_limit_look(&life, err);
    return code ? code : machine_watch_look(&life, rack_lost_s, err);
}

/* How many were started again by one look. */
static int started(void)
{
    struct error err = {0};
    run_sql("DELETE FROM event");
    if (db_transact(db, DB_WRITE, look, NULL, &err))
        fail_msg("%s", err.text);
    return read_text("SELECT count(*) FROM event WHERE type = 'NODE_STARTED_AGAIN'")[0] - '0';
}

static void its_rack_is_lost(void **state)
{
    (void)state;
    lost_s = 44;
    assert_int_equal(started(), 0);
    lost_s = 45;
    assert_int_equal(started(), 1);
    assert_string_equal(read_text("SELECT kind || step || params FROM operation "
                                  "WHERE ended IS NULL"),
                        "deployoff{\"again\": 1}");
    assert_string_equal(read_text("SELECT status FROM node WHERE hostname = 'box'"), "9");
}

static void its_rack_is_there(void **state)
{
    (void)state;
    lost_s = 0;
    assert_int_equal(started(), 0);
    run_sql("UPDATE node SET booted = now() - interval '601 s'"); /* before it was powered on */
    assert_int_equal(started(), 0);
    run_sql("UPDATE operation SET ended = now() - interval '700 s'");
    assert_int_equal(started(), 1);
}

static void who_spoke_is_left_alone(void **state)
{
    (void)state;
    run_sql("UPDATE node SET heard = now() - interval '65 s'");
    assert_int_equal(started(), 0);
}

/* Its first word after a boot is noted, also when it spoke just before. */
static enum error_code speak(struct db *in, void *subject, struct error *err)
{
    struct machine machine = {.id = *(const int64_t *)subject};
    return machine_move_alive(in, &machine, arena, err);
}

static void its_first_word_counts(void **state)
{
    struct error err = {0};
    (void)state;
    int64_t id = strtoll(read_text("SELECT id FROM node WHERE hostname = 'box'"), NULL, 10);
    run_sql("UPDATE node SET heard = now() - interval '10 s', booted = now() - interval '5 s'");
    assert_int_equal(db_transact(db, DB_WRITE, speak, &id, &err), ERR_OK);
    assert_string_equal(read_text("SELECT heard > booted FROM node WHERE hostname = 'box'"), "t");
    run_sql("UPDATE node SET heard = now() - interval '4 s' WHERE hostname = 'box'");
    assert_int_equal(db_transact(db, DB_WRITE, speak, &id, &err), ERR_OK);
    assert_string_equal(read_text("SELECT heard < now() - interval '3 s' FROM node "
                                  "WHERE hostname = 'box'"),
                        "t");
}

/* However many wait for their firmware on a rack that is well. */
static void the_slow_keep_nobody_waiting(void **state)
{
    (void)state;
    run_sql("INSERT INTO node (system_id, hostname, domain_id, zone_id, pool_id, power_type, "
            "status, boot_rack, booted) SELECT 'slow' || i, 'slow' || i, 0, 1, 0, 'ipmi', 9, "
            "CASE i WHEN 120 THEN 'rack01' ELSE 'rack02' END, now() - interval '70 s' FROM "
            "generate_series(1, 120) i; UPDATE node SET boot_rack = 'rack02' WHERE hostname = "
            "'box'; INSERT INTO operation (node_id, kind, step, started, ended) SELECT id, "
            "'deploy', 'on', now() - interval '310 s', now() - interval '300 s' FROM node WHERE "
            "hostname LIKE 'slow%'");
    assert_int_equal(started(), 1);
}

/* It never came so far as to ask: the rack of its network is the one that it would have asked. */
static void lost_before_it_was_told(void **state)
{
    (void)state;
    run_sql("UPDATE node SET booted = NULL, boot_rack = NULL");
    assert_int_equal(started(), 0);
    run_sql("INSERT INTO interface (node_id, name, type, vlan_id) SELECT n.id, 'eth0', 'physical', "
            "v.id FROM node n, (SELECT min(id) AS id FROM vlan) v WHERE hostname = 'box'; "
            "UPDATE node n SET boot_interface_id = i.id FROM interface i WHERE i.node_id = n.id; "
            "UPDATE vlan SET primary_rack_id = (SELECT id FROM node WHERE hostname = 'rack1')");
    assert_int_equal(started(), 1);
}

static void on_the_way_to_its_disk(void **state)
{
    (void)state;
    run_sql("UPDATE node SET netboot = false");
    assert_int_equal(started(), 0);
    run_sql("UPDATE node SET booted = now() - interval '299 s'");
    assert_int_equal(started(), 0);
    run_sql("UPDATE node SET booted = now() - interval '300 s'; "
            "UPDATE operation SET ended = now() - interval '400 s'");
    assert_int_equal(started(), 1);
}

static void not_for_ever(void **state)
{
    (void)state;
    for (int i = 1; i <= MACHINE_WATCH_MOST; i++) {
        assert_int_equal(started(), 1);
        assert_int_equal(started(), 0); /* that is under way */
        run_sql("UPDATE operation SET ended = now() - interval '80 s' WHERE ended IS NULL");
    }
    assert_int_equal(started(), 0);
}

/* Nobody served: machines that could not be heard have a minute first. */
static void after_a_time_without_a_primary(void **state)
{
    (void)state;
    run_sql("UPDATE duty_clock SET looked = now() - interval '21 s'");
    assert_int_equal(started(), 0);
    run_sql("UPDATE duty_clock SET since = now() - interval '61 s'");
    assert_int_equal(started(), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(its_rack_is_lost),
        T(its_rack_is_there),
        T(who_spoke_is_left_alone),
        T(its_first_word_counts),
        T(the_slow_keep_nobody_waiting),
        T(lost_before_it_was_told),
        T(on_the_way_to_its_disk),
        T(not_for_ever),
        T(after_a_time_without_a_primary),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
