/* The database client against a real PostgreSQL. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/db/db.h"
#include "test/lib/temp_postgres.h"

static struct temp_postgres postgres;
static struct db *db;

static int start(void **unused)
{
    (void)unused;
    temp_postgres_start(&postgres);
    db = db_new(postgres.conninfo);
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    db_free(db);
    temp_postgres_stop(&postgres);
    return 0;
}

static void script(const char *sql)
{
    struct error err = {0};
    if (db_script(db, sql, &err))
        fail_msg("%s", err.text);
}

static int64_t number(const char *what)
{
    static struct db_statement one;
    static char name[64];
    struct error err = {0};
    struct db *other = db_new(postgres.conninfo);
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    snprintf(name, sizeof(name), "%.60s", what);
    one = (struct db_statement){name, what};
    if (db_query(other, &one, DB_NO_PARAMS, &rows, &err))
        fail_msg("%s", err.text);
    int64_t value = db_int(&rows, 0, 0);
    db_free(other);
    return value;
}

static void test_values(void **unused)
{
    (void)unused;
    DB_STATEMENT(values, "SELECT $1::text, $2::bigint, $3::boolean, $4::text[] "
                         "= ARRAY['a\"b', 'c\\d,e', ''], $5::text");
    struct arena *arena = arena_new();
    struct error err = {0};
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *texts[] = {"a\"b", "c\\d,e", ""};
    for (int i = 0; i < 3; i++) { /* prepared once, then reused */
        int code = db_query(
            db, &values,
            DB_PARAMS("tëxt", db_number(arena, INT64_MIN), "true", db_array(arena, texts, 3), NULL),
            &rows, &err);
        assert_int_equal(code, ERR_OK);
        assert_int_equal(rows.count, 1);
        assert_string_equal(db_text(&rows, 0, 0), "tëxt");
        assert_true(db_int(&rows, 0, 1) == INT64_MIN);
        assert_true(db_bool(&rows, 0, 2));
        assert_true(db_bool(&rows, 0, 3));
        assert_true(db_is_null(&rows, 0, 4));
        assert_null(db_text(&rows, 0, 4));
    }
    arena_free(arena);
}

static enum error_code ask_all(struct db *other, void *subject, struct error *err)
{
    DB_STATEMENT(all_one, "SELECT $1::int + 1");
    DB_STATEMENT(all_many, "SELECT * FROM generate_series(1, $1::int) ORDER BY 1");
    DB_STATEMENT(all_wrong, "SELECT 1 / $1::int");
    struct db_params params = DB_PARAMS("3"), zero = DB_PARAMS("0");
    const bool *wrong = subject;
    const struct db_ask asks[] = {
        {&all_one, params}, {&all_wrong, *wrong ? zero : params}, {&all_many, params}};
    struct db_rows rows[3] = {{0}};
    enum error_code code = db_query_all(other, asks, 3, rows, err);
    assert_true(rows[0].count == 1 && db_int(&rows[0], 0, 0) == 4);
    if (!code)
        assert_true(rows[2].count == 3 && db_int(&rows[2], 2, 0) == 3);
    for (int i = 0; i < 3; i++)
        db_rows_close(&rows[i]);
    return code;
}

/* Several statements in one round trip: new and prepared ones, with BEGIN and without, one wrong.
 */
static void test_all_at_once(void **unused)
{
    (void)unused;
    struct error err = {0};
    bool wrong = false;
    struct db *other = db_new(postgres.conninfo);
    assert_int_equal(ask_all(other, &wrong, &err), ERR_OK);
    assert_int_equal(db_transact(other, DB_READ, ask_all, &wrong, &err), ERR_OK);
    for (wrong = true;; wrong = false) {
        int expected = wrong ? ERR_BAD_INPUT : ERR_OK;
        assert_int_equal(ask_all(other, &wrong, &err), expected);
        assert_int_equal(db_transact(other, DB_WRITE, ask_all, &wrong, &err), expected);
        if (!wrong)
            break;
    }
    db_free(other);
    other = db_new(postgres.conninfo); /* the error meets statements that are not yet prepared */
    wrong = true;
    assert_int_equal(ask_all(other, &wrong, &err), ERR_BAD_INPUT);
    wrong = false;
    assert_int_equal(db_transact(other, DB_READ, ask_all, &wrong, &err), ERR_OK);
    db_free(other);
}

