/* Calls of racks on threads with a real PostgreSQL. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/region/rack_pool.h"
#include "test/lib/temp_postgres.h"

static struct temp_postgres postgres;
static struct loop loop;
static struct rack_pool *pool;
static atomic_bool valid;
static atomic_int slow_runs;

static int answers;
static struct error last;
static int64_t number;

static enum error_code add_one(const struct rack_peer *peer, struct db *db, json_t *params,
                               struct arena *arena, json_t **result, struct error *err)
{
    DB_STATEMENT(insert, "INSERT INTO told (rack, n) VALUES ($1, $2) RETURNING n + 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    int64_t n = json_integer_value(json_object_get(params, "n"));
    enum error_code code =
        db_query(db, &insert, DB_PARAMS(peer->name, db_number(arena, n)), &rows, err);
    if (!code)
        *result = json_pack("{sI}", "n", (json_int_t)db_int(&rows, 0, 0));
    if (!code && n < 0)
        code = error_set(err, ERR_CONFLICT, "less than nothing");
    return code;
}

static enum error_code count_all(const struct rack_peer *peer, struct db *db, json_t *params,
                                 struct arena *arena, json_t **result, struct error *err)
{
    DB_STATEMENT(count, "SELECT count(*) FROM told");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    (void)peer, (void)params, (void)arena;
    enum error_code code = db_query(db, &count, DB_NO_PARAMS, &rows, err);
    if (!code)
        *result = json_pack("{sI}", "n", (json_int_t)db_int(&rows, 0, 0));
    return code;
}

static enum error_code be_slow(const struct rack_peer *peer, struct db *db, json_t *params,
                               struct arena *arena, json_t **result, struct error *err)
{
    (void)peer, (void)db, (void)params, (void)arena, (void)result, (void)err;
    slow_runs++;
    usleep(200000);
    return ERR_OK;
}

/* As at a primary whose host is gone: no answer for longer than anybody waits. */
static enum error_code hang(const struct rack_peer *peer, struct db *db, json_t *params,
                            struct arena *arena, json_t **result, struct error *err)
{
    DB_STATEMENT(sleep, "SELECT pg_sleep(15)");
    (void)peer, (void)params, (void)arena, (void)result;
    slow_runs++;
    return db_query(db, &sleep, DB_NO_PARAMS, NULL, err);
}

static const struct rack_call_row hang_row = {"hang", DB_READ, hang};
static const struct rack_call_row add_row = {"add", DB_WRITE, add_one};
static const struct rack_call_row count_row = {"count", DB_READ, count_all};
static const struct rack_call_row slow_row = {"slow", DB_READ, be_slow};

static bool epoch_valid(void *subject, uint64_t epoch)
{
    (void)subject;
    assert_int_equal(epoch, 7);
    return valid;
}

static void on_done(void *subject, json_t *result, const struct error *why)
{
    (void)subject;
    answers++;
    last = *why;
    number = json_integer_value(json_object_get(result, "n"));
    assert_int_equal(result == NULL, why->code != ERR_OK);
}

static void run(const struct rack_call_row *row, int n)
{
    struct rack_peer peer = {.name = "rack1"};
    json_t *params = json_pack("{si}", "n", n);
    struct rack_pool_call call = {row, &peer, params};
    rack_pool_run(pool, &call, on_done, NULL);
    json_decref(params);
}

static void turn_until(int count)
{
    uint64_t end = clock_boot_ns() + 20 * CLOCK_S;
    while (answers < count) {
        assert_true(clock_boot_ns() < end);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(500);
    }
}

static int set_up(void **unused)
{
    (void)unused;
    struct rack_pool_setup setup = {.loop = &loop, .epoch_valid = epoch_valid};
    loop_init(&loop);
    answers = 0;
    valid = true;
    pool = rack_pool_start(&setup);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    rack_pool_stop(pool);
    loop_close(&loop);
    return 0;
}

static void test_without_a_primary(void **unused)
{
    (void)unused;
    run(&add_row, 1);
    assert_int_equal(answers, 0); /* never from within */
    turn_until(1);
    assert_int_equal(last.code, ERR_UNAVAILABLE);
    rack_pool_primary(pool, postgres.conninfo, 7);
    run(&add_row, 1);
    turn_until(2);
    assert_int_equal(last.code, ERR_OK);
    assert_int_equal(number, 2);
    rack_pool_primary(pool, NULL, 8);
    run(&add_row, 1);
    turn_until(3);
    assert_int_equal(last.code, ERR_UNAVAILABLE);
}

static void test_another_primary_breaks_what_waits_for_the_old_one(void **unused)
{
    (void)unused;
    slow_runs = 0;
    rack_pool_primary(pool, postgres.conninfo, 7);
    uint64_t began = clock_boot_ns();
    run(&hang_row, 1);
    while (!slow_runs)
        usleep(500);
    usleep(50000); /* it is in the statement now */
    rack_pool_primary(pool, NULL, 8);
    turn_until(1);
    assert_int_equal(last.code, ERR_UNAVAILABLE);
    assert_int_equal(slow_runs, 1);
    assert_true(clock_boot_ns() - began < 5 * CLOCK_S);
    rack_pool_primary(pool, postgres.conninfo, 7);
    run(&add_row, 1);
    turn_until(2);
    assert_int_equal(last.code, ERR_OK);
}

static void test_an_error_rolls_back(void **unused)
{
    (void)unused;
    rack_pool_primary(pool, postgres.conninfo, 7);
    run(&count_row, 0);
    turn_until(1);
    int64_t before = number;
    run(&add_row, -5);
    turn_until(2);
    assert_int_equal(last.code, ERR_CONFLICT);
    assert_string_equal(last.text, "less than nothing");
    run(&count_row, 0);
    turn_until(3);
    assert_int_equal(number, before);
}

static void test_a_read_of_an_old_primary_is_not_told(void **unused)
{
    (void)unused;
    rack_pool_primary(pool, postgres.conninfo, 7);
    valid = false;
    run(&count_row, 0);
    turn_until(1);
    assert_int_equal(last.code, ERR_UNAVAILABLE);
    valid = true;
    run(&count_row, 0);
    turn_until(2);
    assert_int_equal(last.code, ERR_OK);
}

static void test_stop_answers_what_waits(void **unused)
{
    (void)unused;
    rack_pool_primary(pool, postgres.conninfo, 7);
    for (int i = 0; i < 20; i++)
        run(&slow_row, i);
    usleep(100000);
    rack_pool_stop(pool);
    turn_until(20);
    assert_true(slow_runs >= 1 && slow_runs < 20);
    assert_int_equal(last.code, ERR_UNAVAILABLE);
    struct rack_pool_setup setup = {.loop = &loop};
    pool = rack_pool_start(&setup);
}

static int start_postgres(void **unused)
{
    (void)unused;
    struct error err;
    temp_postgres_start(&postgres);
    struct db *db = db_new(postgres.conninfo);
    enum error_code code = db_script(db, "CREATE TABLE told (rack text, n bigint)", &err);
    db_free(db);
    return code ? -1 : 0;
}

static int stop_postgres(void **unused)
{
    (void)unused;
    temp_postgres_stop(&postgres);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_without_a_primary),       T(test_another_primary_breaks_what_waits_for_the_old_one),
        T(test_an_error_rolls_back),     T(test_a_read_of_an_old_primary_is_not_told),
        T(test_stop_answers_what_waits),
    };
    return cmocka_run_group_tests(tests, start_postgres, stop_postgres);
}
