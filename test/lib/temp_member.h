/*
 * Members of a cluster for tests, as far as their PostgreSQL goes: real ones on loopback with the
 * files, roles and certificates of ha/, steered by its real steps. The facts are the test's to
 * write. Runs as the user gantry, as in production.
 */
#pragma once

#include <sys/types.h>

#include "ha/pg_step.h"
#include "src/db/db.h"
#include "test/lib/test_ca.h"

enum { TEMP_MEMBERS = 3 };

struct temp_member {
    uint64_t id;
    char root[64], run_dir[80], data_dir[80], pg_dir[96];
    struct ha_settings settings;
    struct pg_files files;
    struct db *db; /* the supervisor's */
    pid_t pid;     /* 0 = does not run */
    /* What pg_member keeps between steps: */
    bool answers, open, revokes;
    uint64_t source, reported;
    struct pg_wal_place reported_place;
    bool positioned;
    struct pg_position_taken taken;
    struct pg_position seen;
};

struct temp_cluster {
    struct test_ca ca;
    struct cluster_state facts;
    struct temp_member members[TEMP_MEMBERS]; /* with ids from 1 on */
    struct error err;
};

/** First thing in main: another program's user when that is root; exits 77 when it cannot be. */
void temp_member_become_gantry(void);

/** Folders, certificates, ports; no data yet. All are data voters. */
void temp_cluster_open(struct temp_cluster *cluster);
void temp_cluster_close(struct temp_cluster *cluster);

struct temp_member *temp_member_of(struct temp_cluster *cluster, uint64_t id);

/** The epoch's facts: names as SET would carry them. */
void temp_cluster_set(struct temp_cluster *cluster, int phase, uint64_t primary, uint32_t timeline);

/** One step with what the facts say; *step (may be NULL) is what came of it. */
enum error_code temp_member_step(struct temp_cluster *cluster, uint64_t id, int kind,
                                 struct pg_step *step);

/** The same; fails the test unless it succeeds. */
void temp_member_do(struct temp_cluster *cluster, uint64_t id, int kind);

/** The step, the process, and until it answers. */
void temp_member_start(struct temp_cluster *cluster, uint64_t id);

/** SIGINT (orderly), SIGQUIT, or SIGKILL to all of it at once. */
void temp_member_end(struct temp_cluster *cluster, uint64_t id, int number);

/** Lease aside, all of what SET's member does before its marker: step, signal, no recovery. */
void temp_member_promote(struct temp_cluster *cluster, uint64_t id);

/** SQL with the supervisor's rights in a connection of its own; a failure is the test's. */
void temp_member_sql(struct temp_cluster *cluster, uint64_t id, const char *sql);
bool temp_member_true(struct temp_cluster *cluster, uint64_t id, const char *condition);
int64_t temp_member_int(struct temp_cluster *cluster, uint64_t id, const char *sql);
void temp_member_wait(struct temp_cluster *cluster, uint64_t id, const char *condition);

/** The row that temp_cluster_insert made is there, soon. */
void temp_member_wait_for_row(struct temp_cluster *cluster, uint64_t id, int number);

/** The next of the members, the first behind the last. */
uint64_t temp_member_after(uint64_t id);

/* ---- the whole ---- */

/** On the primary: a row of table t. */
void temp_cluster_insert(struct temp_cluster *cluster, int number);

/** Member 1 makes the data and serves, the others copy it and follow; all vote. */
void temp_cluster_make(struct temp_cluster *cluster);

/** FENCE: those that run freeze and report. */
void temp_cluster_fence(struct temp_cluster *cluster);

/** SET to id on a timeline with a number skipped, others that run follow, SERVING, clients. */
void temp_cluster_serve(struct temp_cluster *cluster, uint64_t id);

/** Until it follows the serving primary and streams; rewound when it has gone another way. */
void temp_cluster_rejoin(struct temp_cluster *cluster, uint64_t id);

/** FREEZE; one whose receiver does not end in time is ended whole and started, as pg_member does.
 */
void temp_member_freeze(struct temp_cluster *cluster, uint64_t id);

/** FOLLOW until the primary can be followed; false = it diverged. */
bool temp_member_follow(struct temp_cluster *cluster, uint64_t id);
