/*
 * Rewinds on three real PostgreSQL: after each kind of end, cut off, without the log or the source
 * that they need; what one that was killed and copied anew leaves.
 */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ha/pg_access.h"
#include "ha/pg_copy.h"
#include "src/base/file.h"
#include "test/lib/left_over.h"
#include "test/lib/temp_member.h"
#include "test/lib/temp_postgres.h"

static struct temp_cluster cluster;
static struct pg_step step;

/* A rewind keeps the folder, a copy is another one. */
static ino_t folder_of(uint64_t id)
{
    struct stat st;
    assert_int_equal(stat(temp_member_of(&cluster, id)->pg_dir, &st), 0);
    return st.st_ino;
}

/* The old primary wrote what nobody has; another serves; old is down. Returns old. */
static uint64_t diverge(int number, int how)
{
    uint64_t old = cluster.facts.primary.member;
    temp_member_wait(&cluster, old,
                     "SELECT count(*) = 2 AND bool_and(flush_lsn >= pg_current_wal_flush_lsn())"
                     " FROM pg_stat_replication");
    temp_cluster_set(&cluster, CLUSTER_FENCED, 0, 0);
    for (uint64_t id = temp_member_after(old); id != old; id = temp_member_after(id)) {
        temp_member_freeze(&cluster, id);
        temp_member_do(&cluster, id, MEMBER_REPORT);
    }
    char sql[128];
    snprintf(sql, sizeof(sql), "SET synchronous_commit = local; INSERT INTO t VALUES (%d)",
             -number);
    temp_member_sql(&cluster, old, sql);
    temp_member_end(&cluster, old, how);
    temp_cluster_serve(&cluster, temp_member_after(old));
    temp_cluster_insert(&cluster, number);
    return old;
}

static void check_rewound(uint64_t id, int number)
{
    char condition[80];
    temp_member_wait_for_row(&cluster, id, number);
    snprintf(condition, sizeof(condition), "SELECT NOT EXISTS (SELECT FROM t WHERE a = %d)",
             -number);
    assert_true(temp_member_true(&cluster, id, condition));
    assert_false(pg_copy_is_torn(temp_member_of(&cluster, id)->pg_dir));
}

/* After an orderly end pg_rewind may begin at once, after a kill it has to be recovered first; with
 * standby.signal there or not. */
static void test_rewind_after_each_end(void **unused)
{
    (void)unused;
    int number = 20;
    for (int how = 0; how < 2; how++) {
        uint64_t old = diverge(++number, how ? SIGINT : SIGKILL);
        ino_t folder = folder_of(old);
        assert_int_equal(temp_member_step(&cluster, old, MEMBER_REWIND, &step), ERR_OK);
        assert_int_equal(step.must_recover, !how);
        temp_cluster_rejoin(&cluster, old);
        check_rewound(old, number);
        assert_int_equal(folder_of(old), folder);
    }
    uint64_t old = diverge(++number, SIGINT);
    char path[160];
    snprintf(path, sizeof(path), "%s/standby.signal", temp_member_of(&cluster, old)->pg_dir);
    assert_int_equal(file_write(path, "", 0, 0600, &cluster.err), ERR_OK);
    temp_member_do(&cluster, old, MEMBER_REWIND);
    temp_cluster_rejoin(&cluster, old);
    check_rewound(old, number);
}

static void conninfo_of(uint64_t id, enum pg_access_use use, char conninfo[PG_ACCESS_CONNINFO])
{
    pg_access_conninfo(&temp_member_of(&cluster, id)->settings,
                       &cluster.facts.members[cluster.facts.primary.member - 1], id, use, conninfo);
}

/* Cut off after its mark it is done again; cut off after its last write it cannot be: a copy. */
static void test_a_rewind_that_was_cut_off(void **unused)
{
    (void)unused;
    char mark[160], conninfo[PG_ACCESS_CONNINFO];
    uint64_t old = diverge(30, SIGINT);
    snprintf(mark, sizeof(mark), "%s.rewinding", temp_member_of(&cluster, old)->pg_dir);
    assert_int_equal(file_write(mark, "", 0, 0600, &cluster.err), ERR_OK);
    temp_member_do(&cluster, old, MEMBER_REWIND);
    temp_cluster_rejoin(&cluster, old);
    check_rewound(old, 30);

    old = diverge(31, SIGINT);
    conninfo_of(old, PG_ACCESS_REWIND, conninfo);
    struct pg_copy copy = {temp_postgres_bin_dir(), temp_member_of(&cluster, old)->pg_dir,
                           conninfo};
    if (pg_copy_rewind(&copy, &cluster.err))
        fail_msg("%s", cluster.err.text);
    assert_true(pg_copy_is_torn(temp_member_of(&cluster, old)->pg_dir));
    assert_int_not_equal(temp_member_step(&cluster, old, MEMBER_REWIND, &step), ERR_OK);
    assert_true(step.must_clone);
    assert_true(pg_copy_is_torn(temp_member_of(&cluster, old)->pg_dir));
    temp_member_do(&cluster, old, MEMBER_CLONE);
    temp_cluster_rejoin(&cluster, old);
    check_rewound(old, 31);
}

