/*
 * Two real PostgreSQL: clone, follow, stop the receiver, positions, promote, rewind; senders that
 * may not count are ended.
 */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ha/pg_control.h"
#include "ha/pg_copy.h"
#include "ha/pg_position.h"
#include "ha/pg_receiver.h"
#include "ha/pg_replicas.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "test/lib/left_over.h"
#include "test/lib/temp_postgres.h"

enum { WAIT_MS = 10000 };

static struct temp_postgres first, second;
static struct cluster_state facts;
static struct error err;

static void check(enum error_code code)
{
    if (code)
        fail_msg("%s", err.text);
}

static void sql(const struct temp_postgres *postgres, const char *text)
{
    struct db *db = db_new(postgres->conninfo);
    enum error_code code = db_script(db, text, &err);
    db_free(db);
    if (code)
        fail_msg("%s: %s", text, err.text);
}

static bool is_true(const struct temp_postgres *postgres, const char *condition)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct db *db = db_new(postgres->conninfo);
    struct db_statement statement = {condition, condition};
    bool yes =
        !db_query(db, &statement, DB_NO_PARAMS, &rows, &err) && rows.count && db_bool(&rows, 0, 0);
    db_free(db);
    return yes;
}

static void wait_for(const struct temp_postgres *postgres, const char *condition)
{
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    while (!is_true(postgres, condition)) {
        if (clock_boot_ns() > end)
            fail_msg("never true: %s (%s)", condition, err.text);
        usleep(20000);
    }
}

static void put_file(const struct temp_postgres *postgres, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/data/%s", postgres->folder, name);
    check(file_write(path, text, strlen(text), 0600, &err));
}

static void follow(const struct temp_postgres *standby, const struct temp_postgres *source,
                   uint64_t member)
{
    char text[512];
    snprintf(text, sizeof(text),
             "primary_conninfo = 'host=%s user=repl_%d application_name=repl_%d'\n"
             "primary_slot_name = 'repl_%d'\nwal_retrieve_retry_interval = 100ms\n",
             source->folder, (int)member, (int)member, (int)member);
    put_file(standby, "postgresql.auto.conf", text);
}

static void files_of(const struct temp_postgres *postgres, struct pg_files *files)
{
    static struct ha_settings settings;
    settings = (struct ha_settings){.pg_bin_dir = temp_postgres_bin_dir(), .data_dir = "/x"};
    pg_files_init(files, &settings);
    snprintf(files->data_dir, LIMIT_PATH, "%s/data", postgres->folder);
}

static struct pg_wal_place position(const struct temp_postgres *postgres, bool runs)
{
    struct pg_files files;
    struct pg_position_taken taken;
    struct db *db = runs ? db_new(postgres->conninfo) : NULL;
    files_of(postgres, &files);
    enum error_code code = pg_position_take(&files, db, &taken, &err);
    db_free(db);
    check(code);
    return taken.place;
}

static void clone(void)
{
    char data[96], conninfo[256];
    struct pg_copy copy = {temp_postgres_bin_dir(), data, conninfo};
    snprintf(data, sizeof(data), "%s/data", second.folder);
    snprintf(conninfo, sizeof(conninfo), "host=%s user=repl_2 application_name=clone-2",
             first.folder);
    check(pg_copy_clone(&copy, &err));
}

/* Whenever it is killed while a copy takes the place of its data, it has one of both: the copy
 * comes before the data goes. */
static void test_never_without_data(void **unused)
{
    (void)unused;
    char bytes[4096] __attribute__((aligned(8)));
    struct db *db = db_new(first.conninfo);
    check(pg_replicas_provide(db, &facts, 1, &err));
    db_free(db);
    clone();
    int watch = inotify_init1(IN_CLOEXEC);
    assert_true(watch >= 0 && inotify_add_watch(watch, second.folder, IN_MOVE) >= 0);
    clone();
    ssize_t size = read(watch, bytes, sizeof(bytes));
    assert_true(size > 0);
    const struct inotify_event *moved = (const struct inotify_event *)bytes;
    while ((char *)moved < bytes + size && strcmp(moved->name, "data") != 0)
        moved = (const struct inotify_event *)((const char *)(moved + 1) + moved->len);
    assert_true((char *)moved < bytes + size);
    assert_true(moved->mask & IN_MOVED_TO);
    close(watch);
}

