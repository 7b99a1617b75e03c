/*
 * The leader's next proposal: who is primary, who votes on data, who grants leases, who holds which
 * virtual IP. Pure: facts and what was heard in, one command out; a stale decision is refused by
 * apply, which compares epoch, phase and versions. The rules are those of docs/ha.md. Loop thread.
 * names: failover_
 */
#pragma once

#include "ha/failover_watch.h"
#include "raft/command.h"

enum {
    FAILOVER_QUIET_MS =
        200, /* who is to get a virtual IP was heard since; nobody loses one before */
    FAILOVER_GATHER_MS =
        100,                /* a new leader has heard of all that are there; before it moves none */
    FAILOVER_SET_MS = 2000, /* SET without SERVING for longer is given up, or 2 D */
    FAILOVER_COPY_MS = 1800000, /* or this, while a data voter copies the named member's data */
    FAILOVER_PREFER_MS = 500,   /* how long the preferred member's report is waited for */
    FAILOVER_IN_VAIN = 20,      /* epochs in a row that never served; the next ones come later, */
    FAILOVER_REST_MS = 10000,   /* each by a second more, up to this */
    FAILOVER_STABLE_MS = 60000, /* a member must be fit this long before it gets a VIP back */
    FAILOVER_MOVE_MS = 10000,   /* between moves of virtual IPs for balance */
};

/**
 * True = propose *command; *why (static, for the log) says the reason, or what is waited for. One
 * proposal at a time: decide again when its outcome is in the facts, or it failed.
 */
bool failover_decide(const struct cluster_state *facts, const struct failover_watch *watch,
                     struct command *command, const char **why);

/** The parts of it, in this order. */
bool failover_primary(const struct cluster_state *facts, const struct failover_watch *watch,
                      struct command *command, const char **why);
bool failover_sets(const struct cluster_state *facts, const struct failover_watch *watch,
                   struct command *command, const char **why);
bool failover_vips(const struct cluster_state *facts, const struct failover_watch *watch,
                   struct command *command, const char **why);

/** Has a majority of the acceptors told, in the last second, that it promises epoch no more? */
bool failover_unpromised(const struct cluster_state *facts, const struct failover_watch *watch,
                         struct lease_resource resource, uint64_t epoch);

/**
 * The better of two frozen positions: timeline, then LSN, then preference, priority and the lower
 * id. Asserts that neither is missing.
 */
bool failover_better(const struct failover_member *a, const struct failover_member *b,
                     uint64_t prefer);
