/* Members on loopback: see temp_member.h. */
#include "test/lib/temp_member.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ha/pg_memory.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "test/lib/left_over.h"
#include "test/lib/own_host.h"
#include "test/lib/temp_postgres.h"

enum { WAIT_MS = 20000, POLL_US = 10000 };

static pthread_mutex_t told = PTHREAD_MUTEX_INITIALIZER;

void temp_member_become_gantry(void)
{
    const struct passwd *user = getpwnam("gantry");
    if (!user || (geteuid() && geteuid() != user->pw_uid))
        exit(77); /* its certificate map and its peer map are for this user */
    if (!geteuid() && (setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        abort();
}

static void release_memory(const char *root)
{
    char data[96];
    snprintf(data, sizeof(data), "%s/data/pg", root);
    pg_memory_release(data);
}

static void open_member(struct temp_cluster *cluster, uint64_t id)
{
    struct temp_member *member = temp_member_of(cluster, id);
    struct cluster_member *fact = &cluster->facts.members[id - 1];
    char conninfo[LIMIT_PATH + 128];
    *fact = (struct cluster_member){.id = id, .data_voter = true};
    snprintf(fact->address, sizeof(fact->address), "%s", own_host());
    snprintf(fact->name, sizeof(fact->name), "region%d", (int)id);
    fact->ports[CLUSTER_PORT_POSTGRES] = 5432 + (uint32_t)id;
    struct tls_files files = test_ca_files(&cluster->ca, fact->name, CA_ROLE_REGION, 30);
    member->id = id;
    char root[64]; /* in memory where that can be: it is many files, each of them synced */
    left_over_make(access("/dev/shm", W_OK) ? "/tmp/temp_member" : "/dev/shm/temp_member", root,
                   release_memory);
    snprintf(member->root, sizeof(member->root), "%s", root);
    snprintf(member->run_dir, sizeof(member->run_dir), "%s/run", root);
    snprintf(member->data_dir, sizeof(member->data_dir), "%s/data", root);
    snprintf(member->pg_dir, sizeof(member->pg_dir), "%s/data/pg", root);
    if (file_make_folders(member->run_dir, 0700, &cluster->err) ||
        file_make_folders(member->data_dir, 0700, &cluster->err))
        fail_msg("%s", cluster->err.text);
    member->settings = (struct ha_settings){.name = fact->name,
                                            .address = own_host(),
                                            .data_dir = member->data_dir,
                                            .run_dir = member->run_dir,
                                            .pg_bin_dir = temp_postgres_bin_dir(),
                                            .pg_port = (int)fact->ports[CLUSTER_PORT_POSTGRES],
                                            .ca_file = files.ca,
                                            .certificate_file = files.certificate,
                                            .key_file = files.key};
    pg_files_init(&member->files, &member->settings);
    pg_files_supervisor(&member->files, conninfo, sizeof(conninfo));
    member->db = db_new(conninfo);
}

void temp_cluster_open(struct temp_cluster *cluster)
{
    memset(cluster, 0, sizeof(*cluster));
    test_ca_open(&cluster->ca);
    strcpy(cluster->facts.name, "test");
    cluster->facts.members_count = TEMP_MEMBERS;
    for (uint64_t id = 1; id <= TEMP_MEMBERS; id++)
        open_member(cluster, id);
}

void temp_cluster_close(struct temp_cluster *cluster)
{
    for (uint64_t id = 1; id <= TEMP_MEMBERS; id++) {
        struct temp_member *member = temp_member_of(cluster, id);
        if (member->pid)
            temp_member_end(cluster, id, SIGKILL);
        db_free(member->db);
        release_memory(member->root);
        if (file_remove_tree(member->root, &cluster->err))
            fail_msg("%s", cluster->err.text);
    }
    test_ca_close(&cluster->ca);
}

struct temp_member *temp_member_of(struct temp_cluster *cluster, uint64_t id)
{
    return &cluster->members[id - 1];
}

void temp_cluster_set(struct temp_cluster *cluster, int phase, uint64_t primary, uint32_t timeline)
{
    struct cluster_primary *now = &cluster->facts.primary;
    now->epoch += phase == CLUSTER_FENCED;
    now->phase = phase;
    now->member = primary;
    now->timeline = timeline;
    now->standby_names[0] = '\0';
    if (primary)
        cluster_state_standby_names(&cluster->facts, primary, now->standby_names);
}

/* As pg_member's fill_step: each member's names are those it would need as primary. */
static void fill(const struct temp_cluster *cluster, const struct temp_member *member, int kind,
                 struct pg_step *step)
{
    const struct cluster_primary *primary = &cluster->facts.primary;
    *step = (struct pg_step){.kind = kind,
                             .files = &member->files,
                             .db = member->db,
                             .facts = cluster->facts,
                             .self = member->id,
                             .source = member->source,
                             .open = member->open || kind == MEMBER_OPEN,
                             .revokes = member->revokes,
                             .answers = member->answers,
                             .reported = member->reported,
                             .reported_place = member->reported_place,
                             .positioned = member->positioned,
                             .position = member->taken,
                             .seen = member->seen};
    cluster_state_standby_names(&cluster->facts, member->id, step->names);
    if (kind == MEMBER_START || kind == MEMBER_FREEZE)
        step->source = 0;
    if (kind == MEMBER_START)
        step->open = false;
    if (kind == MEMBER_FOLLOW)
        step->source = primary->epoch;
}

static void take_follow(struct temp_member *member, const struct pg_step *step)
{
    if (step->diverged || step->position.short_of || step->amnesia)
        return;
    member->source = step->facts.primary.epoch;
    member->positioned = false;
}

static void take(struct temp_member *member, const struct pg_step *step)
{
    switch (step->kind) {
    case PG_STEP_LOOK:
        member->seen = step->seen;
        break;
    case MEMBER_START:
        member->source = step->source;
        member->open = false;
        break;
    case MEMBER_FREEZE:
        member->source = 0;
        break;
    case MEMBER_REPORT:
        if (step->amnesia)
            break;
        member->reported = step->facts.primary.epoch;
        member->reported_place = step->position.place;
        break;
    case MEMBER_OPEN:
        member->open = true;
        break;
    case MEMBER_FOLLOW:
        take_follow(member, step);
        break;
    case MEMBER_REWIND:
    case MEMBER_CLONE:
        member->reported_place = (struct pg_wal_place){step->facts.primary.timeline, 0};
        member->positioned = false;
        break;
    default:
        break;
    }
}

enum error_code temp_member_step(struct temp_cluster *cluster, uint64_t id, int kind,
                                 struct pg_step *result)
{
    struct temp_member *member = temp_member_of(cluster, id);
    struct pg_step *step = calloc(1, sizeof(*step));
    assert_non_null(step);
    fill(cluster, member, kind, step);
    pg_step_run(step);
    enum error_code code = step->code;
    pthread_mutex_lock(&told);
    cluster->err = step->err; /* of steps at the same time, the one that ends last */
    pthread_mutex_unlock(&told);
    if (kind == MEMBER_START || kind == MEMBER_REPORT || kind == MEMBER_FOLLOW) {
        member->positioned = step->positioned;
        member->taken = step->position;
    }
    if (!code)
        take(member, step);
    if (result)
        *result = *step;
    free(step);
    return code;
}

void temp_member_do(struct temp_cluster *cluster, uint64_t id, int kind)
{
    if (temp_member_step(cluster, id, kind, NULL))
        fail_msg("member %d: %s: %s", (int)id, pg_step_word(kind), cluster->err.text);
}

static pid_t spawn(const struct temp_member *member)
{
    char program[160], option[LIMIT_PATH + 16], log[96];
    snprintf(program, sizeof(program), "%s/postgres", temp_postgres_bin_dir());
    snprintf(option, sizeof(option), "config_file=%s", member->files.config_file);
    snprintf(log, sizeof(log), "%s/log", member->root);
    pid_t pid = fork();
    if (pid)
        return pid;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(fd, 1);
    dup2(fd, 2);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    unsetenv("LD_PRELOAD");
    execl(program, program, "-D", member->files.data_dir, "-c", option, (char *)NULL);
    _exit(97);
}

static void wait_for_look(struct temp_cluster *cluster, uint64_t id, bool wants_primary)
{
    struct temp_member *member = temp_member_of(cluster, id);
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    while (temp_member_step(cluster, id, PG_STEP_LOOK, NULL) ||
           (wants_primary && member->seen.in_recovery)) {
        if (clock_boot_ns() > end || waitpid(member->pid, NULL, WNOHANG) == member->pid)
            fail_msg("member %d does not come up: %s; see %s/log", (int)id, cluster->err.text,
                     member->root);
        usleep(POLL_US);
    }
    member->answers = true;
}

void temp_member_start(struct temp_cluster *cluster, uint64_t id)
{
    struct temp_member *member = temp_member_of(cluster, id);
    temp_member_do(cluster, id, MEMBER_START);
    member->pid = spawn(member);
    wait_for_look(cluster, id, false);
}

void temp_member_end(struct temp_cluster *cluster, uint64_t id, int number)
{
    struct temp_member *member = temp_member_of(cluster, id);
    if (number == SIGKILL) {
        temp_postgres_kill(member->pid);
    } else {
        kill(member->pid, number);
        waitpid(member->pid, NULL, 0);
    }
    if (member->source || !member->seen.in_recovery)
        member->positioned = false;
    member->pid = 0;
    member->source = 0;
    member->answers = member->open = false;
}

void temp_member_promote(struct temp_cluster *cluster, uint64_t id)
{
    struct temp_member *member = temp_member_of(cluster, id);
    temp_member_do(cluster, id, MEMBER_PROMOTE);
    kill(member->pid, SIGUSR1);
    wait_for_look(cluster, id, true);
    member->positioned = false;
}

static enum error_code ask(const struct temp_member *member, const char *sql, struct db_rows *rows,
                           struct error *err)
{
    char conninfo[LIMIT_PATH + 128];
    struct db_statement statement = {"test", sql};
    pg_files_supervisor(&member->files, conninfo, sizeof(conninfo));
    struct db *db = db_new(conninfo);
    enum error_code code =
        rows ? db_query(db, &statement, DB_NO_PARAMS, rows, err) : db_script(db, sql, err);
    db_free(db);
    return code;
}

void temp_member_sql(struct temp_cluster *cluster, uint64_t id, const char *sql)
{
    if (ask(temp_member_of(cluster, id), sql, NULL, &cluster->err))
        fail_msg("member %d: %s: %s", (int)id, sql, cluster->err.text);
}

bool temp_member_true(struct temp_cluster *cluster, uint64_t id, const char *condition)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    return !ask(temp_member_of(cluster, id), condition, &rows, &cluster->err) && rows.count &&
           db_bool(&rows, 0, 0);
}

int64_t temp_member_int(struct temp_cluster *cluster, uint64_t id, const char *sql)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    if (ask(temp_member_of(cluster, id), sql, &rows, &cluster->err) || !rows.count)
        fail_msg("member %d: %s: %s", (int)id, sql, cluster->err.text);
    return db_int(&rows, 0, 0);
}

