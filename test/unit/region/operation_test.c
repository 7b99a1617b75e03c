/*
 * Operations on a real database with racks that are a script: the order's id is committed before
 * the order leaves, a claim that lapsed is carried on with the same order, what was ended meanwhile
 * changes nothing, and a machine that nothing can switch fails in the end.
 */
// rooms: region
// replaces: src/region/rack_door.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/db/migrate.h"
#include "src/model/machine_status.h"
#include "src/region/machine_life.h"
#include "src/region/operation_run.h"
#include "src/region/rack_door.h"
#include "test/lib/temp_postgres.h"

static struct temp_postgres postgres;
static struct db *db, *other;
static struct arena *arena;
static struct seal_ring ring;

/* ---- the racks: what they are told and what they answer ---- */

static char orders[8][64]; /* "on UUID" */
static int orders_count;
static enum error_code answer; /* of the next orders */
static void (*meanwhile)(void);

enum error_code rack_door_power(const struct rack_power_order *order, const char **power,
                                struct error *err)
{
    static char word[8];
    assert_true(orders_count < 8);
    snprintf(orders[orders_count++], sizeof(orders[0]), "%s %s", order->action, order->request);
    if (meanwhile)
        meanwhile();
    if (answer)
        return error_set(err, answer, "no rack reaches the BMC");
    snprintf(word, sizeof(word), "%s", order->action);
    *power = word;
    return ERR_OK;
}

void rack_door_note(const char *method, json_t *params)
{
    (void)method, (void)params;
}

/* ---- the database ---- */

static void run_sql(const char *sql)
{
    struct error err = {0};
    if (db_script(other, sql, &err))
        fail_msg("%s", err.text);
}

static const char *read_text(const char *sql)
{
    /* prepared by its place: a new one for each text */
    struct error err = {0};
    struct db *fresh = db_new(postgres.conninfo);
    struct db_statement statement = {"read_text", sql};
    struct db_rows rows = {0};
    if (db_query(fresh, &statement, DB_NO_PARAMS, &rows, &err) || rows.count != 1)
        fail_msg("%s: %s", sql, err.text);
    const char *text = db_text(&rows, 0, 0) ? arena_strdup(arena, db_text(&rows, 0, 0)) : "";
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
    other = db_new(postgres.conninfo);
    return db_migrate(db, NULL, &err);
}

