/*
 * The steps on three real PostgreSQL: who was killed with what it had not replayed, restarted
 * between report and SET, died between promote and marker; a long reader; a backend killed.
 */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "test/lib/temp_member.h"
#include "test/lib/temp_postgres.h"

#define SLEEPER "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"

static struct temp_cluster cluster;

static bool has(uint64_t id, int number)
{
    char condition[64];
    snprintf(condition, sizeof(condition), "SELECT EXISTS (SELECT FROM t WHERE a = %d)", number);
    return temp_member_true(&cluster, id, condition);
}

/* Of those that reported, as the leader chooses. */
static uint64_t most_advanced(void)
{
    const struct temp_member *best = NULL;
    for (uint64_t id = 1; id <= TEMP_MEMBERS; id++) {
        const struct temp_member *member = temp_member_of(&cluster, id);
        if (member->reported == cluster.facts.primary.epoch &&
            (!best || pg_wal_compare(member->reported_place, best->reported_place) > 0))
            best = member;
    }
    assert_non_null(best);
    return best->id;
}

static void catch_up(void)
{
    temp_member_wait(&cluster, cluster.facts.primary.member,
                     "SELECT count(*) = 2 AND bool_and(flush_lsn >= pg_current_wal_flush_lsn())"
                     " FROM pg_stat_replication");
}

static int empty_histories(uint64_t id)
{
    char folder[160], path[512];
    int count = 0;
    snprintf(folder, sizeof(folder), "%s/pg_wal", temp_member_of(&cluster, id)->pg_dir);
    DIR *wal = opendir(folder);
    assert_non_null(wal);
    for (struct dirent *entry; (entry = readdir(wal));) {
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        count += strstr(entry->d_name, ".history") && !stat(path, &st) && !st.st_size;
    }
    closedir(wal);
    return count;
}

/* A child that runs sql and says nothing; it may hang. */
static pid_t run_psql(uint64_t id, const char *user, const char *database, const char *sql)
{
    char host[160], port[16], user_option[32], database_option[32];
    pid_t pid = fork();
    if (pid)
        return pid;
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    snprintf(host, sizeof(host), "-h%s", temp_member_of(&cluster, id)->run_dir);
    snprintf(port, sizeof(port), "-p%d", temp_member_of(&cluster, id)->settings.pg_port);
    snprintf(user_option, sizeof(user_option), "-U%s", user);
    snprintf(database_option, sizeof(database_option), "-d%s", database);
    unsetenv("LD_PRELOAD");
    execl("/usr/bin/psql", "psql", "-X", host, port, user_option, database_option, "-c", sql,
          (char *)NULL);
    _exit(97);
}

/* Everybody who is there: one writes on the reserved number, two follow. */
static void test_numbers_are_skipped(void **unused)
{
    (void)unused;
    temp_member_sql(&cluster, 1, "CREATE TABLE t (a int)");
    temp_cluster_insert(&cluster, 1);
    assert_true(temp_member_true(&cluster, 1,
                                 "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
                                 " = '00000002'"));
    assert_true(temp_member_true(&cluster, 1,
                                 "SELECT current_setting('synchronous_standby_names')"
                                 " = 'ANY 1 (repl_2, repl_3)'"));
}

static struct {
    uint64_t id, took_ns;
    enum error_code code;
} follower;

static void *follow_once(void *unused)
{
    (void)unused;
    uint64_t since_ns = clock_boot_ns();
    follower.code = temp_member_step(&cluster, follower.id, MEMBER_FOLLOW, NULL);
    follower.took_ns = clock_boot_ns() - since_ns;
    return NULL;
}

