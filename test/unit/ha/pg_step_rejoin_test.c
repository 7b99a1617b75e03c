/*
 * How a member comes back, on three real PostgreSQL: a lost slot, less on disk than was reported,
 * another cluster's data, two senders under one name, a revoked certificate.
 */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ha/pg_access.h"
#include "ha/pg_control.h"
#include "ha/pg_copy.h"
#include "ha/pg_replicas.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "test/lib/temp_member.h"
#include "test/lib/temp_postgres.h"

static struct temp_cluster cluster;
static struct pg_step step;

static void set(uint64_t id, const char *name, const char *value)
{
    char sql[96];
    snprintf(sql, sizeof(sql), "ALTER SYSTEM SET %s = '%s'", name, value);
    temp_member_sql(&cluster, id, sql);
    temp_member_sql(&cluster, id, "SELECT pg_reload_conf()");
}

/* More log than is kept for a member that is away: it finds out, and is copied anew. */
static void test_a_lost_slot(void **unused)
{
    (void)unused;
    uint64_t away = temp_member_after(cluster.facts.primary.member);
    char lost[160], reserved[160];
    snprintf(lost, sizeof(lost),
             "SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'repl_%d'",
             (int)away);
    snprintf(reserved, sizeof(reserved),
             "SELECT wal_status = 'reserved' FROM pg_replication_slots"
             " WHERE slot_name = 'repl_%d'",
             (int)away);
    temp_member_do(&cluster, away, PG_STEP_LOOK);
    temp_member_do(&cluster, away, PG_STEP_LOST);
    assert_int_equal(temp_member_step(&cluster, away, PG_STEP_LOST, &step), ERR_OK);
    assert_false(step.must_clone);
    temp_member_end(&cluster, away, SIGINT);
    set(cluster.facts.primary.member, "max_slot_wal_keep_size", "4MB");
    set(cluster.facts.primary.member, "wal_keep_size", "0");
    for (int i = 0; i < 4; i++)
        temp_member_sql(&cluster, cluster.facts.primary.member,
                        "SELECT pg_logical_emit_message(true, 'x', 'y'), pg_switch_wal()");
    temp_member_do(&cluster, cluster.facts.primary.member, PG_STEP_CHECKPOINT);
    temp_member_wait(&cluster, cluster.facts.primary.member, lost);
    temp_member_start(&cluster, away);
    assert_true(temp_member_follow(&cluster, away));
    assert_int_equal(temp_member_step(&cluster, away, PG_STEP_LOST, &step), ERR_OK);
    assert_true(step.must_clone);
    temp_member_end(&cluster, away, SIGINT);
    temp_member_do(&cluster, away, MEMBER_CLONE);
    temp_cluster_insert(&cluster, 10);
    temp_cluster_rejoin(&cluster, away);
    temp_member_wait_for_row(&cluster, away, 10);
    temp_member_wait(&cluster, cluster.facts.primary.member,
                     reserved); /* what it needs is kept again */
    set(cluster.facts.primary.member, "max_slot_wal_keep_size", "4GB");
}

/* Zero the bytes of the log before lsn, in the file of its timeline. */
static void spoil_log(uint64_t id, struct pg_wal_place place, int bytes)
{
    enum { SEGMENT = 2 << 20 };
    static const char zeros[4096];
    uint64_t at = place.lsn - (uint64_t)bytes;
    char path[200];
    snprintf(path, sizeof(path), "%s/pg_wal/%08X%08X%08X", temp_member_of(&cluster, id)->pg_dir,
             place.timeline, (unsigned)(at >> 32), (unsigned)((at & 0xffffffff) / SEGMENT));
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, zeros, (size_t)bytes, (off_t)(at % SEGMENT)), bytes);
    close(fd);
}