static int tear_down(void **state)
{
    (void)state;
    db_free(db);
    db_free(other);
    temp_postgres_stop(&postgres);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    arena = arena_new();
    orders_count = 0;
    answer = ERR_OK;
    meanwhile = NULL;
    run_sql("DELETE FROM node; INSERT INTO node (system_id, hostname, domain_id, zone_id, pool_id, "
            "power_type, status) VALUES ('abc123', 'box', 0, 1, 0, 'ipmi', 4); "
            "DELETE FROM event");
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

struct wish {
    int to;
    const char *operation;
};

static enum error_code wish_for(struct db *in, void *subject, struct error *err)
{
    const struct wish *wish = subject;
    struct machine *list;
    int count;
    const char *id = "abc123";
    struct machine_life life = {in, arena, &ring, "admin"};
    enum error_code code =
        machine_store_list(in, db_array(arena, &id, 1), arena, &list, &count, err);
    return code ? code : machine_life_begin(&life, &list[0], wish->to, wish->operation, err);
}

static void ask(int to, const char *operation)
{
    struct wish wish = {to, operation};
    struct error err = {0};
    if (db_transact(db, DB_WRITE, wish_for, &wish, &err))
        fail_msg("%s", err.text);
}

struct claimed {
    struct operation list[4];
    int count;
    const char *worker;
    int patience_s;
};

static enum error_code take(struct db *in, void *subject, struct error *err)
{
    struct claimed *claimed = subject;
    struct operation_claim wanted = {claimed->worker, 12, 4, claimed->patience_s};
    return operation_claim(in, &wanted, claimed->list, &claimed->count, arena, err);
}

static struct claimed claim_as(const char *worker)
{
    struct claimed claimed = {.worker = worker};
    struct error err = {0};
    if (db_transact(db, DB_WRITE, take, &claimed, &err))
        fail_msg("%s", err.text);
    return claimed;
}

static bool go_on(void *subject)
{
    (void)subject;
    return true;
}

static void carry_out(struct operation *operation)
{
    struct operation_run run = {
        .db = db, .arena = arena, .ring = &ring, .order_timeout_ms = 1000, .go_on = go_on};
    operation_run(&run, operation);
}

/* ---- tests ---- */

static void off_then_on_each_with_an_id_of_its_own(void **state)
{
    (void)state;
    ask(MACHINE_COMMISSIONING, "commission");
    struct claimed claimed = claim_as("region1");
    assert_int_equal(claimed.count, 1);
    assert_string_equal(read_text("SELECT order_id FROM operation"), claimed.list[0].order_id);
    carry_out(&claimed.list[0]);
    assert_int_equal(orders_count, 2);
    assert_true(!strncmp(orders[0], "off ", 4) && !strncmp(orders[1], "on ", 3));
    assert_string_not_equal(orders[0] + 4, orders[1] + 3);
    assert_string_equal(read_text("SELECT ended IS NOT NULL AND claimed_until IS NULL AND "
                                  "error IS NULL FROM operation"),
                        "t");
    assert_string_equal(read_text("SELECT status || ' ' || power_state FROM node"), "1 on");
}

static void release_ends_in_ready(void **state)
{
    (void)state;
    run_sql("UPDATE node SET status = 6, previous_status = 9, netboot = false");
    ask(MACHINE_RELEASING, "release");
    struct claimed claimed = claim_as("region1");
    carry_out(&claimed.list[0]);
    assert_int_equal(orders_count, 1);
    assert_string_equal(read_text("SELECT status || ' ' || netboot FROM node"), "4 true");
    assert_string_equal(read_text("SELECT count(*) FROM api_token WHERE system_id = 'abc123'"),
                        "1");
}

/* The worker's region died with the order on its way: another gives the same one. */
static void a_lapsed_claim_goes_on_with_the_same_order(void **state)
{
    (void)state;
    ask(MACHINE_COMMISSIONING, "commission");
    struct claimed first = claim_as("region1");
    assert_int_equal(claim_as("region2").count, 0);
    run_sql("UPDATE operation SET claimed_until = now() - interval '1 s'");
    struct claimed second = claim_as("region2");
    assert_int_equal(second.count, 1);
    assert_string_equal(first.list[0].order_id, second.list[0].order_id);
    carry_out(&second.list[0]);
    assert_int_equal(orders_count, 2);
    /* the first comes back to life: what it hears now is old */
    carry_out(&first.list[0]);
    assert_int_equal(orders_count, 3);
    assert_string_equal(orders[2], orders[0]);
    assert_string_equal(read_text("SELECT count(*) FROM event WHERE type = 'NODE_CHANGED_STATUS'"),
                        "1");
}

static void fail_the_next(void)
{
    meanwhile = NULL;
    if (orders_count == 1)
        meanwhile = fail_the_next;
    answer = orders_count == 2 ? ERR_UNAVAILABLE : ERR_OK;
}

/* What is recorded fails at its COMMIT once, for each step: it is recorded again, not twice. */
static void a_commit_that_fails_counts_for_nothing(void **state)
{
    (void)state;
    ask(MACHINE_COMMISSIONING, "commission");
    struct claimed claimed = claim_as("region1");
    run_sql("CREATE SEQUENCE hiccup; CREATE FUNCTION hiccup() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF nextval('hiccup') % 3 = 1 THEN RAISE EXCEPTION USING ERRCODE = '40001'; "
            "END IF; RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER hiccup AFTER UPDATE ON "
            "operation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hiccup()");
    carry_out(&claimed.list[0]);
    run_sql("DROP TRIGGER hiccup ON operation; DROP FUNCTION hiccup; DROP SEQUENCE hiccup");
    assert_int_equal(orders_count, 2);
    assert_true(!strncmp(orders[0], "off ", 4) && !strncmp(orders[1], "on ", 3));
    assert_string_equal(read_text("SELECT ended IS NOT NULL FROM operation"), "t");
    assert_string_equal(read_text("SELECT power_state FROM node"), "on");
}

/* One that was thought dead hears of its "off" when the other is at "on": that is old. */
static void an_old_answer_changes_nothing(void **state)
{
    (void)state;
    ask(MACHINE_COMMISSIONING, "commission");
    struct claimed first = claim_as("region1");
    run_sql("UPDATE operation SET claimed_until = now() - interval '1 s'");
    struct claimed second = claim_as("region2");
    meanwhile = fail_the_next;
    carry_out(&second.list[0]);
    assert_string_equal(read_text("SELECT step || attempt FROM operation"), "on1");
    answer = ERR_OK;
    carry_out(&first.list[0]);
    assert_int_equal(orders_count, 3);
    assert_string_equal(read_text("SELECT step || attempt FROM operation"), "on1");
    assert_string_equal(read_text("SELECT power_state FROM node"), "error");
}

static void abort_it(void)
{
    meanwhile = NULL;
    struct db *mine = db;
    db = other;
    ask(MACHINE_RELEASING, "release");
    db = mine;
}

/* The newer wish waits for the order that is on its way, whose outcome changes no status. */
static void a_newer_wish_ends_the_older(void **state)
{
    (void)state;
    run_sql("UPDATE node SET status = 10");
    ask(MACHINE_DEPLOYING, "deploy");
    struct claimed claimed = claim_as("region1");
    ask(MACHINE_RELEASING, "release");
    assert_int_equal(claim_as("region2").count, 0);
    carry_out(&claimed.list[0]);
    assert_int_equal(orders_count, 1); /* no "on" any more */
    claimed = claim_as("region2");
    assert_int_equal(claimed.count, 1);
    assert_string_equal(claimed.list[0].kind, "release");
    carry_out(&claimed.list[0]);
    assert_string_equal(read_text("SELECT status FROM node"), "4");
}

static void a_wish_while_the_order_is_out(void **state)
{
    (void)state;
    run_sql("UPDATE node SET status = 10");
    ask(MACHINE_DEPLOYING, "deploy");
    struct claimed claimed = claim_as("region1");
    meanwhile = abort_it;
    carry_out(&claimed.list[0]);
    assert_int_equal(orders_count, 1);
    assert_string_equal(read_text("SELECT status FROM node"), "12");
    assert_string_equal(read_text("SELECT kind FROM operation WHERE ended IS NULL"), "release");
}

static void failures_are_tried_again_and_end(void **state)
{
    (void)state;
    answer = ERR_UNAVAILABLE;
    ask(MACHINE_COMMISSIONING, "commission");
    char last[64] = "";
    for (int i = 0; i < 6; i++) {
        struct claimed claimed = claim_as("region1");
        assert_int_equal(claimed.count, 1);
        carry_out(&claimed.list[0]);
        assert_string_not_equal(orders[i], last); /* a new order each time */
        memcpy(last, orders[i], sizeof(last));
        assert_int_equal(claim_as("region1").count, 0); /* it waits */
        run_sql("UPDATE operation SET not_before = now()");
    }
    assert_string_equal(read_text("SELECT status || ' ' || error_description FROM node"),
                        "2 failed to start commissioning: no rack reaches the BMC");
    assert_int_equal(claim_as("region1").count, 0);
}

/* A region without racks lets others go first, and not for ever. */
static void who_has_no_racks_waits(void **state)
{
    struct error err = {0};
    struct claimed patient = {.worker = "region3", .patience_s = 10};
    (void)state;
    ask(MACHINE_COMMISSIONING, "commission");
    assert_int_equal(db_transact(db, DB_WRITE, take, &patient, &err), ERR_OK);
    assert_int_equal(patient.count, 0);
    run_sql("UPDATE operation SET not_before = now() - interval '11 s'");
    assert_int_equal(db_transact(db, DB_WRITE, take, &patient, &err), ERR_OK);
    assert_int_equal(patient.count, 1);
}

static void an_unknown_outcome_keeps_the_order(void **state)
{
    (void)state;
    answer = ERR_UNKNOWN_OUTCOME;
    ask(MACHINE_COMMISSIONING, "commission");
    struct claimed claimed = claim_as("region1");
    carry_out(&claimed.list[0]);
    run_sql("UPDATE operation SET not_before = now()");
    answer = ERR_OK;
    claimed = claim_as("region2");
    carry_out(&claimed.list[0]);
    assert_string_equal(orders[0], orders[1]);
    assert_int_equal(orders_count, 3);
}

static void a_bmc_that_refuses_is_not_asked_again(void **state)
{
    (void)state;
    answer = ERR_FORBIDDEN;
    run_sql("UPDATE node SET status = 6");
    ask(MACHINE_RELEASING, "release");
    struct claimed claimed = claim_as("region1");
    carry_out(&claimed.list[0]);
    assert_int_equal(orders_count, 1);
    assert_string_equal(read_text("SELECT status FROM node"), "13");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(off_then_on_each_with_an_id_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(release_ends_in_ready, begin, end),
        cmocka_unit_test_setup_teardown(a_lapsed_claim_goes_on_with_the_same_order, begin, end),
        cmocka_unit_test_setup_teardown(a_commit_that_fails_counts_for_nothing, begin, end),
        cmocka_unit_test_setup_teardown(an_old_answer_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_newer_wish_ends_the_older, begin, end),
        cmocka_unit_test_setup_teardown(a_wish_while_the_order_is_out, begin, end),
        cmocka_unit_test_setup_teardown(failures_are_tried_again_and_end, begin, end),
        cmocka_unit_test_setup_teardown(who_has_no_racks_waits, begin, end),
        cmocka_unit_test_setup_teardown(an_unknown_outcome_keeps_the_order, begin, end),
        cmocka_unit_test_setup_teardown(a_bmc_that_refuses_is_not_asked_again, begin, end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
