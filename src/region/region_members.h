/*
 * This region among the others: streams of calls to them, proposals on their way to the leader, and
 * the leader's duty to make raft's members those of the facts. Loop thread.
 */
#pragma once

#include "src/region/region.h"

/** Before the log is opened: its members may call at once. */
void region_members_open(struct region *region);

/** Another region opened its stream of calls (replica_setup.calls). */
void region_members_called(void *owner, uint64_t id, struct tls_stream *stream);

/** Row of region_part.h. */
void region_members_look(struct region *region, const struct cluster_view *view);

/**
 * Propose here, or have the leader propose. answer as in replica.h; UNAVAILABLE: nothing was done.
 */
void region_members_propose(struct region *region, const struct command *command,
                            replica_answer *answer, void *subject);