struct sample {
    const char *name, *extra;
    int64_t count;
    bool on;
    struct field_opt_int parent;
};

static void test_map(void **unused)
{
    (void)unused;
    static const struct field fields[] = {
        FIELD(struct sample, name, FIELD_TEXT, 0, ""),
        FIELD(struct sample, extra, FIELD_JSON, 0, ""),
        FIELD(struct sample, count, FIELD_INT, 0, ""),
        FIELD(struct sample, on, FIELD_BOOL, 0, ""),
        FIELD(struct sample, parent, FIELD_OPT_INT, 0, ""),
    };
    DB_STATEMENT(sample, "SELECT 't'::boolean AS \"on\", 'n' AS name, NULL::jsonb AS extra, "
                         "NULL::int AS count, 7 AS parent");
    struct sample out = {.count = 0};
    struct arena *arena = arena_new();
    struct error err = {0};
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    assert_int_equal(db_query(db, &sample, DB_NO_PARAMS, &rows, &err), ERR_OK);
    db_map(&rows, 0, fields, COUNT_OF(fields), &out, arena);
    assert_string_equal(out.name, "n");
    assert_null(out.extra);
    assert_int_equal(out.count, 0);
    assert_true(out.on);
    assert_true(out.parent.set && out.parent.value == 7);
    arena_free(arena);
}

static void test_error_codes(void **unused)
{
    (void)unused;
    script("CREATE TABLE thing (id int CONSTRAINT thing_key PRIMARY KEY, name text NOT NULL, "
           "parent int CONSTRAINT thing_parent REFERENCES thing, "
           "CONSTRAINT thing_positive CHECK (id > 0))");
    DB_STATEMENT(insert, "INSERT INTO thing (id, name, parent) VALUES ($1, $2, $3)");
    DB_STATEMENT(wrong, "SELECT nothing FROM nowhere");
    struct error err = {0};
    assert_int_equal(db_query(db, &insert, DB_PARAMS("1", "a", NULL), NULL, &err), ERR_OK);
    assert_int_equal(db_query(db, &insert, DB_PARAMS("1", "a", NULL), NULL, &err), ERR_CONFLICT);
    assert_string_equal(db_constraint(db), "thing_key");
    assert_int_equal(db_query(db, &insert, DB_PARAMS("2", "a", "9"), NULL, &err), ERR_CONFLICT);
    assert_string_equal(db_constraint(db), "thing_parent");
    assert_int_equal(db_query(db, &insert, DB_PARAMS("0", "a", NULL), NULL, &err), ERR_BAD_INPUT);
    assert_string_equal(db_constraint(db), "thing_positive");
    assert_int_equal(db_query(db, &insert, DB_PARAMS("2", NULL, NULL), NULL, &err), ERR_BAD_INPUT);
    assert_int_equal(db_query(db, &insert, DB_PARAMS("x", "a", NULL), NULL, &err), ERR_BAD_INPUT);
    assert_int_equal(db_query(db, &insert, DB_PARAMS("2", "\xff", NULL), NULL, &err),
                     ERR_BAD_INPUT);
    assert_int_equal(db_query(db, &wrong, DB_NO_PARAMS, NULL, &err), ERR_INTERNAL);
    assert_false(db_lost(db));
    script("DROP TABLE thing");
}

/* Two transactions that each read what the other writes: one must run again. */
struct skew {
    int runs;
    struct db *other;
};

static enum error_code other_writes(struct db *mine, void *subject, struct error *err)
{
    DB_STATEMENT(other_reads, "SELECT sum(amount) FROM account_test WHERE id = 1");
    DB_STATEMENT(other_updates, "UPDATE account_test SET amount = amount + 10 WHERE id = 2");
    (void)subject;
    enum error_code code = db_query(mine, &other_reads, DB_NO_PARAMS, NULL, err);
    return code ? code : db_query(mine, &other_updates, DB_NO_PARAMS, NULL, err);
}

