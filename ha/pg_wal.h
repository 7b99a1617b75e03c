/*
 * PostgreSQL's write-ahead log as bytes: follows its records to the last complete one, and tells
 * which timeline owns a place by the history file. Pure; any thread.
 * Source: PostgreSQL's xlog_internal.h, xlogrecord.h, xlogreader.c (15 to 17).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum {
    PG_WAL_PAGE_BYTES = 8192,
    PG_WAL_TIMELINES = 1024,
    PG_WAL_HISTORY_BYTES = 16 << 20, /* of a history file: some 350,000 promotes */
};

/* A place in the log. Compare timelines first, then LSNs. */
struct pg_wal_place {
    uint32_t timeline;
    uint64_t lsn;
};

/* The ancestry of a timeline, oldest first; the last entry is itself and has no end. Of a longer
 * one the newest PG_WAL_TIMELINES: what lies before is taken for foreign. */
struct pg_wal_history {
    int count;
    struct {
        uint32_t timeline;
        uint64_t end; /* its child begins here; UINT64_MAX for the last */
    } entries[PG_WAL_TIMELINES];
};

/**
 * Parse the history file of timeline (its text, NUL-terminated; "" for timeline 1).
 * Errors: CORRUPT.
 */
enum error_code pg_wal_history_parse(const char *text, uint32_t timeline,
                                     struct pg_wal_history *history, struct error *err);

/** The timeline that owns the byte before lsn: whose record ends there. */
uint32_t pg_wal_owner(const struct pg_wal_history *history, uint64_t lsn);

/**
 * Reads the page that begins at lsn along history; false = there is none.
 */
typedef bool pg_wal_read_page(void *subject, const struct pg_wal_history *history, uint64_t lsn,
                              uint8_t page[PG_WAL_PAGE_BYTES]);

/**
 * Follow records from the one that begins at (or first after the page header at) from, until one is
 * not complete or not valid. Returns where the last good one ends, from itself when there is none.
 * system_id 0 = any.
 */
struct pg_wal_scan {
    uint64_t from, system_id;
    uint64_t segment_bytes; /* of a file of the log: a power of two */
    pg_wal_read_page *read_page;
    void *subject;
};
uint64_t pg_wal_follow(const struct pg_wal_scan *scan, const struct pg_wal_history *history);

/** CRC-32C, which guards PostgreSQL's records and pg_control. */
uint32_t pg_wal_sum(const uint8_t *bytes, size_t size);

/** Negative, 0, positive: a before, at, after b. */
int pg_wal_compare(struct pg_wal_place a, struct pg_wal_place b);
