/*
 * A follower that has not heard its leader for the least election timeout has none. libraft 0.22
 * keeps it until the own, random timeout has passed, up to twice as long, and refuses every vote
 * until then: an election took as long as the slower of two timeouts. Loop thread.
 * Source: Ongaro's dissertation, 4.2.3; libraft src/recv_request_vote.c.
 */
#pragma once

#include <raft.h>

/** Call at least every period_ms; now_ms by the clock of raft's io. */
void silent_leader_forget(struct raft *raft, raft_time now_ms, unsigned period_ms);

/**
 * Call before libraft sees that a member asks for a vote: it has not heard the leader for an
 * election timeout, so whoever heard it two heartbeats later, and nothing since, has none either.
 */
void silent_leader_asked(struct raft *raft, raft_time now_ms);