static enum error_code skewed(struct db *mine, void *subject, struct error *err)
{
    DB_STATEMENT(mine_reads, "SELECT sum(amount) FROM account_test WHERE id = 2");
    DB_STATEMENT(mine_updates, "UPDATE account_test SET amount = amount + 1 WHERE id = 1");
    struct skew *skew = subject;
    skew->runs++;
    enum error_code code = db_query(mine, &mine_reads, DB_NO_PARAMS, NULL, err);
    if (!code && skew->runs == 1)
        code = db_transact(skew->other, DB_WRITE, other_writes, NULL, err);
    return code ? code : db_query(mine, &mine_updates, DB_NO_PARAMS, NULL, err);
}

static void test_serialization_failure_runs_again(void **unused)
{
    (void)unused;
    script("CREATE TABLE account_test (id int PRIMARY KEY, amount int);"
           "INSERT INTO account_test VALUES (1, 0), (2, 0)");
    struct error err = {0};
    struct skew skew = {.other = db_new(postgres.conninfo)};
    assert_int_equal(db_transact(db, DB_WRITE, skewed, &skew, &err), ERR_OK);
    assert_int_equal(skew.runs, 2);
    assert_int_equal(number("SELECT amount FROM account_test WHERE id = 1"), 1);
    assert_int_equal(number("SELECT amount FROM account_test WHERE id = 2"), 10);
    db_free(skew.other);
    script("DROP TABLE account_test");
}

static enum error_code fails(struct db *mine, void *subject, struct error *err)
{
    (void)subject;
    enum error_code code = db_script(mine, "CREATE TABLE never (x int)", err);
    return code ? code : error_set(err, ERR_NOT_FOUND, "no such thing");
}

static void test_error_of_body_rolls_back(void **unused)
{
    (void)unused;
    struct error err = {0};
    assert_int_equal(db_transact(db, DB_WRITE, fails, NULL, &err), ERR_NOT_FOUND);
    assert_string_equal(err.text, "no such thing");
    assert_int_equal(number("SELECT count(*) FROM pg_class WHERE relname = 'never'"), 0);
}

struct collect {
    int64_t sum;
    int stop_at;
};

static enum error_code add_row(void *subject, const struct db_rows *rows, struct error *err)
{
    struct collect *collect = subject;
    collect->sum += db_int(rows, 0, 0);
    if (collect->stop_at && db_int(rows, 0, 0) == collect->stop_at)
        return error_set(err, ERR_LIMIT, "enough");
    return ERR_OK;
}

DB_STATEMENT(series, "SELECT generate_series(1, $1::int)");

static enum error_code each_twice(struct db *mine, void *subject, struct error *err)
{
    enum error_code code = db_each(mine, &series, DB_PARAMS("10"), add_row, subject, err);
    return code ? code : db_each(mine, &series, DB_PARAMS("10"), add_row, subject, err);
}

static void test_each(void **unused)
{
    (void)unused;
    DB_STATEMENT(divides, "SELECT 10 / (3 - x) FROM generate_series(1, 5) AS x");
    struct error err = {0};
    struct collect all = {0}, some = {.stop_at = 3};
    assert_int_equal(db_each(db, &series, DB_PARAMS("1000"), add_row, &all, &err), ERR_OK);
    assert_true(all.sum == 500500);
    assert_int_equal(db_each(db, &series, DB_PARAMS("1000"), add_row, &some, &err), ERR_LIMIT);
    assert_true(some.sum == 6);
    assert_int_equal(db_each(db, &divides, DB_NO_PARAMS, add_row, &all, &err), ERR_BAD_INPUT);
    all.sum = 0; /* with BEGIN in front, and as a second statement */
    assert_int_equal(db_transact(db, DB_READ, each_twice, &all, &err), ERR_OK);
    assert_true(all.sum == 110);
}

struct broken {
    int runs;
    bool every_time;
};

static enum error_code loses_connection(struct db *mine, void *subject, struct error *err)
{
    DB_STATEMENT(suicide, "SELECT pg_terminate_backend(pg_backend_pid())");
    DB_STATEMENT(note, "INSERT INTO noted VALUES (1)");
    struct broken *broken = subject;
    broken->runs++;
    enum error_code code = db_query(mine, &note, DB_NO_PARAMS, NULL, err);
    if (!code && (broken->runs == 1 || broken->every_time)) {
        code = db_query(mine, &suicide, DB_NO_PARAMS, NULL, err);
        /* what comes after a broken connection must not run outside of the transaction */
        assert_int_equal(db_query(mine, &note, DB_NO_PARAMS, NULL, err), ERR_UNAVAILABLE);
    }
    return code;
}