/* The log since the fork is not there any more: only a copy will do. */
static void test_a_rewind_without_its_log(void **unused)
{
    (void)unused;
    uint64_t old = diverge(32, SIGINT);
    char folder[160], path[512];
    snprintf(folder, sizeof(folder), "%s/pg_wal", temp_member_of(&cluster, old)->pg_dir);
    DIR *wal = opendir(folder);
    assert_non_null(wal);
    for (struct dirent *entry; (entry = readdir(wal));) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (strlen(entry->d_name) == 24)
            unlink(path);
    }
    closedir(wal);
    assert_int_not_equal(temp_member_step(&cluster, old, MEMBER_REWIND, &step), ERR_OK);
    assert_true(step.must_clone);
    temp_member_do(&cluster, old, MEMBER_CLONE);
    temp_cluster_rejoin(&cluster, old);
    check_rewound(old, 32);
}

/* A source that is away is no reason to give up what is here. */
static void test_a_rewind_without_its_source(void **unused)
{
    (void)unused;
    uint64_t old = diverge(33, SIGINT);
    struct cluster_member *source = &cluster.facts.members[cluster.facts.primary.member - 1];
    uint32_t port = source->ports[CLUSTER_PORT_POSTGRES];
    source->ports[CLUSTER_PORT_POSTGRES] = 1;
    assert_int_not_equal(temp_member_step(&cluster, old, MEMBER_REWIND, &step), ERR_OK);
    assert_false(step.must_clone);
    assert_int_not_equal(temp_member_step(&cluster, old, MEMBER_CLONE, &step), ERR_OK);
    assert_true(pg_files_has_data(&temp_member_of(&cluster, old)->files));
    source->ports[CLUSTER_PORT_POSTGRES] = port;
    temp_cluster_rejoin(&cluster, old);
    check_rewound(old, 33);
}

/* Dynamic shared memory of a PostgreSQL that has a name: the first one. */
static void find_memory(pid_t pid, char path[256])
{
    char maps[64], line[512];
    snprintf(maps, sizeof(maps), "/proc/%d/maps", (int)pid);
    FILE *file = fopen(maps, "r");
    assert_non_null(file);
    path[0] = '\0';
    while (!path[0] && fgets(line, sizeof(line), file)) {
        const char *name = strchr(line, '/');
        if (name && (strstr(name, "/PostgreSQL.") || strstr(name, "/mmap.")))
            snprintf(path, 256, "%.*s", (int)strcspn(name, "\n"), name);
    }
    fclose(file);
    assert_true(path[0]);
}

static int find_segment(uint64_t id)
{
    char path[160], line[256] = "";
    int number = -1;
    snprintf(path, sizeof(path), "%s/postmaster.pid", temp_member_of(&cluster, id)->pg_dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (int i = 0; i < 7; i++)
        assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_int_equal(sscanf(line, "%*u %d", &number), 1);
    return number;
}

/* Who was killed and is copied anew leaves no memory behind: nobody would ever remove it. */
static void test_killed_and_replaced(void **unused)
{
    (void)unused;
    uint64_t id = temp_member_after(cluster.facts.primary.member);
    char path[256];
    struct shmid_ds segment;
    find_memory(temp_member_of(&cluster, id)->pid, path);
    int number = find_segment(id);
    temp_member_end(&cluster, id, SIGKILL);
    assert_int_equal(shmctl(number, IPC_STAT, &segment), 0);
    temp_member_do(&cluster, id, MEMBER_CLONE);
    if (access(path, F_OK) == 0)
        fail_msg("%s was left behind", path);
    assert_int_equal(shmctl(number, IPC_STAT, &segment), -1);
    temp_cluster_rejoin(&cluster, id);
}

/* A test that was killed: its folders are removed by the next one. */
static void test_left_by_a_killed_test(void **unused)
{
    (void)unused;
    static const char left[] = "/tmp/left_over_test";
    char folder[64], other[64];
    pid_t child = fork();
    if (!child) {
        left_over_make(left, folder, NULL);
        _exit(0);
    }
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    left_over_make(left, other, NULL);
    snprintf(folder, sizeof(folder), "%s-%d-*", left, (int)child);
    glob_t found;
    assert_int_equal(glob(folder, 0, NULL, &found), 0); /* a zombie owns it still */
    globfree(&found);
    waitpid(child, NULL, 0);
    assert_int_equal(rmdir(other), 0);
    left_over_make(left, other, NULL);
    assert_int_equal(glob(folder, 0, NULL, &found), GLOB_NOMATCH);
    assert_int_equal(rmdir(other), 0);
}

static int set_up(void **unused)
{
    (void)unused;
    temp_cluster_open(&cluster);
    temp_cluster_make(&cluster);
    temp_member_sql(&cluster, 1, "CREATE TABLE t (a int)");
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    temp_cluster_close(&cluster);
    return 0;
}

int main(void)
{
    temp_member_become_gantry();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewind_after_each_end),
        cmocka_unit_test(test_a_rewind_that_was_cut_off),
        cmocka_unit_test(test_a_rewind_without_its_log),
        cmocka_unit_test(test_a_rewind_without_its_source),
        cmocka_unit_test(test_killed_and_replaced),
        cmocka_unit_test(test_left_by_a_killed_test),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
