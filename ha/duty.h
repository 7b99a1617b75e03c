/*
 * The leader's duty: hears the members' statuses and proposes what failover_decide names, one
 * command at a time, under a lease of its own whose epoch is raft's term. Loop thread only.
 */
#pragma once

#include "ha/leases.h"
#include "raft/replica.h"

struct duty;

struct duty_setup {
    struct leases *leases; /* outlives it */
    void (*propose)(void *owner, const struct command *command, replica_answer *answer,
                    void *subject);
    /** Look again soon. */
    void (*changed)(void *owner);
    void *owner;
};

struct duty *duty_new(const struct duty_setup *setup);

/** Gone once the answer to what was proposed has come. */
void duty_free(struct duty *duty);

/** leads: past the barrier of term. Time passes through this: call it often. */
void duty_look(struct duty *duty, const struct cluster_state *facts, bool leads, uint64_t term);

/** A member's status, our own among them. */
void duty_heard(struct duty *duty, uint64_t member, const struct member_status *status);

/** What a member wants to be proposed in its own name. */
void duty_asked(struct duty *duty, uint64_t member, const struct command *command);

/** The primary of an epoch has stopped in an orderly way for a switchover. */
void duty_switch(struct duty *duty, uint64_t member, const struct switch_word *change);

/** Why it last proposed, or what it waits for; static. "" = this member has no duty. */
const char *duty_why(const struct duty *duty);