/* The marker waits for who follows, so that one waits for the end of the promote and no longer. */
static void test_a_follower_waits_for_the_promote(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member, next = temp_member_after(old);
    uint32_t timeline = cluster.facts.primary.timeline_reserved += 2;
    pthread_t thread;
    follower.id = temp_member_after(next);
    temp_member_end(&cluster, old, SIGKILL);
    temp_cluster_fence(&cluster);
    temp_cluster_set(&cluster, CLUSTER_SET, next, timeline);
    assert_int_equal(pthread_create(&thread, NULL, follow_once, NULL), 0);
    usleep(20000);
    temp_member_promote(&cluster, next);
    pthread_join(thread, NULL);
    assert_true(follower.code == ERR_OK ||
                (follower.code == ERR_UNAVAILABLE && follower.took_ns > 100 * CLOCK_MS));
    assert_true(temp_member_follow(&cluster, follower.id));
    temp_member_do(&cluster, next, MEMBER_MARK);
    temp_cluster_set(&cluster, CLUSTER_SERVING, next, timeline);
    temp_member_do(&cluster, next, MEMBER_OPEN);
    temp_member_do(&cluster, next, PG_STEP_CHECKPOINT);
    temp_cluster_rejoin(&cluster, old);
}

/* What was flushed and acknowledged but not replayed counts, though PostgreSQL itself says less. */
static void test_replay_behind_and_killed(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member, next = temp_member_after(old),
             other = temp_member_after(next);
    temp_member_sql(&cluster, next, "SELECT pg_wal_replay_pause()");
    temp_member_end(&cluster, other, SIGINT); /* so that next alone acknowledges */
    temp_cluster_insert(&cluster, 2);
    temp_cluster_insert(&cluster, 3);
    assert_false(has(next, 3));
    temp_member_end(&cluster, old, SIGKILL);
    temp_member_end(&cluster, next, SIGKILL);
    temp_member_start(&cluster, next);
    temp_member_start(&cluster, other);
    temp_cluster_fence(&cluster);
    assert_true(pg_wal_compare(temp_member_of(&cluster, next)->reported_place,
                               temp_member_of(&cluster, other)->reported_place) > 0);
    temp_cluster_serve(&cluster, next);
    assert_true(has(next, 2) && has(next, 3));
    temp_cluster_rejoin(&cluster, old);
}

/* The report stands when the reporter was killed after it: it is the one that is promoted. */
static void test_restarted_between_report_and_set(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member;
    temp_cluster_insert(&cluster, 4);
    temp_member_end(&cluster, old, SIGKILL);
    temp_cluster_fence(&cluster);
    uint64_t next = most_advanced();
    for (int i = 0; i < 2; i++) {
        struct temp_member *member = temp_member_of(&cluster, next);
        temp_member_end(&cluster, next, SIGKILL);
        member->positioned = false;
        temp_member_start(&cluster, next);
        assert_true(member->positioned);
        assert_int_equal(pg_wal_compare(member->taken.place, member->reported_place), 0);
    }
    temp_cluster_serve(&cluster, next);
    assert_true(has(next, 4));
    temp_cluster_rejoin(&cluster, old);
}

/* The files for skipped numbers go before the next start, when no signal came. */
static void test_a_promote_that_did_not_happen(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member, next = temp_member_after(old);
    temp_member_end(&cluster, old, SIGINT);
    temp_cluster_fence(&cluster);
    int before = empty_histories(next);
    uint32_t timeline = cluster.facts.primary.timeline_reserved += 3;
    temp_cluster_set(&cluster, CLUSTER_SET, next, timeline);
    temp_member_do(&cluster, next, MEMBER_PROMOTE);
    assert_true(empty_histories(next) > before);
    temp_member_end(&cluster, next, SIGKILL);
    temp_member_start(&cluster, next);
    assert_int_equal(empty_histories(next), before);
    assert_true(temp_member_of(&cluster, next)->seen.in_recovery);
    temp_cluster_fence(&cluster);
    temp_cluster_serve(&cluster, next);
    temp_cluster_rejoin(&cluster, old);
}

static void promote_and_die(uint64_t id)
{
    uint32_t timeline = cluster.facts.primary.timeline_reserved += 2;
    temp_cluster_set(&cluster, CLUSTER_SET, id, timeline);
    temp_member_promote(&cluster, id);
    temp_member_end(&cluster, id, SIGKILL);
}

