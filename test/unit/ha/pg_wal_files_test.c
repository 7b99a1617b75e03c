/* The end of a real PostgreSQL's log after it was killed, beside what pg_waldump says of it. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ha/pg_wal_files.h"
#include "src/base/process.h"
#include "src/db/db.h"
#include "test/lib/temp_postgres.h"

enum { SEGMENT = 16 << 20, MANY = 3 * PG_WAL_TIMELINES };

static struct temp_postgres postgres;
static struct arena *arena;
static char data_dir[96];

static void sql(struct db *db, const char *text)
{
    struct error err = {0};
    if (db_script(db, text, &err))
        fail_msg("%s: %s", text, err.text);
}

/* One row of two numbers: where the last checkpoint's redo is, on which timeline. */
static struct pg_wal_place redo(struct db *db)
{
    DB_STATEMENT(redo_point, "SELECT timeline_id, redo_lsn - '0/0' FROM pg_control_checkpoint()");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct error err = {0};
    assert_int_equal(db_query(db, &redo_point, DB_NO_PARAMS, &rows, &err), ERR_OK);
    return (struct pg_wal_place){(uint32_t)db_int(&rows, 0, 0), (uint64_t)db_int(&rows, 0, 1)};
}

static struct pg_wal_place end_from(struct pg_wal_place from)
{
    struct pg_wal_place end;
    struct error err = {0};
    if (pg_wal_files_end(data_dir, from, 0, &end, &err))
        fail_msg("%s", err.text);
    return end;
}

/* pg_waldump stops at the same place for the same reason: its message names it. Of a record that
 * ends with its page the next begins behind the header of the following page: it names that. */
static void assert_waldump_agrees(struct pg_wal_place from, struct pg_wal_place end)
{
    char program[160], folder[160], timeline[16], start[32], wanted[32];
    snprintf(program, sizeof(program), "%s/pg_waldump", temp_postgres_bin_dir());
    snprintf(folder, sizeof(folder), "%s/pg_wal", data_dir);
    snprintf(timeline, sizeof(timeline), "%u", end.timeline);
    snprintf(start, sizeof(start), "%X/%X", (unsigned)(from.lsn >> 32), (unsigned)from.lsn);
    uint64_t named = end.lsn;
    if (named % PG_WAL_PAGE_BYTES == 0)
        named += named % SEGMENT == 0 ? 40 : 24;
    snprintf(wanted, sizeof(wanted), "at %X/%X", (unsigned)(named >> 32), (unsigned)named);
    const char *const argv[] = {program, "-q", "-p", folder, "-t", timeline, "-s", start, NULL};
    struct process_run run = {.argv = argv, .output_limit = 65536, .timeout_ms = 30000};
    struct process_result result = {0};
    struct error err = {0};
    assert_int_equal(process_run(&run, arena, &result, &err), ERR_OK);
    if (!strstr(result.output, wanted))
        fail_msg("end is %s, pg_waldump says: %s", wanted, result.output);
}

static struct db *connect_to(void)
{
    struct db *db = db_new(postgres.conninfo);
    struct error err = {0};
    assert_int_equal(db_ready(db, &err), ERR_OK);
    return db;
}

static void write_records(struct db *db, int rows)
{
    char text[256];
    sql(db, "CREATE TABLE IF NOT EXISTS t (a int, b text)");
    snprintf(text, sizeof(text),
             "INSERT INTO t SELECT i, repeat(md5(i::text), i %% 700) FROM generate_series(1, %d) i",
             rows);
    sql(db, text);
    sql(db, "SELECT pg_logical_emit_message(true, 'test', repeat('x', 100000))");
}

static uint64_t flushed(struct db *db)
{
    DB_STATEMENT(flush_lsn, "SELECT pg_current_wal_flush_lsn() - '0/0'");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct error err = {0};
    assert_int_equal(db_query(db, &flush_lsn, DB_NO_PARAMS, &rows, &err), ERR_OK);
    return (uint64_t)db_int(&rows, 0, 0);
}

static void test_end_after_kill(void **unused)
{
    (void)unused;
    struct db *db = connect_to();
    struct pg_wal_place from = redo(db);
    write_records(db, 5000);
    sql(db, "SELECT pg_switch_wal()");
    write_records(db, 2000);
    uint64_t acknowledged = flushed(db);
    db_free(db);
    temp_postgres_crash(&postgres);
    struct pg_wal_place end = end_from(from);
    assert_int_equal(end.timeline, 1);
    assert_true(end.lsn >= acknowledged);
    assert_waldump_agrees(from, end);
    /* From the end itself, and from any record before, it is the same. */
    assert_true(end_from(end).lsn == end.lsn);
    temp_postgres_again(&postgres);
}

