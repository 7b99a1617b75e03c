/*
 * Threads that answer what racks ask (rack_call.h), each with a database connection of its own: the
 * loop never waits for the database. Loop thread, unless a function says otherwise.
 */
#pragma once

#include "src/base/loop.h"
#include "src/region/rack_call.h"

struct rack_pool;

struct rack_pool_setup {
    struct loop *loop;
    int threads;   /* 0 = 3 */
    void *subject; /* of the function below */
    /** Is this epoch still the cluster's and its lease valid, now? Asked after a read; any thread.
     * NULL = always. */
    bool (*epoch_valid)(void *subject, uint64_t epoch);
};

/** Start the threads; stop waits for what runs, answers the rest with UNAVAILABLE. */
struct rack_pool *rack_pool_start(const struct rack_pool_setup *setup);
void rack_pool_stop(struct rack_pool *pool);

/** Where the primary is; conninfo NULL = there is none: calls are refused. Any thread. */
void rack_pool_primary(struct rack_pool *pool, const char *conninfo, uint64_t epoch);

/**
 * Run one call. params are borrowed. done is called on the loop, once, not from within; result is
 * borrowed and NULL on an error. Errors: those of the function; UNAVAILABLE (no primary), LIMIT
 * (too many calls wait), TIMEOUT (waited too long for a thread), UNKNOWN_OUTCOME.
 */
typedef void rack_pool_done(void *subject, json_t *result, const struct error *why);
struct rack_pool_call {
    const struct rack_call_row *row;
    const struct rack_peer *peer; /* copied */
    json_t *params;
};
void rack_pool_run(struct rack_pool *pool, const struct rack_pool_call *call, rack_pool_done *done,
                   void *subject);
