/*
 * The floor file: what this member must never go below, whatever it forgets otherwise. Written and
 * fsynced before the first grant, report, conninfo or promote of a new epoch. Lost or damaged, the
 * member is a wiped one: it must not use its raft directory any more.
 */
#pragma once

#include <stdint.h>

#include "src/base/error.h"

struct floor_values {
    uint64_t pg_epoch;     /* highest primary epoch seen */
    uint64_t vip_epoch;    /* highest epoch of any virtual IP seen */
    uint64_t acceptors;    /* acceptor set version */
    uint32_t lease_ms_max; /* longest lease ever granted */
    uint32_t had_data;     /* 1: this member had a data directory at some time */
};

/** Errors: NOT_FOUND (never written: a new member), CORRUPT, IO. */
enum error_code floor_read(const char *path, struct floor_values *values, struct error *err);

/** Durable when it returns. Asserts that nothing goes down. */
enum error_code floor_raise(const char *path, struct floor_values *stored,
                            const struct floor_values *wanted, struct error *err);
