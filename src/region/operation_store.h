/*
 * Long work on machines as rows: begun by who asks for it, claimed by a region's worker, carried on
 * by another when that one is gone. Runs inside the caller's transaction; any thread with a
 * database connection. names: operation_
 */
#pragma once

#include "src/region/machine_store.h"

/** One that a worker has claimed. Texts live in the arena. */
struct operation {
    const char *id, *kind, *step;
    const char *order_id; /* of the order under way: give it again unchanged */
    int attempt;          /* failures of this step so far */
    struct machine machine;
};

struct operation_begin {
    const char *kind;     /* a row of operation_kind.h */
    const char *username; /* who asked for it, or NULL */
    int delay_s;          /* not before */
    int again;            /* so many times the same was begun before (machine_watch.h) */
};

/**
 * Begin work on the machine; what was open on it ends. Nothing is recorded when nothing can switch
 * the machine's power (*begun false): a person does it.
 */
enum error_code operation_begin(struct db *db, const struct machine *machine,
                                const struct operation_begin *begin, bool *begun,
                                struct arena *arena, struct error *err);

/** End what is open on the machine; an order that is on its way is not called back. */
enum error_code operation_cancel(struct db *db, int64_t node_id, const char *why,
                                 struct arena *arena, struct error *err);

/** Is any due, for patience_s already, that nobody is at? In a DB_READ. */
enum error_code operation_is_due(struct db *db, int patience_s, bool *due, struct arena *arena,
                                 struct error *err);

/**
 * Claim at most most of those that are due, for claim_s seconds: each has an order id now, which
 * the caller commits before the order leaves. list has room for most; *count are claimed. Work on a
 * machine waits until an older order to it has come to its end.
 */
struct operation_claim {
    const char *worker; /* name of the region */
    int claim_s;
    int most;
    int patience_s; /* only those that nobody has claimed although due for so long */
};
enum error_code operation_claim(struct db *db, const struct operation_claim *claim,
                                struct operation *list, int *count, struct arena *arena,
                                struct error *err);

/** These (ids, array text) are still being worked on by us: their claims last claim_s from now. */
enum error_code operation_renew(struct db *db, const char *worker, const char *ids, int claim_s,
                                struct arena *arena, struct error *err);

/** How a claimed order stands when its answer has come. */
enum operation_standing {
    OPERATION_CURRENT, /* the row names it */
    OPERATION_ENDED,   /* the work was ended meanwhile; the claim is given up now */
    OPERATION_PASSED,  /* somebody else went on with the work: what was heard is old */
};
enum error_code operation_check(struct db *db, const struct operation *operation,
                                enum operation_standing *standing, struct error *err);

/** On to the next step: operation->step and order_id follow. */
enum error_code operation_next(struct db *db, struct operation *operation, const char *step,
                               struct arena *arena, struct error *err);

/** Again in delay_s seconds, by any region: with the same order id when its outcome is unknown. */
struct operation_retry {
    const char *why;
    int delay_s;
    bool same_order;
};
enum error_code operation_retry(struct db *db, const struct operation *operation,
                                const struct operation_retry *retry, struct arena *arena,
                                struct error *err);

/** Over; why NULL = well. */
enum error_code operation_end(struct db *db, const struct operation *operation, const char *why,
                              struct error *err);

/** Forget what ended long ago, some rows at a time. */
enum error_code operation_sweep(struct db *db, struct error *err);
