/* Who is not heard leads no more: see silent_leader.h. */
#include "raft/silent_leader.h"

/* A period early: a follower whose timeout was the least asks the others when it has just passed,
 * and they heard the leader when it did. */
void silent_leader_forget(struct raft *raft, raft_time now_ms, unsigned period_ms)
{
    if (raft_state(raft) != RAFT_FOLLOWER || !raft->follower_state.current_leader.id ||
        now_ms + period_ms < raft->election_timer_start + raft->election_timeout)
        return;
    raft_free(raft->follower_state.current_leader.address);
    raft->follower_state.current_leader.address = NULL;
    raft->follower_state.current_leader.id = 0;
}

/* libraft looks once in a heartbeat's time whom it has sent nothing for that long: heartbeats come
 * up to two apart, to each follower at another time. Who asks and is refused asks again only after
 * a whole timeout. */
void silent_leader_asked(struct raft *raft, raft_time now_ms)
{
    silent_leader_forget(raft, now_ms, 2 * raft->heartbeat_timeout);
}