/* Less on disk than it said: no report, no following; a copy makes it good again. */
static void test_less_than_it_reported(void **unused)
{
    (void)unused;
    uint64_t old = cluster.facts.primary.member, spoilt = temp_member_after(old),
             other = temp_member_after(spoilt);
    temp_cluster_insert(&cluster, 11);
    temp_member_end(&cluster, old, SIGINT);
    temp_cluster_fence(&cluster);
    temp_member_end(&cluster, spoilt, SIGKILL);
    spoil_log(spoilt, temp_member_of(&cluster, spoilt)->reported_place, 64);
    temp_member_of(&cluster, spoilt)->positioned = false;
    assert_int_equal(temp_member_step(&cluster, spoilt, MEMBER_REPORT, &step), ERR_OK);
    assert_true(step.amnesia);
    assert_true(
        pg_wal_compare(step.position.place, temp_member_of(&cluster, spoilt)->reported_place) < 0);
    temp_member_of(&cluster, spoilt)->positioned = false;
    assert_int_equal(temp_member_step(&cluster, spoilt, MEMBER_START, &step), ERR_OK);
    assert_true(step.amnesia);
    temp_member_start(&cluster, old); /* it has all, and makes the majority */
    temp_cluster_fence(&cluster);
    temp_cluster_serve(&cluster, other);
    temp_member_of(&cluster, spoilt)->positioned = false;
    assert_int_equal(temp_member_step(&cluster, spoilt, MEMBER_FOLLOW, &step), ERR_OK);
    assert_true(step.amnesia);
    assert_int_equal(temp_member_of(&cluster, spoilt)->source, 0);
    temp_member_do(&cluster, spoilt, MEMBER_CLONE);
    temp_cluster_rejoin(&cluster, spoilt);
    temp_member_wait_for_row(&cluster, spoilt, 11);
}

/* Another cluster's data: no step begins with it, and it stays as it is. */
static void test_another_clusters_data(void **unused)
{
    (void)unused;
    static const int kinds[] = {MEMBER_START, MEMBER_REPORT, MEMBER_FOLLOW, MEMBER_REWIND,
                                MEMBER_CLONE};
    uint64_t away = temp_member_after(cluster.facts.primary.member);
    struct temp_member *member = temp_member_of(&cluster, away);
    struct pg_control before, control;
    char kept[160];
    temp_member_end(&cluster, away, SIGINT);
    snprintf(kept, sizeof(kept), "%s.kept", member->pg_dir);
    assert_int_equal(rename(member->pg_dir, kept), 0);
    temp_member_do(&cluster, away, MEMBER_INITIALISE);
    const char *bin_dir = temp_postgres_bin_dir();
    assert_int_equal(pg_control_read(bin_dir, member->pg_dir, &before, &cluster.err), ERR_OK);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        member->positioned = false;
        assert_int_equal(temp_member_step(&cluster, away, kinds[i], &step), ERR_CONFLICT);
        assert_non_null(strstr(step.err.text, "of another database cluster"));
        assert_false(step.must_clone);
    }
    assert_int_equal(pg_control_read(bin_dir, member->pg_dir, &control, &cluster.err), ERR_OK);
    assert_true(control.system_id == before.system_id);
    assert_int_equal(file_remove_tree(member->pg_dir, &cluster.err), ERR_OK);
    assert_int_equal(rename(kept, member->pg_dir), 0);
    member->positioned = false;
    temp_cluster_rejoin(&cluster, away);
}

static void conninfo_of(uint64_t id, enum pg_access_use use, char conninfo[PG_ACCESS_CONNINFO])
{
    pg_access_conninfo(&temp_member_of(&cluster, id)->settings,
                       &cluster.facts.members[cluster.facts.primary.member - 1], id, use, conninfo);
}

static pid_t run_receivewal(uint64_t id)
{
    char program[160], conninfo[PG_ACCESS_CONNINFO], slot[32];
    conninfo_of(id, PG_ACCESS_FOLLOW, conninfo);
    snprintf(program, sizeof(program), "%s/pg_receivewal", temp_postgres_bin_dir());
    snprintf(slot, sizeof(slot), "--slot=repl_%d", (int)id);
    char *strange = strstr(conninfo, "dbname=replication "); /* it sets that itself */
    memset(strange, ' ', strlen("dbname=replication "));
    pid_t pid = fork();
    if (pid)
        return pid;
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 2);
    unsetenv("LD_PRELOAD");
    execl(program, program, "-n", "-D", temp_member_of(&cluster, id)->root, slot, "-d", conninfo,
          (char *)NULL);
    _exit(97);
}

/* The sender of a member that says nothing any more, and the member anew under the same name, role
 * and slot: the old sender ends and the new one gets its slot; never do two count. */
