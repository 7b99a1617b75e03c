/*
 * What the leader knows of the members: their last status, since when the facts are as they are.
 * Keeps, does not judge: failover_decide.h. Pure (BOOTTIME comes in). Loop thread.
 */
#pragma once

#include "raft/member_message.h"

enum { FAILOVER_HEARD_MS = 1000 /* a status older than this says nothing */ };

/* What the leader last heard of one member. */
struct failover_member {
    uint64_t id;
    uint64_t heard_ns; /* 0 = nothing since this member leads */
    uint64_t seen_ns;  /* it was heard last before, 0 = not; says that it was there, no more */
    uint64_t fit_ns;   /* since when it says that it is fit without a break, 0 = it does not */
    struct member_status status;
};

struct failover_watch {
    uint64_t now_ns;
    uint64_t barrier_ns;      /* this member leads since then */
    uint64_t epoch, phase_ns; /* since when epoch and phase are what they are, as seen here */
    int phase;
    uint64_t copied_ns; /* when a data voter last said that it copies this SET's data, 0 = none */
    uint64_t version,
        version_ns;     /* acceptor set; since when a majority of it reported it, 0 = not */
    uint64_t switch_to; /* switchover of this epoch that an operator asked for, 0 = none */
    bool switch_ready;  /* its orderly part is done: the old primary gave its lease back */
    int vips_count;
    struct failover_vip {
        uint64_t epoch;    /* no two have the same */
        uint64_t since_ns; /* it is where it is, 0 = this member did not lead yet */
    } vips[LIMIT_VIPS];
    int count;
    struct failover_member members[LIMIT_REGIONS];
};

/** This member begins to lead: of what was heard before nothing counts but when that was. Zero the
 * watch before the first time. */
void failover_watch_start(struct failover_watch *watch, uint64_t now_ns);

/** A member was heard at that time, while this one did not lead. */
void failover_watch_seen(struct failover_watch *watch, uint64_t member, uint64_t seen_ns);

/** The facts, whenever they changed and before each decision; forgets members that are gone. */
void failover_watch_facts(struct failover_watch *watch, uint64_t now_ns,
                          const struct cluster_state *facts);

/** A member's status. */
void failover_watch_heard(struct failover_watch *watch, uint64_t now_ns, uint64_t member,
                          const struct member_status *status);

/** NULL = nothing was heard of it. */
const struct failover_member *failover_watch_member(const struct failover_watch *watch,
                                                    uint64_t member);

/** Was the member heard in the last ms? */
bool failover_watch_hears(const struct failover_watch *watch, uint64_t member, uint32_t ms);