void temp_member_wait(struct temp_cluster *cluster, uint64_t id, const char *condition)
{
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    while (!temp_member_true(cluster, id, condition)) {
        if (clock_boot_ns() > end)
            fail_msg("member %d: never true: %s (%s)", (int)id, condition, cluster->err.text);
        usleep(POLL_US);
    }
}

void temp_member_wait_for_row(struct temp_cluster *cluster, uint64_t id, int number)
{
    char condition[64];
    snprintf(condition, sizeof(condition), "SELECT EXISTS (SELECT FROM t WHERE a = %d)", number);
    temp_member_wait(cluster, id, condition);
}

uint64_t temp_member_after(uint64_t id)
{
    return id % TEMP_MEMBERS + 1;
}

/* ---- the whole ---- */

void temp_cluster_insert(struct temp_cluster *cluster, int number)
{
    char sql[64];
    snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d)", number);
    temp_member_sql(cluster, cluster->facts.primary.member, sql);
}

bool temp_member_follow(struct temp_cluster *cluster, uint64_t id)
{
    struct pg_step *step = calloc(1, sizeof(*step));
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    enum error_code code;
    assert_non_null(step);
    while ((code = temp_member_step(cluster, id, MEMBER_FOLLOW, step)) == ERR_UNAVAILABLE &&
           clock_boot_ns() < end)
        usleep(POLL_US);
    if (code)
        fail_msg("member %d: follow: %s", (int)id, cluster->err.text);
    bool diverged = step->diverged;
    free(step);
    return !diverged;
}

