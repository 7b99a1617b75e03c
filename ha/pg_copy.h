/*
 * A data directory from another member's: a whole copy, or the parts that differ. Blocking, for
 * minutes on large data. Source: PostgreSQL manual, pg_basebackup, pg_rewind.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "src/base/error.h"

struct pg_copy {
    const char *bin_dir, *data_dir;
    const char *conninfo;    /* of the source */
    const atomic_bool *over; /* a clone is given up when it becomes true; NULL = never */
};

/**
 * Copy the source into a new directory and put it in the place of data_dir, which is removed. A
 * crash leaves the old one or the new one, never a mixture. Errors: UNAVAILABLE (the source
 * or the copy failed; with pg_basebackup's words), NOT_FOUND (no program), IO.
 */
enum error_code pg_copy_clone(const struct pg_copy *copy, struct error *err);

/**
 * Make a directory that was shut down in an orderly way a copy of the source's past, by copying
 * what differs. A mark forbids its start from before the first change until pg_copy_finish: the
 * caller first writes its own files again. Errors: CONFLICT (no common ancestor: clone), others as
 * for clone.
 */
enum error_code pg_copy_rewind(const struct pg_copy *copy, struct error *err);
enum error_code pg_copy_finish(const char *data_dir, struct error *err);

/** A rewind began and was not finished: the directory is good for nothing but another rewind. */
bool pg_copy_is_torn(const char *data_dir);
