/*
 * What the supervisor asks of its own PostgreSQL through the local socket. Blocking: on a thread of
 * loop_run_blocking, one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/db/db.h"

struct pg_position {
    bool in_recovery;
    uint32_t timeline; /* of a primary: where it writes; of a standby: of its last checkpoint */
    uint64_t lsn;      /* written, or replayed */
    uint64_t system_id;
};

/** Errors: UNAVAILABLE while it does not answer yet. */
enum error_code pg_probe_position(struct db *db, struct pg_position *position, struct error *err);

/** The role and the database of the API exist afterwards. On a primary. */
enum error_code pg_probe_provide(struct db *db, struct error *err);

/**
 * Commit a record of the log that says text. OK means that the quorum has it and all before it.
 * Errors: UNKNOWN_OUTCOME when the wait for the quorum was broken off: PostgreSQL says yes then,
 * with a warning.
 */
enum error_code pg_probe_commit(struct db *db, const char *text, struct error *err);

/** Commit the marker of an epoch. *switch_lsn: where this timeline began, 0 for the first. */
enum error_code pg_probe_mark(struct db *db, uint64_t epoch, uint32_t timeline,
                              uint64_t *switch_lsn, struct error *err);
