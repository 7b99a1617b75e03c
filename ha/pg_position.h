/*
 * How far a member's data goes: the end of the last complete record on disk and the timeline that
 * owns it, or what was replayed if that is more. Only while nothing writes to the log: it does not
 * run, or it is a standby without a receiver. Blocking.
 */
#pragma once

#include "ha/pg_files.h"
#include "ha/pg_wal.h"
#include "src/db/db.h"

struct pg_position_taken {
    struct pg_wal_place place;
    uint64_t system_id;
    bool short_of;   /* it knows a timeline that begins past its end */
    bool incomplete; /* rewound: not consistent before it has followed its source further */
};

/** db: the supervisor's connection to a running one, or NULL. Errors: UNAVAILABLE, CORRUPT, IO. */
enum error_code pg_position_take(const struct pg_files *files, struct db *db,
                                 struct pg_position_taken *taken, struct error *err);

/**
 * Forget every timeline that begins past place, and the empty history files above: what starts then
 * recovers along the timeline that owns its end. Only while it does not run.
 */
void pg_position_forget_beyond(const struct pg_files *files, struct pg_wal_place place);
