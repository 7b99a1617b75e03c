/*
 * One step of member_decide on the real PostgreSQL, as a piece of blocking work: copies of what it
 * needs go in, what it found comes out. On a thread of loop_run_blocking, one at a time for each
 * connection.
 */
#pragma once

#include <stdatomic.h>

#include "ha/member_decide.h"
#include "ha/pg_files.h"
#include "ha/pg_position.h"
#include "ha/pg_probe.h"

/* Beside the steps of member_decide. */
enum pg_step_kind {
    PG_STEP_LOOK = 100, /* does it answer, is it in recovery, where is it */
    PG_STEP_STEER,      /* names, members: what changed while it runs */
    PG_STEP_NAMES,      /* of a primary: in force, older senders ended, a marker acknowledged */
    PG_STEP_CHECKPOINT, /* a switchover begins */
    PG_STEP_STOPPED,    /* a switchover: was it shut down in an orderly way? */
    PG_STEP_LOST,       /* a standby that does not stream: is what it needs still there? */
};

struct pg_step {
    int kind; /* enum member_step or pg_step_kind */
    const struct pg_files *files;
    struct db *db; /* the supervisor's connection */
    struct cluster_state facts;
    uint64_t self;
    char names[CLUSTER_STANDBY_NAMES]; /* to be in force after the step */
    uint64_t source;                   /* conninfo stays at the primary of this epoch, 0 = empty */
    bool open;                         /* the gate stays open */
    bool revokes;                      /* there is a list of revoked certificates */
    bool answers;
    uint64_t reported; /* floor: epoch and position of the last report */
    struct pg_wal_place reported_place;
    const atomic_bool *over; /* a copy ends when nobody needs it any more; NULL = never */
    /* in and out */
    bool positioned;
    struct pg_position_taken position;
    /* out */
    struct pg_position seen;
    bool amnesia, diverged, must_clone;
    bool steered;      /* new settings were written: when it fails, perhaps in force, perhaps not */
    bool armed;        /* promote: with or without a signal it may become a primary now */
    bool must_recover; /* rewind: prepared to be started and stopped first */
    uint64_t switch_lsn;
    enum error_code code;
    struct error err;
};

void pg_step_run(struct pg_step *step);

/** "look", "freeze": for logs. */
const char *pg_step_word(int kind);
