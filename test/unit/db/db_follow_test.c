/* Connections that follow the primary, on two real databases: they turn when told, not before. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/db/db_follow.h"
#include "test/lib/temp_postgres.h"
#include "test/lib/test_sql.h"

static struct temp_postgres first, second;
static struct arena *arena;

static int set_up(void **unused)
{
    (void)unused;
    temp_postgres_start(&first);
    temp_postgres_start(&second);
    arena = arena_new();
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    arena_free(arena);
    temp_postgres_stop(&first);
    temp_postgres_stop(&second);
    return 0;
}

static const char *folder_of(struct db_follower *follower)
{
    return test_sql(follower->db, "SHOW unix_socket_directories", arena);
}

static bool answers(struct db_follower *follower)
{
    DB_STATEMENT(db_follow_one, "SELECT 1");
    return !db_query(follower->db, &db_follow_one, DB_NO_PARAMS, NULL, NULL);
}

static void test_they_turn_when_told(void **unused)
{
    (void)unused;
    struct db_follow follow = {.conninfo = NULL};
    struct db_follower one, other;
    db_follow_join(&follow, &one);
    db_follow_join(&follow, &other);
    assert_false(db_follow_turn(&follow, &one));
    assert_false(db_follow_same(&follow, &one));
    db_follow_primary(&follow, first.conninfo, 7);
    assert_false(db_follow_same(&follow, &one));
    assert_true(db_follow_turn(&follow, &one) && db_follow_turn(&follow, &other));
    assert_true(db_follow_same(&follow, &one));
    assert_int_equal(one.epoch, 7);
    assert_non_null(strstr(first.conninfo, folder_of(&one)));
    assert_true(answers(&other));
    db_follow_primary(&follow, second.conninfo, 8);
    assert_false(answers(&one)); /* broken, not where it was before */
    assert_int_equal(one.epoch, 7);
    assert_true(db_follow_turn(&follow, &one));
    assert_int_equal(one.epoch, 8);
    assert_non_null(strstr(second.conninfo, folder_of(&one)));
    db_follow_leave(&follow, &one);
    db_follow_primary(&follow, NULL, 9);
    assert_false(db_follow_turn(&follow, &other) || db_follow_same(&follow, &other));
    db_follow_leave(&follow, &other);
    db_follow_close(&follow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_they_turn_when_told)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