static void test_broken_before_commit_runs_again(void **unused)
{
    (void)unused;
    struct error err = {0};
    struct broken once = {0}, always = {.every_time = true};
    script("CREATE TABLE noted (x int)");
    assert_int_equal(db_transact(db, DB_WRITE, loses_connection, &once, &err), ERR_OK);
    assert_int_equal(once.runs, 2);
    assert_int_equal(number("SELECT count(*) FROM noted"), 1);
    assert_int_equal(db_transact(db, DB_WRITE, loses_connection, &always, &err), ERR_UNAVAILABLE);
    assert_int_equal(always.runs, DB_TRIES);
    assert_true(db_lost(db));
    assert_int_equal(number("SELECT count(*) FROM noted"), 1);
    script("DROP TABLE noted");
    assert_false(db_lost(db));
}

static enum error_code insert_doomed(struct db *mine, void *subject, struct error *err)
{
    DB_STATEMENT(doom, "INSERT INTO doomed VALUES (1)");
    (*(int *)subject)++;
    return db_query(mine, &doom, DB_NO_PARAMS, NULL, err);
}

static void test_lost_answer_to_commit(void **unused)
{
    (void)unused;
    struct error err = {0};
    int runs = 0;
    /* a deferred trigger runs inside COMMIT */
    script("CREATE TABLE doomed (x int);"
           "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
           "$$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END$$;"
           "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON doomed DEFERRABLE INITIALLY DEFERRED "
           "FOR EACH ROW EXECUTE FUNCTION die()");
    assert_int_equal(db_transact(db, DB_WRITE, insert_doomed, &runs, &err), ERR_UNKNOWN_OUTCOME);
    assert_int_equal(runs, 1); /* never run again by itself */
    assert_true(db_lost(db));
    script("DROP TABLE doomed; DROP FUNCTION die");
}

static void test_warning_at_commit(void **unused)
{
    (void)unused;
    struct error err = {0};
    int runs = 0;
    /* as when a wait for standbys is cancelled: COMMIT succeeds with a WARNING */
    script("CREATE TABLE doomed (x int);"
           "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS "
           "$$BEGIN RAISE WARNING 'not acknowledged'; RETURN NULL; END$$;"
           "CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON doomed DEFERRABLE INITIALLY DEFERRED "
           "FOR EACH ROW EXECUTE FUNCTION warn()");
    assert_int_equal(db_transact(db, DB_WRITE, insert_doomed, &runs, &err), ERR_UNKNOWN_OUTCOME);
    script("DROP TABLE doomed; DROP FUNCTION warn");
}

static enum error_code two_reads(struct db *mine, void *subject, struct error *err)
{
    DB_STATEMENT(read_rows, "SELECT count(*) FROM snapshot_test");
    int64_t *counts = subject;
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(mine, &read_rows, DB_NO_PARAMS, &rows, err);
    if (code)
        return code;
    counts[0] = db_int(&rows, 0, 0);
    number("INSERT INTO snapshot_test VALUES (1) RETURNING x");
    code = db_query(mine, &read_rows, DB_NO_PARAMS, &rows, err);
    counts[1] = code ? -1 : db_int(&rows, 0, 0);
    return code;
}

static enum error_code writes(struct db *mine, void *subject, struct error *err)
{
    DB_STATEMENT(write_row, "INSERT INTO snapshot_test VALUES (1)");
    (void)subject;
    return db_query(mine, &write_row, DB_NO_PARAMS, NULL, err);
}

static void test_read_is_one_snapshot(void **unused)
{
    (void)unused;
    struct error err = {0};
    int64_t counts[2] = {-1, -1};
    script("CREATE TABLE snapshot_test (x int)");
    for (int i = 0; i < 3; i++) { /* the answer to COMMIT is taken by the next use */
        assert_int_equal(db_transact(db, DB_READ, two_reads, counts, &err), ERR_OK);
        assert_true(counts[0] == i && counts[1] == i);
    }
    assert_int_equal(db_transact(db, DB_READ, writes, NULL, &err), ERR_INTERNAL);
    assert_false(db_lost(db));
    assert_int_equal(number("SELECT count(*) FROM snapshot_test"), 3);
    assert_int_equal(number("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"),
                     0);
    script("DROP TABLE snapshot_test");
}

