/*
 * The WAL receiver of a standby: whether it lives, and how it is ended for good. What it has
 * acknowledged counts in a quorum, so a position is taken only when it is gone. Blocking; through
 * the supervisor's connection.
 */
#pragma once

#include <stdbool.h>

#include "src/db/db.h"

enum { PG_RECEIVER_END_MS = 100, PG_RECEIVER_GONE_MS = 20 };

struct pg_receiver {
    int pid; /* 0 = there is none */
    bool streams;
};

enum error_code pg_receiver_look(struct db *db, struct pg_receiver *receiver, struct error *err);

/**
 * End it and see it gone twice, PG_RECEIVER_GONE_MS apart. The empty conninfo must be in force
 * (written, synced, reloaded), else a new one comes up. Errors: TIMEOUT after PG_RECEIVER_END_MS:
 * only the end of the whole postmaster will do.
 */
enum error_code pg_receiver_end(struct db *db, struct error *err);
