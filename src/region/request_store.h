/*
 * Exactly once: the request ids of writes and what was answered. Runs inside the transaction of
 * the write itself. Pool threads. Source: ha.md, exactly once.
 */
#pragma once

#include "src/region/api.h"
#include "src/wire/seal.h"

/**
 * The first statement of a write: claim the id for subject (who and what). *repeated: it was
 * committed before; reply then holds the answer of that time, and a row was written, so that the
 * commit of this transaction is acknowledged by the quorum like any other.
 * Errors: CONFLICT (the id was used for something else), those of the database, of seal_open.
 */
struct request_claim {
    const char *id, *subject;
    const struct seal_ring *ring; /* answers are kept sealed */
    bool repeated;
};
enum error_code request_store_claim(struct db *db, struct request_claim *claim,
                                    struct api_reply *reply, struct error *err);

/** The last statement: keep the answer. Errors: those of the database. */
enum error_code request_store_keep(struct db *db, const struct request_claim *claim,
                                   struct api_reply *reply, struct error *err);

/** Forget an id whose work was not done after all: a repeat does it anew. */
enum error_code request_store_forget(struct db *db, const char *id, struct error *err);

/** Forget what no client repeats any more, some rows at a time. */
enum error_code request_store_sweep(struct db *db, struct error *err);
