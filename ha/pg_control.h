/*
 * What pg_control says of a data directory that does not run, by pg_controldata. Blocking.
 * Source: PostgreSQL manual, pg_controldata.
 */
#pragma once

#include <stdbool.h>

#include "ha/pg_wal.h"

struct pg_control {
    bool shut_down; /* in an orderly way, as primary or as standby */
    uint64_t system_id;
    struct pg_wal_place redo; /* of the last checkpoint */
    uint64_t checkpoint_lsn;
    uint64_t consistent_lsn; /* it is not consistent before it has recovered to here */
};

/** Errors: NOT_FOUND (no program), CORRUPT (a field is missing or malformed,
 * the checksum does not match), IO. */
enum error_code pg_control_read(const char *bin_dir, const char *data_dir,
                                struct pg_control *control, struct error *err);