static void test_the_same_name_twice(void **unused)
{
    (void)unused;
    uint64_t twice = temp_member_after(cluster.facts.primary.member);
    char name[160], one[256];
    snprintf(
        name, sizeof(name),
        "SELECT coalesce(max(pid), 0) FROM pg_stat_replication WHERE application_name = 'repl_%d'",
        (int)twice);
    snprintf(one, sizeof(one),
             "SELECT count(*) = 1 AND bool_and(r.pid = s.active_pid) FROM pg_stat_replication r,"
             " pg_replication_slots s WHERE r.application_name = 'repl_%d'"
             " AND s.slot_name = 'repl_%d' AND r.state = 'streaming'",
             (int)twice, (int)twice);
    temp_member_wait(&cluster, cluster.facts.primary.member, one);
    int64_t sender = temp_member_int(&cluster, cluster.facts.primary.member, name);
    pid_t receiver =
        (pid_t)temp_member_int(&cluster, twice, "SELECT pid FROM pg_stat_wal_receiver");
    set(cluster.facts.primary.member, "wal_sender_timeout", "1s");
    kill(receiver, SIGSTOP); /* its end of the connection is there, and says nothing any more */
    int64_t now = sender;
    pid_t again = 0;
    uint64_t end_ns = clock_boot_ns() + 10 * CLOCK_S;
    while (
        (now == sender || !now || !temp_member_true(&cluster, cluster.facts.primary.member, one)) &&
        clock_boot_ns() < end_ns) {
        if (!again || waitpid(again, NULL, WNOHANG) == again)
            again = run_receivewal(twice);
        usleep(200000);
        assert_int_equal(
            pg_replicas_check(temp_member_of(&cluster, cluster.facts.primary.member)->db, NULL,
                              &cluster.err),
            ERR_OK);
        if (temp_member_true(&cluster, cluster.facts.primary.member, one))
            now = temp_member_int(&cluster, cluster.facts.primary.member, name);
    }
    assert_int_not_equal(now, sender);
    kill(again, SIGKILL);
    waitpid(again, NULL, 0);
    kill(receiver, SIGCONT);
    temp_member_wait(&cluster, twice,
                     "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')");
    temp_cluster_insert(&cluster, 40);
    temp_member_wait_for_row(&cluster, twice, 40);
    set(cluster.facts.primary.member, "wal_sender_timeout", "10s");
}

static void put_revoked(uint64_t id, uint64_t at)
{
    struct temp_member *member = temp_member_of(&cluster, at);
    struct certificate certificate;
    const char *serial = certificate.serial;
    char *list;
    assert_int_equal(certificate_read(temp_member_of(&cluster, id)->settings.certificate_file,
                                      &certificate, &cluster.err),
                     ERR_OK);
    assert_int_equal(
        ca_revoke(cluster.ca.ca, &serial, id != at, cluster.ca.arena, &list, &cluster.err), ERR_OK);
    member->settings.revoked_file = arena_printf(cluster.ca.arena, "%s/revoked", member->root);
    assert_int_equal(
        file_write(member->settings.revoked_file, list, strlen(list), 0644, &cluster.err), ERR_OK);
    member->revokes = true;
    temp_member_do(&cluster, at, PG_STEP_STEER);
}

/* Its list has nobody, then one; a running PostgreSQL takes it, and others still come in. */
static void test_a_revoked_certificate(void **unused)
{
    (void)unused;
    uint64_t serving = cluster.facts.primary.member, bad = temp_member_after(serving),
             good = temp_member_after(bad);
    put_revoked(serving, serving);
    temp_member_do(&cluster, bad, PG_STEP_LOST);
    put_revoked(bad, serving);
    assert_int_equal(temp_member_step(&cluster, bad, PG_STEP_LOST, &step), ERR_UNAVAILABLE);
    assert_non_null(strstr(step.err.text, "revoked"));
    temp_member_do(&cluster, good, PG_STEP_LOST);
    temp_member_of(&cluster, serving)->revokes = false;
    temp_member_do(&cluster, serving, PG_STEP_STEER);
    temp_member_do(&cluster, bad, PG_STEP_LOST);
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
        cmocka_unit_test(test_a_lost_slot),           cmocka_unit_test(test_less_than_it_reported),
        cmocka_unit_test(test_another_clusters_data), cmocka_unit_test(test_the_same_name_twice),
        cmocka_unit_test(test_a_revoked_certificate),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
