/*
 * Where a data directory's write-ahead log ends: the end of the last complete record on disk, and
 * the timeline that owns it. Nobody may be writing to the log. After a restart PostgreSQL itself
 * says less than it acknowledged, and pg_control's timeline is stale. Blocking.
 */
#pragma once

#include "ha/pg_wal.h"

/**
 * from: a record that is known to be valid, on its timeline: the redo point of the last checkpoint,
 * or what was replayed. Looks along every timeline whose ancestry goes through it; system_id 0 =
 * any. Errors: NOT_FOUND (no log there), CORRUPT (a history file), IO.
 */
enum error_code pg_wal_files_end(const char *data_dir, struct pg_wal_place from, uint64_t system_id,
                                 struct pg_wal_place *end, struct error *err);

/** The ancestry of a timeline by its history file. Errors: NOT_FOUND, CORRUPT, IO. */
enum error_code pg_wal_files_history(const char *data_dir, uint32_t timeline,
                                     struct pg_wal_history *history, struct error *err);
