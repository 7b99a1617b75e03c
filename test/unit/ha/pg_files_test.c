/* The files PostgreSQL is steered by: history files of skipped timelines, the gate, the start. */
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

#include "ha/pg_files.h"
#include "src/base/arena.h"
#include "src/base/file.h"

static char folder[] = "/tmp/pg_files_test_XXXXXX", key[64];
static struct ha_settings settings;
static struct pg_files files;
static struct arena *arena;

static const char *path_of(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static void put(const char *name, const char *text)
{
    struct error err;
    if (file_write(path_of(name), text, strlen(text), 0600, &err))
        fail_msg("%s", err.text);
}

static bool is_there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static const char *content(const char *name)
{
    struct error err;
    char *text;
    if (file_read(arena, path_of(name), 1 << 16, &text, NULL, &err))
        fail_msg("%s", err.text);
    return text;
}

static void test_skipped_timelines(void **unused)
{
    (void)unused;
    struct error err;
    put("pg/pg_wal/00000003.history", "2\t0/3000000\tx\n");
    assert_int_equal(pg_files_reserve(&files, 2, 7, &err), ERR_OK);
    assert_false(is_there("pg/pg_wal/00000007.history")); /* the one the promote will write */
    for (int timeline = 4; timeline < 7; timeline++)
        assert_true(is_there(arena_printf(arena, "pg/pg_wal/%08X.history", timeline)));
    assert_string_equal(content("pg/pg_wal/00000003.history"), "2\t0/3000000\tx\n");
    assert_int_equal(pg_files_reserve(&files, 7, 7, &err), ERR_CONFLICT);
    pg_files_forget(&files); /* the promote did not happen */
    for (int timeline = 4; timeline < 7; timeline++)
        assert_false(is_there(arena_printf(arena, "pg/pg_wal/%08X.history", timeline)));
    assert_true(is_there("pg/pg_wal/00000003.history"));
}

/* PostgreSQL counts up until a history file is missing: a hole would hide the timelines above. */
static void test_below_a_real_timeline_they_stay(void **unused)
{
    (void)unused;
    struct error err;
    assert_int_equal(pg_files_reserve(&files, 3, 6, &err), ERR_OK);
    put("pg/pg_wal/00000006.history", "3\t0/4000000\tx\n");
    assert_int_equal(pg_files_reserve(&files, 6, 9, &err), ERR_OK);
    pg_files_forget(&files);
    assert_true(is_there("pg/pg_wal/00000004.history") && is_there("pg/pg_wal/00000005.history"));
    assert_true(is_there("pg/pg_wal/00000006.history"));
    assert_false(is_there("pg/pg_wal/00000007.history") || is_there("pg/pg_wal/00000008.history"));
}

static struct cluster_state facts;

static struct pg_steer steer_with(const char *standby_names, bool open)
{
    return (struct pg_steer){.standby_names = standby_names,
                             .conninfo = "host='10.0.0.2' user=repl_1",
                             .slot = "repl_1",
                             .facts = &facts,
                             .self = 1,
                             .open = open};
}

static void test_the_gate(void **unused)
{
    (void)unused;
    struct error err;
    struct pg_steer closed = steer_with("", false), open = steer_with("", true);
    put("pg-conf/hba.conf", "");
    assert_int_equal(pg_files_steer(&files, &closed, &err), ERR_OK);
    assert_null(strstr(content("pg-conf/hba.conf"), "api"));
    assert_non_null(strstr(content("pg-conf/hba.conf"), "local  all     gantry"));
    assert_int_equal(pg_files_steer(&files, &open, &err), ERR_OK);
    assert_non_null(strstr(content("pg-conf/hba.conf"), "hostssl gantry api"));
}

static void make_postgres(const char *version)
{
    put("bin/postgres",
        arena_printf(arena, "#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version));
    assert_int_equal(chmod(path_of("bin/postgres"), 0755), 0);
}

static void test_before_a_start(void **unused)
{
    (void)unused;
    struct error err;
    put("pg/postgresql.auto.conf", "fsync = off\n");
    put("pg/PG_VERSION", "15\n");
    put("pg/postmaster.pid", "1\n");
    put("key.pem", "key");
    make_postgres("15.4 (Debian 15.4-1)");
    unlink(path_of("pg/standby.signal"));
    struct pg_steer steer = steer_with("ANY 1 (repl_2)", true);
    if (pg_files_prepare(&files, &steer, &err))
        fail_msg("%s", err.text);
    assert_true(is_there("pg/standby.signal"));
    assert_false(is_there("pg/postmaster.pid"));
    assert_string_equal(content("pg/postgresql.auto.conf"), "");
    const char *config = content("pg-conf/postgresql.conf");
    assert_non_null(strstr(config, "restart_after_crash = off\n"));
    assert_non_null(strstr(config, "/pg-conf/steer.conf'\n"));
    const char *steered = content("pg-conf/steer.conf");
    assert_non_null(strstr(steered, "synchronous_standby_names = 'ANY 1 (repl_2)'\n"));
    assert_non_null(strstr(steered, "primary_slot_name = 'repl_1'\n"));
    assert_non_null(strstr(steered, "primary_conninfo = 'host=''10.0.0.2'' user=repl_1'\n"));
    assert_null(strstr(content("pg-conf/hba.conf"), "api"));
}

static void test_data_of_another_version(void **unused)
{
    (void)unused;
    struct error err;
    struct pg_steer steer = steer_with("", false);
    unlink(path_of("pg/standby.signal"));
    put("pg/PG_VERSION", "14\n");
    assert_int_equal(pg_files_prepare(&files, &steer, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "is of PostgreSQL 14, [postgres] bin_dir has 15"));
    assert_false(is_there("pg/standby.signal"));
    put("pg/PG_VERSION", "15\n");
    unlink(path_of("bin/postgres"));
    assert_int_equal(pg_files_prepare(&files, &steer, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "PostgreSQL is not installed"));
}

static void test_initdb_that_fails_leaves_nothing(void **unused)
{
    (void)unused;
    struct error err;
    settings.data_dir = path_of("fresh");
    pg_files_init(&files, &settings);
    assert_int_equal(mkdir(settings.data_dir, 0700), 0);
    assert_int_equal(pg_files_initialise(&files, &err), ERR_NOT_FOUND);
    put("bin/initdb", "#!/bin/sh\necho 'no room left'; exit 3\n");
    assert_int_equal(chmod(path_of("bin/initdb"), 0755), 0);
    assert_int_equal(pg_files_initialise(&files, &err), ERR_IO);
    assert_non_null(strstr(err.text, "no room left"));
    assert_false(pg_files_has_data(&files));
    assert_false(is_there("fresh/pg"));
}

static int set_up(void **unused)
{
    (void)unused;
    struct error err;
    static char data_dir[64], bin_dir[64];
    arena = arena_new();
    if (!mkdtemp(folder))
        return -1;
    snprintf(data_dir, sizeof(data_dir), "%s", folder);
    snprintf(bin_dir, sizeof(bin_dir), "%s/bin", folder);
    snprintf(key, sizeof(key), "%s/key.pem", folder);
    settings = (struct ha_settings){.name = "region1",
                                    .address = "127.0.0.1",
                                    .data_dir = data_dir,
                                    .run_dir = folder,
                                    .pg_bin_dir = bin_dir,
                                    .pg_port = 5253,
                                    .ca_file = key,
                                    .certificate_file = key,
                                    .key_file = key};
    pg_files_init(&files, &settings);
    return file_make_folders(path_of("pg/pg_wal"), 0700, &err) ||
                   file_make_folders(path_of("pg-conf"), 0700, &err) ||
                   file_make_folders(bin_dir, 0700, &err)
               ? -1
               : 0;
}

static int tear_down(void **unused)
{
    struct error err;
    (void)unused;
    arena_free(arena);
    return file_remove_tree(folder, &err) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skipped_timelines),
        cmocka_unit_test(test_below_a_real_timeline_they_stay),
        cmocka_unit_test(test_the_gate),
        cmocka_unit_test(test_before_a_start),
        cmocka_unit_test(test_data_of_another_version),
        cmocka_unit_test(test_initdb_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