static void test_clone_and_follow(void **unused)
{
    (void)unused;
    struct db *db = db_new(first.conninfo);
    check(pg_replicas_provide(db, &facts, 1, &err));
    check(pg_replicas_provide(db, &facts, 1, &err)); /* a second time changes nothing */
    sql(&first, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS a");
    clone();
    put_file(&second, "standby.signal", "");
    follow(&second, &first, 2);
    temp_postgres_again(&second);
    wait_for(&second,
             "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')");
    wait_for(&first, "SELECT bool_and(flush_lsn IS NOT NULL) FROM pg_stat_replication");
    struct pg_replica replicas[LIMIT_REGIONS];
    int count, ended;
    check(pg_replicas_read(db, replicas, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(replicas[0].member, 2);
    assert_true(replicas[0].streams && replicas[0].flushed_lsn);
    assert_false(replicas[1].streams);
    check(pg_replicas_check(db, &ended, &err));
    assert_int_equal(ended, 0);
    db_free(db);
}

/* Somebody streams under a name that is not his: he would count in the quorum. */
static void test_impostor_is_ended(void **unused)
{
    (void)unused;
    struct db *db = db_new(first.conninfo);
    char program[160], conninfo[256];
    snprintf(program, sizeof(program), "%s/pg_receivewal", temp_postgres_bin_dir());
    snprintf(conninfo, sizeof(conninfo), "host=%s user=gantry application_name=repl_3",
             first.folder);
    pid_t pid = fork();
    if (!pid) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        execl(program, program, "-n", "-D", second.folder, "-d", conninfo, (char *)NULL);
        _exit(1);
    }
    wait_for(&first, "SELECT EXISTS (SELECT FROM pg_stat_replication"
                     " WHERE application_name = 'repl_3')");
    int ended = 0;
    check(pg_replicas_check(db, &ended, &err));
    assert_int_equal(ended, 1);
    waitpid(pid, NULL, 0);
    wait_for(&first, "SELECT NOT EXISTS (SELECT FROM pg_stat_replication"
                     " WHERE application_name = 'repl_3')");
    assert_true(is_true(&first, "SELECT EXISTS (SELECT FROM pg_stat_replication"
                                " WHERE application_name = 'repl_2')"));
    db_free(db);
}

/* With the conninfo empty and the receiver ended the position stands still, and covers what was
 * acknowledged; it is the same after the standby was killed. */
static void test_freeze(void **unused)
{
    (void)unused;
    struct db *db = db_new(second.conninfo);
    sql(&first, "INSERT INTO t SELECT generate_series(1, 5000)");
    wait_for(&first, "SELECT bool_and(flush_lsn >= pg_current_wal_flush_lsn())"
                     " FROM pg_stat_replication");
    put_file(&second, "postgresql.auto.conf", "primary_conninfo = ''\n");
    kill(second.pid, SIGHUP);
    check(pg_receiver_end(db, &err));
    sql(&first, "INSERT INTO t SELECT generate_series(1, 5000)");
    struct pg_wal_place frozen = position(&second, true);
    usleep(300000);
    struct pg_receiver receiver;
    check(pg_receiver_look(db, &receiver, &err));
    assert_int_equal(receiver.pid, 0);
    assert_int_equal(pg_wal_compare(position(&second, true), frozen), 0);
    assert_int_equal(frozen.timeline, 1);
    db_free(db);
    temp_postgres_crash(&second);
    assert_int_equal(pg_wal_compare(position(&second, false), frozen), 0);
    temp_postgres_again(&second);
    wait_for(&second, "SELECT pg_is_in_recovery()");
    assert_int_equal(pg_wal_compare(position(&second, true), frozen), 0);
}

/* While it receives there is no position. */
static void test_no_position_while_it_receives(void **unused)
{
    (void)unused;
    struct pg_files files;
    struct pg_position_taken taken;
    struct db *db = db_new(second.conninfo);
    follow(&second, &first, 2);
    kill(second.pid, SIGHUP);
    wait_for(&second,
             "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')");
    files_of(&second, &files);
    assert_int_equal(pg_position_take(&files, db, &taken, &err), ERR_CONFLICT);
    db_free(db);
}

/* The second is promoted, the first went on alone: it is rewound and follows. */
static void test_rewind(void **unused)
{
    (void)unused;
    char data[96], conninfo[256];
    struct pg_control control;
    struct pg_copy copy = {temp_postgres_bin_dir(), data, conninfo};
    struct db *db = db_new(second.conninfo);
    struct cluster_state turned = facts;
    wait_for(&first, "SELECT bool_and(flush_lsn >= pg_current_wal_flush_lsn())"
                     " FROM pg_stat_replication");
    sql(&second, "SELECT pg_promote()");
    check(pg_replicas_provide(db, &turned, 2, &err));
    sql(&second, "CHECKPOINT; INSERT INTO t VALUES (-2)");
    sql(&first, "INSERT INTO t VALUES (-1)");
    struct pg_wal_place own = position(&second, false);
    assert_int_equal(own.timeline, 2);
    kill(first.pid, SIGINT);
    waitpid(first.pid, NULL, 0);
    first.pid = 0;
    snprintf(data, sizeof(data), "%s/data", first.folder);
    check(pg_control_read(temp_postgres_bin_dir(), data, &control, &err));
    assert_true(control.shut_down);
    assert_int_equal(control.redo.timeline, 1);
    snprintf(conninfo, sizeof(conninfo), "host=%s user=repl_1 dbname=postgres", second.folder);
    assert_false(pg_copy_is_torn(data));
    check(pg_copy_rewind(&copy, &err));
    assert_true(pg_copy_is_torn(data));
    put_file(&first, "standby.signal", "");
    follow(&first, &second, 1);
    check(pg_copy_finish(data, &err));
    assert_false(pg_copy_is_torn(data));
    temp_postgres_again(&first);
    wait_for(&first, "SELECT EXISTS (SELECT FROM t WHERE a = -2)");
    assert_true(is_true(&first, "SELECT NOT EXISTS (SELECT FROM t WHERE a = -1)"));
    db_free(db);
}

static void test_clone_of_nobody(void **unused)
{
    (void)unused;
    struct pg_copy copy = {temp_postgres_bin_dir(), "/tmp/gantry-no-such-folder/data",
                           "host=/nowhere user=x"};
    assert_int_equal(pg_copy_clone(&copy, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "pg_basebackup: "));
}

static int set_up(void **unused)
{
    (void)unused;
    facts.members_count = 3;
    for (int i = 0; i < 3; i++)
        facts.members[i].id = (uint64_t)i + 1;
    temp_postgres_start(&first);
    left_over_make("/tmp/gantry-pg", second.folder, NULL);
    if (chmod(second.folder, 0755))
        return 1;
    snprintf(second.conninfo, sizeof(second.conninfo), "host=%s dbname=postgres user=gantry",
             second.folder);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    temp_postgres_stop(&second);
    temp_postgres_stop(&first);
    return 0;
}

/* Neither PostgreSQL nor pg_rewind runs as root. */
static void become_unprivileged(void)
{
    const struct passwd *user = getpwnam("postgres");
    if (!geteuid() && (!user || setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        abort();
}

int main(void)
{
    become_unprivileged();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_without_data),
        cmocka_unit_test(test_clone_and_follow),
        cmocka_unit_test(test_impostor_is_ended),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_no_position_while_it_receives),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_clone_of_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
