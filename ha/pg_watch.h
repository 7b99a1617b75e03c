/*
 * The supervisor's look at a running PostgreSQL, every 200 ms on a thread and a connection of its
 * own: one that hangs holds up nothing else, and that it hangs is seen by the clock. Of a primary:
 * does it write, who replicates from it; of a standby: does it stream. Blocking.
 */
#pragma once

#include "ha/pg_replicas.h"

enum {
    PG_WATCH_MS = 200,              /* between looks */
    PG_WATCH_FAILED_MS = 800,       /* without a good one: three looks in a row */
    PG_WATCH_DIAL_MS = 1000,        /* between new connections */
    PG_WATCH_DIAL_FAILED_MS = 3500, /* without a new one: three in a row */
};

struct pg_watch {
    struct db *db;
    bool primary;
    /* The API's database is connected to once, "" = not: who connects to it first after a start
     * waits until PostgreSQL has read its catalogues, and that would be the first client after a
     * failover. */
    char warm[LIMIT_PATH + 128];
    /* out */
    bool streams, warmed;
    uint64_t lsn; /* written, or replayed */
    int replicas_count;
    struct pg_replica replicas[LIMIT_REGIONS];
    enum error_code code;
    struct error err;
};

void pg_watch_run(struct pg_watch *watch);

/**
 * Does it take a new connection? A postmaster that is frozen, or cannot fork, is not seen through
 * one that is there already. Blocking, for 2 s at most.
 */
bool pg_watch_dial(const char *conninfo);
