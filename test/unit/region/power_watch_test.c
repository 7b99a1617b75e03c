/*
 * The leader's looks at power, on a real database with racks that are a script: whom they ask, what
 * is recorded and told, and that BMCs which do not answer keep nobody else waiting.
 */
// rooms: region
// replaces: src/region/rack_door.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/db/migrate.h"
#include "src/region/power_watch.h"
#include "src/region/power_watch_store.h"
#include "src/region/rack_door.h"
#include "src/region/rack_seen.h"
#include "test/lib/temp_postgres.h"
#include "test/lib/test_sql.h"

static struct temp_postgres postgres;
static struct db *db;
static struct arena *arena;
static struct region region;

/* ---- the racks: an order stays until a test answers it ---- */

struct asked {
    char system_id[LIMIT_NAME], password[32];
    rack_door_ended *ended; /* NULL: answered */
    void *subject;
};

static struct asked asked[64];
static int asked_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum error_code rack_door_power_begin(const struct rack_power_order *order, rack_door_ended *ended,
                                      void *subject, struct error *err)
{
    (void)err;
    pthread_mutex_lock(&lock);
    assert_true(asked_count < (int)COUNT_OF(asked));
    struct asked *each = &asked[asked_count++];
    snprintf(each->system_id, sizeof(each->system_id), "%s", order->system_id);
    const char *password = json_string_value(json_object_get(order->parameters, "power_pass"));
    snprintf(each->password, sizeof(each->password), "%s", password ? password : "");
    assert_string_equal(order->action, "query");
    assert_true(order->background);
    assert_true(strlen(order->request) > 16);
    each->ended = ended;
    each->subject = subject;
    pthread_mutex_unlock(&lock);
    return ERR_OK;
}

/* Nothing here asks for these. */
enum error_code rack_door_power(const struct rack_power_order *order, const char **power,
                                struct error *err)
{
    (void)power;
    return error_set(err, ERR_INTERNAL, "%s of %s", order->action, order->system_id);
}

void rack_door_note(const char *method, json_t *params)
{
    (void)method, (void)params;
}

/* The open order for this machine, waited for; ended at once with this answer. */
static void answer(const char *system_id, const char *power, enum error_code code)
{
    struct error why = {.code = ERR_OK};
    if (code)
        error_set(&why, code, "the BMC says %s", error_name(code));
    for (uint64_t end = clock_boot_ns() + 20 * CLOCK_S; clock_boot_ns() < end; usleep(5000)) {
        struct asked found = {.ended = NULL};
        pthread_mutex_lock(&lock);
        for (int i = 0; i < asked_count && !found.ended; i++) {
            if (!asked[i].ended || strcmp(asked[i].system_id, system_id))
                continue;
            found = asked[i];
            asked[i].ended = NULL;
        }
        pthread_mutex_unlock(&lock);
        if (!found.ended)
            continue;
        found.ended(found.subject, power, &why);
        return;
    }
    fail_msg("%s was not asked", system_id);
}

static int open_orders(const char *like)
{
    int count = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < asked_count; i++)
        count += asked[i].ended && !strncmp(asked[i].system_id, like, strlen(like));
    pthread_mutex_unlock(&lock);
    return count;
}

/* ---- the database ---- */

static void run_sql(const char *sql)
{
    struct error err = {0};
    if (db_script(db, sql, &err))
        fail_msg("%s", err.text);
}

#define WAIT_FOR_SQL(sql, wanted)                                      \
    for (uint64_t end_ns = clock_boot_ns() + 20 * CLOCK_S;             \
         strcmp(test_sql(db, sql, arena), wanted) != 0; usleep(10000)) \
        if (clock_boot_ns() > end_ns)                                  \
    fail_msg("%s: %s, not %s", sql, test_sql(db, sql, arena), wanted)

static void add(const char *system_id, const char *more)
{
    run_sql(arena_printf(
        arena,
        "INSERT INTO node (system_id, hostname, domain_id, zone_id, pool_id, power_type, "
        "power_parameters) VALUES ('%s', '%s', 0, 1, 0, 'ipmi', '{\"power_address\": \"%s\"}'); "
        "UPDATE node SET hostname = hostname%s WHERE system_id = '%s'",
        system_id, system_id, system_id, more, system_id));
}