static void flip(uint64_t lsn)
{
    char path[160], byte;
    snprintf(path, sizeof(path), "%s/pg_wal/00000001%08X%08X", data_dir, 0,
             (unsigned)(lsn / SEGMENT));
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)(lsn % SEGMENT)), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(lsn % SEGMENT)), 1);
    close(fd);
}

/* Whatever bit of the log is wrong, nothing behind it counts, and what is before it does. */
static void test_flipped_bits(void **unused)
{
    (void)unused;
    struct db *db = connect_to();
    sql(db, "CHECKPOINT");
    struct pg_wal_place from = redo(db);
    write_records(db, 300);
    db_free(db);
    temp_postgres_crash(&postgres);
    struct pg_wal_place whole = end_from(from);
    uint64_t before = from.lsn;
    for (uint64_t at = from.lsn + 3; at < whole.lsn; at += 1777) {
        flip(at);
        uint64_t end = end_from(from).lsn;
        /* A bit of padding between records may go unseen. */
        if (end != whole.lsn) {
            assert_true(end <= at);
            assert_true(end >= before);
            if (end > from.lsn) /* else it finds no record to begin with */
                assert_waldump_agrees(from, (struct pg_wal_place){1, end});
            before = end;
        }
        flip(at);
    }
    assert_true(before > from.lsn + (whole.lsn - from.lsn) / 2);
    assert_true(end_from(from).lsn == whole.lsn);
    temp_postgres_again(&postgres);
}

/* Files of many a promote that nobody followed: they stay as long as the log does not grow. */
static void leave_many_timelines(bool there)
{
    for (unsigned timeline = 100; timeline < 100 + MANY; timeline++) {
        char path[160];
        snprintf(path, sizeof(path), "%s/pg_wal/%08X0000000000000001", data_dir, timeline);
        int fd = there ? open(path, O_CREAT | O_WRONLY, 0600) : -1;
        assert_int_equal(there ? ftruncate(fd, SEGMENT) : unlink(path), 0);
        if (fd >= 0)
            close(fd);
    }
}

/* After a promote the new timeline owns the end; until its first record the old one does. */
static void test_promoted(void **unused)
{
    (void)unused;
    char path[160];
    struct error err = {0};
    struct db *db = connect_to();
    struct pg_wal_place from = redo(db);
    write_records(db, 100);
    db_free(db);
    temp_postgres_crash(&postgres);
    struct pg_wal_place old = end_from(from);
    snprintf(path, sizeof(path), "%s/standby.signal", data_dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0666);
    close(fd);
    temp_postgres_again(&postgres);
    db = connect_to();
    sql(db, "SELECT pg_promote()");
    write_records(db, 100);
    uint64_t acknowledged = flushed(db);
    db_free(db);
    temp_postgres_crash(&postgres);
    struct pg_wal_place end = end_from(from);
    assert_int_equal(end.timeline, 2);
    assert_true(end.lsn >= acknowledged);
    assert_waldump_agrees(from, end);
    leave_many_timelines(true);
    assert_true(pg_wal_compare(end_from(from), end) == 0);
    leave_many_timelines(false);
    struct pg_wal_history history;
    assert_int_equal(pg_wal_files_history(data_dir, 2, &history, &err), ERR_OK);
    assert_int_equal(history.count, 2);
    assert_true(history.entries[0].end == old.lsn);
    assert_int_equal(pg_wal_owner(&history, old.lsn), 1);
    assert_int_equal(pg_wal_owner(&history, old.lsn + 1), 2);
    temp_postgres_again(&postgres);
}

static void test_no_log(void **unused)
{
    (void)unused;
    struct pg_wal_place end;
    struct error err = {0};
    assert_int_equal(pg_wal_files_end("/nowhere", (struct pg_wal_place){1, 1}, 0, &end, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(pg_wal_files_end("/usr", (struct pg_wal_place){1, 1}, 0, &end, &err),
                     ERR_NOT_FOUND);
}

static int set_up(void **unused)
{
    (void)unused;
    arena = arena_new();
    temp_postgres_start(&postgres);
    snprintf(data_dir, sizeof(data_dir), "%s/data", postgres.folder);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    temp_postgres_stop(&postgres);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_after_kill),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_promoted),
        cmocka_unit_test(test_no_log),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
