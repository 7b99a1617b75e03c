/*
 * Bugs that the simulation plants to see that it finds them. Only test/sim builds the cores with
 * GANTRY_PLANTS; everywhere else a planted bug is the constant false. Any thread.
 */
#pragma once

#include <stdbool.h>

#define PLANT_TABLE(X)                                                          \
    X(ignore_epoch, "an acceptor forgets its promise when a newer epoch asks")  \
    X(count_two_requests, "a holder counts grants of two requests")             \
    X(late_count_from, "a holder counts from the grant, not from its request")  \
    X(forget_floor, "an acceptor comes back without its floor and wait")        \
    X(any_incarnation, "an epoch is granted to a second process of its holder") \
    X(skip_freeze, "a report is taken while the receiver still receives")       \
    X(report_followed_timeline, "a report names the timeline that is followed") \
    X(report_minority, "the maximum is chosen of too few reports")              \
    X(choose_by_lsn, "the maximum ignores the timeline")                        \
    X(promote_unleased, "the lease is not looked at before the promote")        \
    X(follow_below_floor, "a standby follows the primary of an older epoch")    \
    X(degrade, "the primary acknowledges without its standbys")                 \
    X(open_unmarked, "clients are let in before the marker was acknowledged")   \
    X(promote_short, "a promote from a timeline whose start was not reached")   \
    X(reuse_timeline, "a promote takes the next free number, not the reserved one")

/* Of test/sim/block_test.c. */
#define PLANT_BLOCK_TABLE(X)                                                        \
    X(any_sequence, "a store that lost leases keeps its blocks")                    \
    X(reclaim_early, "blocks are free after half the term")                         \
    X(reclaim_from_first, "the term is counted from the first grant")               \
    X(term_from_answer, "a rack counts its term from the answer, not the question") \
    X(past_the_term, "leases end as they would without a term")                     \
    X(foreign_blocks, "a rack gives from the whole range")                          \
    X(lend_for_ever, "another's lease is renewed without a cap")                    \
    X(late_return, "a question that comes late gives back what was given again")    \
    X(early_return, "a block is given back while leases of it stand")               \
    X(confirmed_only, "a store is known by its last confirmation only")

#ifdef GANTRY_PLANTS
enum plant {
    PLANT_none,
#define X(name, what) PLANT_##name,
    PLANT_TABLE(X) PLANTS,
    PLANT_BLOCKS = PLANTS,
    PLANT_BLOCK_TABLE(X)
#undef X
        PLANT_BLOCKS_END
};
extern enum plant plant_now;
#define PLANTED(name) (plant_now == PLANT_##name)
#else
#define PLANTED(name) false
#endif