static void watch(bool leads)
{
    struct cluster_view *view = calloc(1, sizeof(*view));
    view->known = true;
    view->leads = leads;
    power_watch_look_at(&region, view);
    free(view);
}

static int set_up(void **unused)
{
    (void)unused;
    struct error err = {0};
    struct rack_hello hello = {.system_id = "rck001"};
    temp_postgres_start(&postgres);
    seal_ring_make(&region.ring);
    db = db_new(postgres.conninfo);
    rack_seen_open("region1");
    rack_seen_show(&hello, true, 1);
    if (db_migrate(db, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(power_watch_start(&region, &err), ERR_OK);
    power_watch_primary(&region, postgres.conninfo, 1);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    power_watch_primary(&region, NULL, 2);
    db_free(db);
    temp_postgres_stop(&postgres);
    return 0;
}

static int begin(void **unused)
{
    (void)unused;
    arena = arena_new();
    run_sql("DELETE FROM node; DELETE FROM event");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    watch(false);
    run_sql("DELETE FROM node"); /* and nothing is recorded of what is answered now */
    for (int i = 0; i < asked_count; i++)
        if (asked[i].ended)
            answer(asked[i].system_id, "on", ERR_OK);
    asked_count = 0;
    arena_free(arena);
    return 0;
}

/* ---- whom ---- */

struct due {
    struct power_watch_wish wish;
    struct power_watch_looks looks;
};

static enum error_code read_due(struct db *in, void *subject, struct error *err)
{
    struct due *due = subject;
    return power_watch_due(in, &region.ring, &due->wish, arena, &due->looks, err);
}

static const char *due_now(const char *bmcs, int room, int failing_room)
{
    static struct due due;
    struct error err = {0};
    const char *text = "";
    due.wish = (struct power_watch_wish){bmcs, room, failing_room};
    if (db_transact(db, DB_READ, read_due, &due, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < due.looks.count; i++) {
        text = arena_printf(arena, "%s%s ", text, due.looks.list[i].system_id);
        power_watch_look_close(&due.looks.list[i]);
    }
    return text;
}

static void whose_turn_it_is(void **unused)
{
    (void)unused;
    add("a1", ", power_due = now() - interval '9 s'");
    add("a2", ", power_due = now() - interval '8 s', power_failures = 3");
    add("a3", ", power_due = now() - interval '7 s'");
    add("b1", ", power_due = now() + interval '60 s'");
    add("b2", ", power_type = 'manual'");
    add("b3", ", power_type = 'wakeonlan'");
    add("b4", ", status = 8");
    add("b5", ", power_seen = now() - interval '100 s'");
    add("b6", ", node_type = 1");
    add("b7", "");
    run_sql("INSERT INTO operation (node_id, kind, step) SELECT id, 'deploy', 'off' FROM node "
            "WHERE system_id = 'b7'");
    add("c1", ", power_due = now() - interval '5 s', power_parameters = '{\"power_address\": "
              "\"a1\"}'"); /* the BMC of a1 */
    assert_string_equal(due_now("{}", 9, 3), "a1 a2 a3 ");
    assert_string_equal(due_now("{}", 1, 0), "a1 ");
    assert_string_equal(due_now("{}", 0, 9), "a2 ");
    assert_string_equal(due_now("{ipmi a1}", 9, 3), "a2 a3 ");
}

/* ---- the whole ---- */

static void changes_are_told_and_nothing_else(void **unused)
{
    (void)unused;
    add("a1", "");
    watch(true);
    answer("a1", "on", ERR_OK);
    WAIT_FOR_SQL("SELECT power_state FROM node", "on");
    assert_string_equal(test_sql(db, "SELECT description FROM event", arena), "on (was unknown)");
    assert_string_equal(test_sql(db,
                                 "SELECT power_due - now() BETWEEN interval '260 s' AND interval "
                                 "'331 s' AND power_seen > now() - interval '9 s' FROM node",
                                 arena),
                        "t");
    run_sql("UPDATE node SET power_due = now(), power_seen = now() - interval '300 s'");
    answer("a1", "on", ERR_OK);
    WAIT_FOR_SQL("SELECT power_due > now() FROM node", "t");
    assert_string_equal(test_sql(db, "SELECT count(*) FROM event", arena), "1");
    run_sql("UPDATE node SET power_due = now(), power_seen = now() - interval '300 s'");
    answer("a1", NULL, ERR_UNAVAILABLE);
    WAIT_FOR_SQL("SELECT power_failures FROM node", "1");
    assert_string_equal(test_sql(db, "SELECT power_state FROM node", arena), "on");
    run_sql("UPDATE node SET power_due = now()");
    answer("a1", NULL, ERR_UNAVAILABLE);
    WAIT_FOR_SQL("SELECT power_state FROM node", "error");
    assert_string_equal(test_sql(db,
                                 "SELECT type || ' ' || description FROM event ORDER BY id DESC "
                                 "LIMIT 1",
                                 arena),
                        "NODE_POWER_QUERY_FAILED the BMC says unavailable");
    run_sql("UPDATE node SET power_due = now()");
    answer("a1", "off", ERR_OK);
    WAIT_FOR_SQL("SELECT power_state || power_failures FROM node", "off0");
    assert_string_equal(test_sql(db, "SELECT count(*) FROM event", arena), "3");
}

/* Somebody's order, or the beginning of an operation, while the look was under way. */
static void what_is_newer_counts(void **unused)
{
    (void)unused;
    add("a1", "");
    add("a2", "");
    add("a3", "");
    watch(true);
    while (open_orders("a") < 3)
        usleep(1000);
    run_sql("UPDATE node SET power_state = 'on', power_seen = now() WHERE system_id = 'a1'; "
            "INSERT INTO operation (node_id, kind, step) SELECT id, 'deploy', 'off' FROM node "
            "WHERE system_id = 'a2'");
    answer("a1", "off", ERR_OK);
    answer("a2", "off", ERR_OK);
    answer("a3", "off", ERR_OK);
    WAIT_FOR_SQL("SELECT power_state FROM node WHERE system_id = 'a3'", "off");
    assert_string_equal(
        test_sql(db, "SELECT string_agg(power_state, ' ' ORDER BY system_id) FROM node", arena),
        "on unknown off");
}

static void the_dead_keep_nobody_waiting(void **unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++)
        add(arena_printf(arena, "dead%d", i),
            ", power_failures = 2, power_due = now() - interval '1 h'");
    for (int i = 0; i < 14; i++)
        add(arena_printf(arena, "fine%d", i), "");
    watch(true);
    while (open_orders("dead") < POWER_SCHEDULE_FAILING_PLACES)
        usleep(1000);
    for (int i = 0; i < 14; i++)
        answer(arena_printf(arena, "fine%d", i), "on", ERR_OK);
    WAIT_FOR_SQL("SELECT count(*) FROM node WHERE power_state = 'on'", "14");
    assert_int_equal(open_orders("dead"), POWER_SCHEDULE_FAILING_PLACES);
}

static void secrets_reach_the_rack_and_broken_ones_fail(void **unused)
{
    (void)unused;
    struct error err = {0};
    struct machine_power power = {
        "a1", "ipmi", json_pack("{ss ss}", "power_address", "10.0.0.1", "power_pass", "Geheim17"),
        true};
    add("a1", "");
    add("a2", ", power_secrets = 'not sealed at all'");
    assert_int_equal(machine_power_store(db, &region.ring, &power, arena, &err), ERR_OK);
    machine_power_close(&power);
    watch(true);
    while (!open_orders("a1"))
        usleep(1000);
    assert_string_equal(asked[0].password, "Geheim17");
    WAIT_FOR_SQL("SELECT power_failures FROM node WHERE system_id = 'a2'", "1");
}

static void only_the_leader_looks(void **unused)
{
    (void)unused;
    add("a1", "");
    usleep(1500000);
    assert_int_equal(asked_count, 0);
    watch(true);
    answer("a1", "on", ERR_OK);
    WAIT_FOR_SQL("SELECT power_state FROM node", "on");
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(whose_turn_it_is),
        T(changes_are_told_and_nothing_else),
        T(what_is_newer_counts),
        T(the_dead_keep_nobody_waiting),
        T(secrets_reach_the_rack_and_broken_ones_fail),
        T(only_the_leader_looks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
