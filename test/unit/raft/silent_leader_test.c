/* When a follower has no leader any more. */
// rooms: raft
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "raft/silent_leader.h"

enum { HEARTBEAT_MS = 50, ELECTION_MS = 500, HEARD_MS = 10000 };

static void follower_of(struct raft *raft, raft_id leader)
{
    static const char address[] = "region2@10.0.0.2:5250";
    memset(raft, 0, sizeof(*raft));
    raft->state = RAFT_FOLLOWER;
    raft->election_timeout = ELECTION_MS;
    raft->election_timer_start = HEARD_MS;
    raft->follower_state.current_leader.id = leader;
    raft->follower_state.current_leader.address = raft_malloc(sizeof(address));
    memcpy(raft->follower_state.current_leader.address, address, sizeof(address));
}

static raft_id leader_after(struct raft *raft, unsigned silent_ms)
{
    raft_id id;
    const char *address;
    silent_leader_forget(raft, HEARD_MS + silent_ms, HEARTBEAT_MS);
    raft_leader(raft, &id, &address);
    assert_true((address != NULL) == (id != 0));
    return id;
}

static void test_the_least_timeout(void **state)
{
    (void)state;
    struct raft raft;
    follower_of(&raft, 2);
    assert_int_equal(leader_after(&raft, 0), 2);
    assert_int_equal(leader_after(&raft, ELECTION_MS - HEARTBEAT_MS - 1), 2);
    assert_int_equal(leader_after(&raft, ELECTION_MS - HEARTBEAT_MS), 0);
    assert_int_equal(leader_after(&raft, ELECTION_MS), 0);
}

/* Heartbeats come up to two apart: who asks heard the last one up to so much earlier. */
static void test_a_vote_is_asked_for(void **state)
{
    (void)state;
    struct raft raft;
    raft_id id;
    const char *address;
    follower_of(&raft, 2);
    raft.heartbeat_timeout = HEARTBEAT_MS;
    silent_leader_asked(&raft, HEARD_MS + ELECTION_MS - 2 * HEARTBEAT_MS - 1);
    raft_leader(&raft, &id, &address);
    assert_int_equal(id, 2);
    silent_leader_asked(&raft, HEARD_MS + ELECTION_MS - 2 * HEARTBEAT_MS);
    raft_leader(&raft, &id, &address);
    assert_int_equal(id, 0);
}

static void test_only_of_a_follower(void **state)
{
    (void)state;
    struct raft raft;
    memset(&raft, 0, sizeof(raft));
    raft.state = RAFT_LEADER;
    raft.id = 1;
    raft.election_timeout = ELECTION_MS;
    silent_leader_forget(&raft, HEARD_MS, HEARTBEAT_MS);
    assert_int_equal(raft_state(&raft), RAFT_LEADER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_least_timeout),
        cmocka_unit_test(test_a_vote_is_asked_for),
        cmocka_unit_test(test_only_of_a_follower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
