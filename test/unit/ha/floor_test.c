/* The floor file: durable, only upwards, and worth nothing when a bit of it is wrong. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ha/floor.h"
#include "src/base/arena.h"
#include "src/base/file.h"

static char folder[] = "/tmp/floor_test_XXXXXX", path[64];

static void test_written_and_read(void **unused)
{
    (void)unused;
    struct error err;
    struct floor_values stored, seen, wanted;
    memset(&stored, 0, sizeof(stored));
    memset(&seen, 0, sizeof(seen));
    memset(&wanted, 0, sizeof(wanted));
    wanted.pg_epoch = 7;
    wanted.named = wanted.tried = 6;
    wanted.reported = 7;
    wanted.place.timeline = 4;
    wanted.place.lsn = 1ULL << 40;
    wanted.had_data = 1;
    wanted.lease.version = 2;
    wanted.lease.lease_ms_max = 800;
    wanted.lease.count = 3;
    for (int i = 0; i < 3; i++)
        wanted.lease.rows[i] = (struct lease_floor_row){
            {CLUSTER_LEASE_VIP, UINT32_MAX - (uint32_t)i}, UINT64_MAX, UINT64_MAX - 1};
    assert_int_equal(floor_read(path, &seen, &err), ERR_NOT_FOUND);
    assert_int_equal(floor_raise(path, &stored, &wanted, &err), ERR_OK);
    assert_memory_equal(&stored, &wanted, sizeof(stored));
    assert_int_equal(floor_read(path, &seen, &err), ERR_OK);
    assert_memory_equal(&seen, &wanted, sizeof(seen));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    wanted.pg_epoch = UINT64_MAX;
    wanted.lease.lease_ms_max = UINT32_MAX;
    assert_int_equal(floor_raise(path, &stored, &wanted, &err), ERR_OK);
    assert_int_equal(floor_read(path, &seen, &err), ERR_OK);
    assert_memory_equal(&seen, &wanted, sizeof(seen));
}

static void test_any_changed_bit_is_seen(void **unused)
{
    (void)unused;
    struct error err;
    struct floor_values seen;
    struct arena *arena = arena_new();
    char *text;
    size_t size;
    assert_int_equal(file_read(arena, path, 16384, &text, &size, &err), ERR_OK);
    for (size_t at = 0; at + 1 < size; at++) { /* the last newline carries nothing */
        text[at] ^= 1;
        assert_int_equal(file_write(path, text, size, 0600, &err), ERR_OK);
        assert_int_equal(floor_read(path, &seen, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.text, "counts as wiped"));
        text[at] ^= 1;
    }
    for (size_t cut = 0; cut + 1 < size; cut += 7) {
        assert_int_equal(file_write(path, text, cut, 0600, &err), ERR_OK);
        assert_int_equal(floor_read(path, &seen, &err), ERR_CORRUPT);
    }
    arena_free(arena);
}

static void test_nothing_is_written_when_nothing_rises(void **unused)
{
    (void)unused;
    struct error err;
    struct floor_values stored, wanted;
    memset(&stored, 0, sizeof(stored));
    stored.pg_epoch = 1;
    memcpy(&wanted, &stored, sizeof(wanted));
    unlink(path);
    assert_int_equal(floor_raise(path, &stored, &wanted, &err), ERR_OK);
    assert_int_equal(access(path, F_OK), -1);
    wanted.pg_epoch = 2;
    assert_int_equal(floor_raise("/nowhere/floor", &stored, &wanted, &err), ERR_NOT_FOUND);
    assert_int_equal(stored.pg_epoch, 1); /* what is not on disk does not count */
}

static int set_up(void **unused)
{
    (void)unused;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/floor", folder);
    return 0;
}

static int tear_down(void **unused)
{
    struct error err;
    (void)unused;
    return file_remove_tree(folder, &err) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_any_changed_bit_is_seen),
        cmocka_unit_test(test_nothing_is_written_when_nothing_rises),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