/* Two epochs that never served: the later one has most, and the earlier one is not its past. */
static void test_died_before_the_marker_twice(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member, first = temp_member_after(old),
             second = temp_member_after(first);
    temp_cluster_insert(&cluster, 5);
    catch_up();
    temp_member_end(&cluster, old, SIGKILL);
    temp_cluster_fence(&cluster);
    promote_and_die(first);
    temp_cluster_fence(&cluster);
    promote_and_die(second);
    temp_member_start(&cluster, first);
    temp_member_start(&cluster, second);
    temp_cluster_fence(&cluster);
    struct pg_wal_place a = temp_member_of(&cluster, first)->reported_place;
    struct pg_wal_place b = temp_member_of(&cluster, second)->reported_place;
    assert_true(pg_wal_compare(b, a) > 0);
    uint32_t timeline = cluster.facts.primary.timeline_reserved += 1;
    temp_cluster_set(&cluster, CLUSTER_SET, second, timeline);
    temp_member_promote(&cluster, second);
    assert_false(temp_member_follow(&cluster, first));
    temp_member_end(&cluster, first, SIGINT);
    temp_member_do(&cluster, first, MEMBER_CLONE); /* beside its data: no epoch served yet */
    temp_member_start(&cluster, first);
    assert_true(temp_member_follow(&cluster, first));
    temp_member_do(&cluster, second, MEMBER_MARK);
    temp_cluster_set(&cluster, CLUSTER_SERVING, second, timeline);
    temp_member_do(&cluster, second, MEMBER_OPEN);
    temp_member_do(&cluster, second, PG_STEP_CHECKPOINT);
    assert_true(has(second, 5));
    temp_cluster_rejoin(&cluster, old);
}

/* A standby that was opened for reads: its readers hold up neither the report nor the promote. */
static void test_a_long_reader(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member, next = temp_member_after(old);
    temp_member_sql(&cluster, old, "GRANT CONNECT ON DATABASE gantry TO api");
    temp_member_of(&cluster, next)->open = true;
    temp_member_do(&cluster, next, PG_STEP_STEER);
    pid_t reader = run_psql(next, "api", "gantry",
                            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*), pg_sleep(60)"
                            " FROM pg_class");
    temp_member_wait(&cluster, next,
                     "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'api'"
                     " AND state = 'active')");
    temp_member_end(&cluster, old, SIGINT); /* both have all of it */
    uint64_t begin_ns = clock_boot_ns();
    temp_cluster_fence(&cluster);
    assert_int_equal(waitpid(reader, NULL, WNOHANG), 0);
    temp_cluster_serve(&cluster, next);
    assert_true(clock_boot_ns() - begin_ns < 20 * CLOCK_S);
    int status = 0;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_not_equal(status, 0); /* its answer never came */
    temp_cluster_rejoin(&cluster, old);
}

/* One backend killed: all of it ends and stays down, so that its death is an epoch's. */
static void test_a_killed_backend_ends_all(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member;
    temp_cluster_insert(&cluster, 6);
    pid_t client = run_psql(old, "gantry", "postgres", "SELECT pg_sleep(60)");
    temp_member_wait(&cluster, old, "SELECT EXISTS (" SLEEPER ")");
    kill((pid_t)temp_member_int(&cluster, old, SLEEPER), SIGKILL);
    waitpid(client, NULL, 0);
    assert_int_equal(waitpid(temp_member_of(&cluster, old)->pid, NULL, 0),
                     temp_member_of(&cluster, old)->pid);
    temp_member_of(&cluster, old)->pid = 0;
    temp_cluster_fence(&cluster);
    temp_cluster_serve(&cluster, most_advanced());
    assert_true(has(cluster.facts.primary.member, 6));
    temp_cluster_rejoin(&cluster, old);
}

static int set_up(void **unused)
{
    (void)unused;
    temp_cluster_open(&cluster);
    temp_cluster_make(&cluster);
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
        cmocka_unit_test(test_numbers_are_skipped),
        cmocka_unit_test(test_a_follower_waits_for_the_promote),
        cmocka_unit_test(test_replay_behind_and_killed),
        cmocka_unit_test(test_restarted_between_report_and_set),
        cmocka_unit_test(test_a_promote_that_did_not_happen),
        cmocka_unit_test(test_died_before_the_marker_twice),
        cmocka_unit_test(test_a_long_reader),
        cmocka_unit_test(test_a_killed_backend_ends_all),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
