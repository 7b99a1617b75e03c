/*
 * Leases with a real clock, disk and network: this member grants what others ask for, and asks for
 * what it holds; its own grant goes the same way as theirs. The logic is lease_core.h. Loop thread
 * only. names: leases_ lease_
 */
#pragma once

#include "ha/floor.h"

struct leases;

struct leases_setup {
    struct loop *loop;
    struct floor *floor; /* outlives it */
    uint64_t incarnation;
    /** Best effort, to another member. */
    void (*send)(void *owner, uint64_t member, const struct member_message *message);
    void *owner;
};

/* What this process holds, or asks for; embedded in its owner, zero before the first want. */
struct lease_hold {
    struct lease_holder core; /* epoch 0 = nothing is wanted */
    bool paused;              /* not renewed any more */
    uint64_t next_ns;         /* when to ask again */
    uint32_t misses;          /* requests without a majority since the last one with */
    struct lease_hold *next;
    /** It is owned for longer than before: core.until_ns. */
    void (*extended)(void *owner, struct lease_hold *hold);
    void *owner;
};

struct leases *leases_new(const struct leases_setup *setup);

/** Stops asking and granting; releases nothing. Gone when the loop comes round. */
void leases_free(struct leases *leases);

/** Facts past the barrier, each time they changed. */
void leases_facts(struct leases *leases, const struct cluster_state *facts, uint64_t self);

/** REQUEST, GRANT and RELEASE of another member. */
void leases_heard(struct leases *leases, uint64_t member, const struct member_message *message);

/**
 * Whether fenced answers. While it does not, what it enforces (all but the leader's duty) is not
 * asked for: the others may have it when the promises have run out.
 */
void leases_enforced(struct leases *leases, bool enforced);

/** Ask for an epoch that the cluster gave to this process, until it is released. */
void leases_want(struct leases *leases, struct lease_hold *hold, struct lease_resource resource,
                 uint64_t epoch, uint32_t lease_ms);

/** The service has stopped: give it back for good, and want nothing any more. */
void leases_release(struct leases *leases, struct lease_hold *hold);

/** Want nothing any more without giving back: what was promised runs out. */
void leases_forget(struct leases *leases, struct lease_hold *hold);

/** epoch of hold is owned now. */
bool lease_hold_live(const struct lease_hold *hold, uint64_t epoch);

/** As evidence, for the status. */
int leases_promised(const struct leases *leases,
                    struct lease_promised promised[MEMBER_MESSAGE_PROMISES]);

/** When what was told of it ends by itself next, BOOTTIME; UINT64_MAX = nothing is promised. */
uint64_t leases_lapse_ns(const struct leases *leases);
