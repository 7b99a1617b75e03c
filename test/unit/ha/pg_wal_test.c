/* History files, and records made by hand. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/pg_wal.h"
#include "src/base/container.h"

static void test_history(void **unused)
{
    (void)unused;
    struct pg_wal_history history;
    struct error err = {0};
    const char *text =
        "1\t0/3000060\tno recovery target specified\n\n# a note\n3\t1/2000\treason\n";
    assert_int_equal(pg_wal_history_parse(text, 7, &history, &err), ERR_OK);
    assert_int_equal(history.count, 3);
    assert_int_equal(history.entries[1].timeline, 3);
    assert_true(history.entries[1].end == 0x100002000);
    assert_int_equal(pg_wal_owner(&history, 0x3000060), 1);
    assert_int_equal(pg_wal_owner(&history, 0x3000061), 3);
    assert_int_equal(pg_wal_owner(&history, 0x100002000), 3);
    assert_int_equal(pg_wal_owner(&history, 0x100002008), 7);
    assert_int_equal(pg_wal_history_parse("", 1, &history, &err), ERR_OK);
    assert_int_equal(pg_wal_owner(&history, UINT64_MAX), 1);
}

/* A cluster that has changed its primary many times is as good as a new one. */
static void test_long_history(void **unused)
{
    (void)unused;
    enum { PROMOTES = 3 * PG_WAL_TIMELINES, LINE = 48 };
    struct pg_wal_history history;
    struct error err = {0};
    char *text = malloc((size_t)PROMOTES * LINE);
    size_t used = 0;
    for (unsigned parent = 1; parent <= PROMOTES; parent++)
        used += (size_t)snprintf(text + used, LINE, "%u\t0/%X\tno recovery target\n", parent,
                                 parent * 0x100);
    assert_int_equal(pg_wal_history_parse(text, PROMOTES + 1, &history, &err), ERR_OK);
    free(text);
    assert_int_equal(history.count, PG_WAL_TIMELINES);
    assert_int_equal(pg_wal_owner(&history, PROMOTES * 0x100 + 1), PROMOTES + 1);
    assert_int_equal(pg_wal_owner(&history, PROMOTES * 0x100), PROMOTES);
    assert_int_equal(history.entries[0].timeline, PROMOTES - PG_WAL_TIMELINES + 2);
}

static void test_bad_history(void **unused)
{
    (void)unused;
    struct pg_wal_history history;
    struct error err = {0};
    static const char *const bad[] = {
        "x\t0/1\n",
        "1\n",
        "1\t0\n",
        "1 0/zz\n",
        "7\t0/1\tis itself\n",
        "2\t0/9\n1\t0/10\n",
        "1\t0/9\n2\t0/8\n",
        "1\t0/123456789\n",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(pg_wal_history_parse(bad[i], 7, &history, &err), ERR_CORRUPT);
}

static void test_compare(void **unused)
{
    (void)unused;
    struct pg_wal_place low = {1, 900}, high = {2, 100}, higher = {2, 101};
    assert_true(pg_wal_compare(low, high) < 0);
    assert_true(pg_wal_compare(higher, high) > 0);
    assert_true(pg_wal_compare(high, high) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_long_history),
        cmocka_unit_test(test_bad_history),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
