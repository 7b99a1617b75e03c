/* Migrations against a real PostgreSQL: once, again, two at once, and a schema from the future. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "src/db/migrate.h"
#include "test/lib/temp_postgres.h"

static struct temp_postgres postgres;
static int applied_count;

static int start(void **unused)
{
    (void)unused;
    temp_postgres_start(&postgres);
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    temp_postgres_stop(&postgres);
    return 0;
}

static void count_one(const struct migration *migration)
{
    (void)migration;
    __atomic_add_fetch(&applied_count, 1, __ATOMIC_SEQ_CST);
}

static void *migrate(void *unused)
{
    struct error err = {0};
    struct db *db = db_new(postgres.conninfo);
    (void)unused;
    enum error_code code = db_migrate(db, count_one, &err);
    db_free(db);
    return (void *)(uintptr_t)code;
}

static void test_two_at_once_apply_each_once(void **unused)
{
    (void)unused;
    pthread_t threads[2];
    void *code;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, migrate, NULL);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &code);
        assert_int_equal((int)(uintptr_t)code, ERR_OK);
    }
    assert_int_equal(applied_count, migrations_count);
    assert_int_equal((int)(uintptr_t)migrate(NULL), ERR_OK);
    assert_int_equal(applied_count, migrations_count);
}

static void test_newer_schema_is_refused(void **unused)
{
    (void)unused;
    struct error err = {0};
    struct db *db = db_new(postgres.conninfo);
    assert_int_equal(
        db_script(db, "INSERT INTO schema_migration (number, name) VALUES (9999, 'future')", &err),
        ERR_OK);
    assert_int_equal(db_migrate(db, NULL, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "9999"));
    db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_at_once_apply_each_once),
        cmocka_unit_test(test_newer_schema_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
