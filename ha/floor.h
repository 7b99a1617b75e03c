/*
 * The floor file: what this member must never go below, whatever it forgets otherwise. Written and
 * fsynced before the first grant, report, conninfo or promote of a new epoch. Lost or damaged, the
 * member is a wiped one: it must not use its raft directory any more.
 */
#pragma once

#include "ha/lease_core.h"
#include "ha/pg_wal.h"
#include "src/base/loop.h"

struct floor_values {
    uint64_t pg_epoch; /* highest primary epoch followed, reported, promoted or started for */
    uint64_t named;    /* highest a SET ever named this member for */
    uint64_t tried;    /* highest the promote signal was sent for */
    uint64_t reported; /* highest a frozen position was reported for */
    struct pg_wal_place place; /* that position: less on disk is amnesia */
    uint32_t had_data;         /* 1: this member had a data directory at some time */
    struct lease_floor lease;  /* of the acceptor */
};

/** Errors: NOT_FOUND (never written: a new member), CORRUPT, IO. Blocking. */
enum error_code floor_read(const char *path, struct floor_values *values, struct error *err);

/** Durable when it returns. Asserts that nothing goes down. Blocking. */
enum error_code floor_raise(const char *path, struct floor_values *stored,
                            const struct floor_values *wanted, struct error *err);

/*
 * The file as the control loop keeps it: its parts raise what they want and are told when that is
 * durable. Writes follow each other on a thread of loop_run_blocking; a failed one is tried again.
 * Loop thread only.
 */
struct floor;

/** Errors: CORRUPT, IO. A missing file is a new member's. */
enum error_code floor_open(struct loop *loop, const char *path, struct floor **floor,
                           struct error *err);
void floor_close(struct floor *floor);

/** What it shall say: raised in place, then floor_sync. */
struct floor_values *floor_wanted(struct floor *floor);

/** What is durable. */
const struct floor_values *floor_stored(const struct floor *floor);

/**
 * True = all that is wanted now is durable. Else false: stored(subject) comes once it is, not from
 * within.
 */
bool floor_sync(struct floor *floor, void (*stored)(void *subject), void *subject);

/** Why it cannot be written, "" = it can. */
const char *floor_problem(const struct floor *floor);