static void test_standby_is_unavailable(void **unused)
{
    (void)unused;
    struct error err = {0};
    int runs = 0;
    script("CREATE TABLE doomed (x int)");
    script("SET default_transaction_read_only = on");
    assert_int_equal(db_transact(db, DB_WRITE, insert_doomed, &runs, &err), ERR_UNAVAILABLE);
    assert_true(db_lost(db));
    assert_int_equal(runs, 1);
    script("SET default_transaction_read_only = off");
    script("DROP TABLE doomed");
}

static void test_redirect_and_nobody_there(void **unused)
{
    (void)unused;
    DB_STATEMENT(one, "SELECT 1");
    struct error err = {0};
    struct db *mine = db_new("host=/nonexistent dbname=postgres user=x");
    assert_int_equal(db_query(mine, &one, DB_NO_PARAMS, NULL, &err), ERR_UNAVAILABLE);
    assert_true(db_lost(mine));
    db_redirect(mine, postgres.conninfo);
    assert_int_equal(db_query(mine, &one, DB_NO_PARAMS, NULL, &err), ERR_OK);
    assert_false(db_lost(mine));
    db_free(mine);
}

/* ---- a primary that was superseded ---- */

static void *break_soon(void *subject)
{
    usleep(100000);
    db_break(subject);
    return NULL;
}

static int sleeps;

static enum error_code sleep_long(struct db *one, void *subject, struct error *err)
{
    DB_STATEMENT(nap, "SELECT pg_sleep(20)");
    (void)subject;
    sleeps++;
    return db_query(one, &nap, DB_NO_PARAMS, NULL, err);
}

static void test_break_ends_a_statement_for_good(void **unused)
{
    (void)unused;
    struct db *one = db_new(postgres.conninfo);
    struct error err = {0};
    pthread_t breaker;
    uint64_t began = clock_boot_ns();
    assert_int_equal(pthread_create(&breaker, NULL, break_soon, one), 0);
    assert_int_equal(db_transact(one, DB_READ, sleep_long, NULL, &err), ERR_UNAVAILABLE);
    pthread_join(breaker, NULL);
    assert_true(db_lost(one));
    assert_int_equal(sleeps, 1); /* not again at the same one */
    assert_int_equal(db_ready(one, &err), ERR_UNAVAILABLE);
    assert_true(clock_boot_ns() - began < 3 * CLOCK_S);
    db_redirect(one, postgres.conninfo);
    assert_int_equal(db_ready(one, &err), ERR_OK);
    db_free(one);
}

/* Takes connections and says nothing: a frozen one, or one whose host is gone. */
static int listen_silently(char conninfo[64])
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&where, &size), 0);
    snprintf(conninfo, 64, "host=127.0.0.1 port=%d user=x dbname=x", ntohs(where.sin_port));
    return fd;
}

static void test_break_ends_a_dial(void **unused)
{
    (void)unused;
    char conninfo[64];
    int silent = listen_silently(conninfo);
    struct db *one = db_new(conninfo);
    struct error err = {0};
    pthread_t breaker;
    uint64_t began = clock_boot_ns();
    assert_int_equal(db_ready(one, &err), ERR_UNAVAILABLE); /* by itself */
    assert_in_range((clock_boot_ns() - began) / CLOCK_MS, 1900, 4000);
    assert_non_null(strstr(err.text, "no answer"));
    began = clock_boot_ns();
    assert_int_equal(pthread_create(&breaker, NULL, break_soon, one), 0);
    assert_int_equal(db_ready(one, &err), ERR_UNAVAILABLE);
    assert_true(clock_boot_ns() - began < CLOCK_S);
    pthread_join(breaker, NULL);
    db_free(one);
    close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_error_codes),
        cmocka_unit_test(test_serialization_failure_runs_again),
        cmocka_unit_test(test_error_of_body_rolls_back),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_broken_before_commit_runs_again),
        cmocka_unit_test(test_lost_answer_to_commit),
        cmocka_unit_test(test_warning_at_commit),
        cmocka_unit_test(test_read_is_one_snapshot),
        cmocka_unit_test(test_standby_is_unavailable),
        cmocka_unit_test(test_redirect_and_nobody_there),
        cmocka_unit_test(test_break_ends_a_statement_for_good),
        cmocka_unit_test(test_break_ends_a_dial),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
