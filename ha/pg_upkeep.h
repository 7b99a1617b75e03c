/*
 * What keeps a running PostgreSQL as it should be; for pg_member.c alone, which shares its insides.
 * Loop thread. names: pg_upkeep_ pg_member_ pg_orders_
 */
#pragma once

#include <stdatomic.h>

#include "ha/pg_member.h"
#include "ha/pg_step.h"
#include "ha/pg_watch.h"
#include "src/base/op.h"

enum { PG_UPKEEP_RETRY_MS = 1000 /* after a failed step */ };

/* What is written into PostgreSQL's files and reloaded. */
struct pg_steering {
    char names[CLUSTER_STANDBY_NAMES];
    uint64_t source; /* epoch whose primary conninfo names, 0 = empty */
    bool open;
    uint64_t members; /* hash of who may replicate */
    unsigned revoked; /* generation of the list of revoked certificates */
};

/* A switchover that this primary carries out. */
struct pg_change {
    uint64_t epoch, to;  /* epoch 0 = none */
    bool stopping;       /* the checkpoint is made */
    uint64_t stopped_ns; /* it was handed over; 0 = not yet */
};

struct pg_member {
    struct pg_member_setup setup;
    struct pg_files files;
    struct cluster_state facts;
    uint64_t self;
    struct member_observed seen;
    struct pg_position position; /* as last looked at */
    bool positioned;             /* taken holds while nothing can write to the log */
    struct pg_position_taken taken;

    struct op op; /* the step in flight */
    int op_kind;
    uint64_t op_epoch; /* of the facts when the last step began */
    atomic_bool over;  /* nobody needs it any more */
    bool db_broken;    /* what it waited for is no use: it is dialled anew */
    bool db_used;      /* a thread has the connection, perhaps for a step that was given up */
    struct db *db;
    struct loop_timer timer;
    int step; /* as decided last */
    uint64_t looked_ns, wait_until_ns;
    uint64_t below_ns; /* since when the facts are older than what it acted by, 0 = they are not */
    uint64_t fenced_epoch, fenced_ns; /* since when that epoch is seen as fenced */
    uint64_t proposed_ns, proposed_epoch;
    int proposed;
    uint64_t starts_with; /* epoch its conninfo names from the start on, 0 = empty */
    bool queried, ours;   /* ours: this process started what runs */
    bool recovering;      /* started only to be shut down for a rewind */
    int recoveries;
    uint64_t diverged, must_clone; /* epoch in which that was found */
    bool amnesia;
    struct pg_steering in_force;
    char problem[256];

    struct lease_hold hold;
    _Atomic uint64_t lease_epoch, lease_end_ns;

    /* As a primary: */
    uint64_t switch_lsn, failed;
    uint64_t in_force_version, ready_mark, ready_voter, preset; /* of the data voters */
    int gone_looks; /* watches in a row that did not see the next voter stream */
    bool checkpointed;
    uint64_t opened_ns;
    struct pg_change change;

    struct op watch, dial;
    struct db *watch_db;
    uint64_t dial_next_ns, dial_good_ns;
    uint64_t watch_next_ns, watch_good_ns, stream_ns, lost_next_ns;
    int watch_late;       /* looks in a row that saw it silent */
    uint64_t late_ns;     /* the last of them */
    uint64_t dialled_for; /* epoch in which it was begun to dial it */
    bool streams, warm;   /* warm: see pg_watch.h */
    int replicas_count;
    struct pg_replica replicas[LIMIT_REGIONS];
};

/** Begin a piece of blocking work; its end comes to pg_member_look by changed(). */
void pg_member_begin(struct pg_member *member, int kind);

/** Say what is wrong, once, and try no step for wait_ms. */
void pg_member_fail(struct pg_member *member, const struct error *err, uint64_t wait_ms);

/* pg_orders.c: through fenced, each taking the op. */

/** What runs, and what is held? Before all else. */
void pg_orders_query(struct pg_member *member);

/** Start it, with the files as they are. */
void pg_orders_start(struct pg_member *member);

/** End it. */
void pg_orders_stop(struct pg_member *member, enum fence_stop mode, uint32_t timeout_ms);

/** The promote signal, inside the lease. */
void pg_orders_promote(struct pg_member *member);

/** A lease_hold's extended(): PostgreSQL may live until then. Takes no op. */
void pg_orders_extended(void *owner, struct lease_hold *hold);

/** It has stopped; what it needed goes with it. */
void pg_orders_stopped(struct pg_member *member);

/* pg_upkeep.c: */

/** What should be in force now. */
void pg_upkeep_wanted(const struct pg_member *member, struct pg_steering *wanted);

/** Facts that stay older than what this member acted by are no passing state: it says so. */
void pg_upkeep_floor(struct pg_member *member, uint64_t now_ns);

/** A piece of work that keeps what runs as it should be, 0 = none. */
int pg_upkeep_next(const struct pg_member *member, uint64_t now_ns);

/** Look at it, when it is time, and judge what was seen. */
void pg_upkeep_watch(struct pg_member *member, uint64_t now_ns);

/** The next step of a switchover; true = it takes the op, or forbids other steps. */
bool pg_upkeep_change(struct pg_member *member);

/** The shutdown of a switchover was orderly: hand over. */
void pg_upkeep_stopped(struct pg_member *member);
