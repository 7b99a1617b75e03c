/*
 * Which rack gets which DHCP blocks next, and when blocks of a rack that is gone are free again.
 * Pure: facts and a rack's question in, one command to propose out; the next is decided from the
 * facts that came of it. Rules: docs/ha.md. names: block_
 */
#pragma once

#include "raft/cluster_state.h"
#include "src/base/address.h"

enum {
    BLOCK_NEEDS = 256,
    BLOCK_DRIFT_PERCENT = 1, /* of clocks that run: rho */
    BLOCK_MARGIN_SHARE = 24, /* a rack's clock is right to a 24th of the term over its reboot */
};

struct block_range {
    ip4 first, last; /* inclusive */
};

/** What a rack lacks in one network. */
struct block_need {
    const struct block_range *ranges; /* ascending */
    int ranges_count;
    bool from_above;     /* the network's second rack */
    const char *partner; /* system_id of the network's other rack, NULL = there is none */
    uint32_t blocks;     /* so many more */
};

/** A rack's question: the store it has, up to which sequence, what it lacks, what it does not need
 * any more. */
struct block_ask {
    const char *rack, *store;
    uint64_t sequence;
    uint64_t told;     /* the highest sequence that its store has reported leases with */
    uint64_t renewals; /* of the answer that it decided by what to give back */
    const struct block_range *back; /* blocks from and to, by number; ascending */
    int back_count;
    uint32_t term_s, longest_s;
    bool renewed; /* the term was begun anew for this question */
    struct block_need *needs;
    int needs_count;
};

enum block_step {
    BLOCK_DONE,    /* nothing is left to do */
    BLOCK_PROPOSE, /* the command; when it is accepted call block_accepted and decide again */
    BLOCK_REFUSE,  /* the store lacks what it had confirmed: it owns nothing */
    BLOCK_BEHIND,  /* it has told of more: lost, or told after it asked, as the rack knows */
};
enum block_step block_decide(const struct cluster_state *facts, const struct block_ask *ask,
                             struct command *command);

/** The command was accepted: the ask wants that much less. */
void block_accepted(struct block_ask *ask, const struct command *command);

/** How long after a renewal was seen its blocks are free for certain. */
uint64_t block_reclaim_s(const struct cluster_block_owner *owner);

/** Since when (BOOTTIME) this process has known each renewal. Zero it at the start. */
struct block_watch {
    struct {
        uint32_t owner;
        uint64_t renewals, since_ns;
    } seen[CLUSTER_BLOCK_OWNERS];
    int count;
};

/** Look at the facts as they are now: on every change, by every member, so that a new leader has
 * waited already. True: command is the expiry to propose, if this member leads. */
bool block_watch_look(struct block_watch *watch, const struct cluster_state *facts, uint64_t now_ns,
                      struct command *command);