static void wait_streams(struct temp_cluster *cluster, uint64_t id)
{
    char condition[160];
    snprintf(condition, sizeof(condition),
             "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming'"
             " AND application_name = 'repl_%d' AND flush_lsn IS NOT NULL)",
             (int)id);
    temp_member_wait(cluster, cluster->facts.primary.member, condition);
}

void temp_cluster_make(struct temp_cluster *cluster)
{
    for (int i = 1; i < TEMP_MEMBERS; i++)
        cluster->facts.members[i].data_voter = false;
    temp_member_do(cluster, 1, MEMBER_INITIALISE);
    temp_member_start(cluster, 1);
    temp_cluster_fence(cluster);
    temp_cluster_serve(cluster, 1);
    cluster->facts.primary.system_id = temp_member_of(cluster, 1)->taken.system_id;
    for (uint64_t id = 2; id <= TEMP_MEMBERS; id++) {
        temp_member_do(cluster, id, MEMBER_CLONE);
        temp_member_start(cluster, id);
        if (!temp_member_follow(cluster, id))
            fail_msg("member %d diverged", (int)id);
        wait_streams(cluster, id);
        cluster->facts.members[id - 1].data_voter = true;
        temp_member_do(cluster, 1, PG_STEP_NAMES);
    }
}

