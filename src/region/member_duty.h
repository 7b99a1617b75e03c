/*
 * The leader's duty that raft's own members are those of the facts: a new one is added without a
 * vote, gets it when it answers, and one that left is taken out. Level-triggered: one change at a
 * time, and looked at again after a change of leaders. Loop thread.
 */
#pragma once

#include "src/region/region.h"

enum member_duty_step {
    MEMBER_DUTY_NONE,
    MEMBER_DUTY_ADD,
    MEMBER_DUTY_PROMOTE,
    MEMBER_DUTY_REMOVE,
    MEMBER_DUTY_HAND_OVER, /* the leader itself has left: another one takes it out */
};

/** The next step, pure: member tells whom it is for. answers: does that member answer just now? */
enum member_duty_step member_duty_decide(const struct cluster_view *view,
                                         bool (*answers)(void *owner, uint64_t member), void *owner,
                                         uint64_t *member);

/** On the leader: take that step. */
void member_duty_look(struct region *region, const struct cluster_view *view);
