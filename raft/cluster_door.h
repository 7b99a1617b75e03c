/*
 * The two doors between the API's threads and the control plane: cluster_read() copies the
 * published view, cluster_ask() proposes a command and waits. Any thread, but for the functions
 * marked loop. names: cluster_
 */
#pragma once

#include "raft/replica.h"

/** What everybody may know of the cluster at one moment. */
struct cluster_view {
    bool known; /* past the first barrier: facts are meant */
    bool leads; /* this member does */
    uint64_t self;
    struct cluster_state facts;
    struct replica_report raft;
    struct replica_server servers[LIMIT_REGIONS + 1]; /* raft's own members */
    int servers_count;
};

/** Copy the view last published. */
void cluster_read(struct cluster_view *view);

/**
 * Propose and wait for the outcome; while no region leads it is tried again. Errors: the refusal of
 * apply with its reason, UNAVAILABLE (no region led in that time, nothing was done), TIMEOUT and
 * UNKNOWN_OUTCOME (it may still happen). On a region that does not lead the view may show it a
 * heartbeat later.
 */
enum error_code cluster_ask(const struct command *command, unsigned timeout_ms, struct error *err);

/** loop: put the door in place; one per process. propose may be called from the loop only. */
void cluster_door_open(struct loop *loop,
                       void (*propose)(void *owner, const struct command *command,
                                       replica_answer *answer, void *subject),
                       void *owner);

/** loop: what cluster_read() answers from now on. */
void cluster_door_publish(const struct cluster_view *view);