void temp_member_freeze(struct temp_cluster *cluster, uint64_t id)
{
    enum error_code code = temp_member_step(cluster, id, MEMBER_FREEZE, NULL);
    if (code == ERR_TIMEOUT) {
        temp_member_end(cluster, id, SIGQUIT);
        temp_member_start(cluster, id);
    } else if (code) {
        fail_msg("member %d: freeze: %s", (int)id, cluster->err.text);
    }
}

void temp_cluster_fence(struct temp_cluster *cluster)
{
    temp_cluster_set(cluster, CLUSTER_FENCED, 0, 0);
    for (uint64_t id = 1; id <= TEMP_MEMBERS; id++) {
        const struct temp_member *member = temp_member_of(cluster, id);
        if (!member->pid)
            continue;
        if (member->source)
            temp_member_freeze(cluster, id);
        temp_member_do(cluster, id, MEMBER_REPORT);
    }
}

void temp_cluster_serve(struct temp_cluster *cluster, uint64_t id)
{
    uint32_t timeline = cluster->facts.primary.timeline_reserved += 2;
    temp_cluster_set(cluster, CLUSTER_SET, id, timeline);
    temp_member_promote(cluster, id);
    assert_int_equal(temp_member_of(cluster, id)->seen.timeline, timeline);
    for (uint64_t other = 1; other <= TEMP_MEMBERS; other++)
        if (other != id && temp_member_of(cluster, other)->pid)
            assert_true(temp_member_follow(cluster, other));
    temp_member_do(cluster, id, MEMBER_MARK);
    temp_cluster_set(cluster, CLUSTER_SERVING, id, timeline);
    temp_member_do(cluster, id, MEMBER_OPEN);
    temp_member_do(cluster, id, PG_STEP_CHECKPOINT);
}

/* True = it is to be recovered and shut down in an orderly way first. */
static bool rewind_once(struct temp_cluster *cluster, uint64_t id, bool *must_clone)
{
    struct pg_step *step = calloc(1, sizeof(*step));
    assert_non_null(step);
    enum error_code code = temp_member_step(cluster, id, MEMBER_REWIND, step);
    bool must_recover = step->must_recover;
    *must_clone = step->must_clone;
    free(step);
    if (code && !*must_clone)
        fail_msg("member %d: rewind: %s", (int)id, cluster->err.text);
    return !code && must_recover;
}

static void rewind_member(struct temp_cluster *cluster, uint64_t id)
{
    bool must_clone;
    while (rewind_once(cluster, id, &must_clone)) {
        temp_member_of(cluster, id)->pid = spawn(temp_member_of(cluster, id));
        wait_for_look(cluster, id, false);
        temp_member_end(cluster, id, SIGINT);
    }
    if (must_clone)
        temp_member_do(cluster, id, MEMBER_CLONE);
}

void temp_cluster_rejoin(struct temp_cluster *cluster, uint64_t id)
{
    if (!temp_member_of(cluster, id)->pid)
        temp_member_start(cluster, id);
    if (!temp_member_follow(cluster, id)) {
        temp_member_end(cluster, id, SIGINT);
        rewind_member(cluster, id);
        temp_member_start(cluster, id);
        assert_true(temp_member_follow(cluster, id));
    }
    wait_streams(cluster, id);
}
