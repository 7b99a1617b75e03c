/* What the supervisor asks of a real PostgreSQL. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ha/pg_probe.h"
#include "src/base/clock.h"
#include "test/lib/temp_postgres.h"

enum { WAIT_MS = 10000 };

static struct temp_postgres postgres;

static void sql(const char *text)
{
    struct error err;
    struct db *db = db_new(postgres.conninfo);
    enum error_code code = db_script(db, text, &err);
    db_free(db);
    if (code)
        fail_msg("%s: %s", text, err.text);
}

static int64_t number(const char *text)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct error err;
    struct db *db = db_new(postgres.conninfo);
    struct db_statement statement = {text, text};
    enum error_code code = db_query(db, &statement, DB_NO_PARAMS, &rows, &err);
    db_free(db);
    assert_int_equal(code, ERR_OK);
    return db_int(&rows, 0, 0);
}

static void *mark(void *subject)
{
    enum error_code *code = subject;
    uint64_t switch_lsn;
    struct error err;
    struct db *db = db_new(postgres.conninfo);
    *code = pg_probe_mark(db, 5, 1, &switch_lsn, &err);
    db_free(db);
    return NULL;
}

/* Nobody replicates under the name that must acknowledge: the marker waits. When the wait is broken
 * off PostgreSQL answers that it is committed, which it is, here alone. */
static void test_a_marker_that_nobody_acknowledged(void **state)
{
    (void)state;
    pthread_t thread;
    enum error_code code = ERR_OK;
    sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (repl_2)'");
    sql("SELECT pg_reload_conf()");
    assert_int_equal(pthread_create(&thread, NULL, mark, &code), 0);
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    while (!number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") &&
           clock_boot_ns() < end)
        usleep(10000);
    assert_int_equal(number("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
                            " WHERE wait_event = 'SyncRep'"),
                     1);
    pthread_join(thread, NULL);
    assert_int_equal(code, ERR_UNKNOWN_OUTCOME);
    sql("ALTER SYSTEM RESET synchronous_standby_names");
    sql("SELECT pg_reload_conf()");
}

static void test_a_marker_of_one(void **state)
{
    (void)state;
    enum error_code code = ERR_INTERNAL;
    mark(&code);
    assert_int_equal(code, ERR_OK);
}

static int set_up(void **state)
{
    (void)state;
    temp_postgres_start(&postgres);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_postgres_stop(&postgres);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_marker_of_one),
        cmocka_unit_test(test_a_marker_that_nobody_acknowledged),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
