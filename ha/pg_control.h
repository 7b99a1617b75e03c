/*
 * What pg_control says of a data directory that does not run: read here, by pg_controldata when it
 * is of a form that is not known here. Blocking.
 * Source: PostgreSQL 15's catalog/pg_control.h; PostgreSQL manual, pg_controldata.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ha/pg_wal.h"

enum { PG_CONTROL_BYTES = 8192 };

struct pg_control {
    bool shut_down; /* in an orderly way, as primary or as standby */
    uint64_t system_id;
    struct pg_wal_place redo; /* of the last checkpoint */
    uint64_t checkpoint_lsn;
    uint64_t consistent_lsn; /* it is not consistent before it has recovered to here */
};

/**
 * The file's bytes. False = it is damaged, or of another version or kind of machine; *control is
 * undefined then. Any thread.
 */
bool pg_control_parse(const uint8_t *bytes, size_t size, struct pg_control *control);

/** The same by pg_controldata of any version. Errors: as pg_control_read. */
enum error_code pg_control_ask(const char *bin_dir, const char *data_dir,
                               struct pg_control *control, struct error *err);

/** Errors: NOT_FOUND (no program), CORRUPT (a field is missing or malformed, the checksum does not
 * match), IO. */
enum error_code pg_control_read(const char *bin_dir, const char *data_dir,
                                struct pg_control *control, struct error *err);
