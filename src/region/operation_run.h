/*
 * Carries out one claimed operation: its power orders one after the other, each known to the
 * database before it leaves, and what came of it. Blocking; a worker's thread.
 */
#pragma once

#include "src/region/operation_store.h"
#include "src/wire/seal.h"

/** A worker: what it works with. */
struct operation_run {
    struct db *db;
    struct arena *arena;
    const struct seal_ring *ring;
    unsigned order_timeout_ms;
    /** Asked before each transaction: points db at the primary; false: this region stops. */
    bool (*go_on)(void *subject);
    void *subject;
};

/**
 * Until the operation has ended, waits for its next attempt, or is somebody else's. What cannot be
 * recorded, because there is no primary, is tried for a while and then left: whoever claims the
 * operation next gives the same order again.
 */
void operation_run(const struct operation_run *run, struct operation *operation);
