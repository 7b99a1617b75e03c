/*
 * Leases, both sides, without clock, network or disk: messages and BOOTTIME in, answers out. An
 * acceptor promises a resource to one epoch and process at a time; a holder owns it while a
 * majority of exactly one set granted exactly one request. The rules are those of docs/ha.md 3.
 * Loop thread. names: lease_
 */
#pragma once

#include "raft/member_message.h"

enum { LEASE_ROWS = 40 }; /* resources of one acceptor */

/** The resource that a virtual IP is. */
struct lease_resource lease_resource_vip(const struct cluster_vip *vip);

/* ---- acceptor ---- */

/* What must outlive a restart, durable before a grant that needs it is sent. */
struct lease_floor {
    uint64_t version;      /* highest acceptor set seen */
    uint32_t lease_ms_max; /* longest lease ever granted */
    int count;
    struct lease_floor_row {
        struct lease_resource resource;
        uint64_t seen;     /* highest epoch */
        uint64_t released; /* highest epoch that was given back: final */
    } rows[LEASE_ROWS];
};

struct lease_row {
    struct lease_floor_row floor;
    uint64_t epoch, incarnation; /* whom it promised last, 0 = nobody since the start */
    uint32_t lease_ms;           /* of that epoch */
    uint64_t until_ns;           /* end of the promise */
};

struct lease_acceptor {
    bool member;       /* by facts that passed a barrier */
    uint64_t ready_ns; /* nothing is granted before */
    uint64_t asked_ns; /* when it was asked last */
    uint64_t version;
    uint32_t lease_ms_max, lease_ms_limit;
    int count;
    struct lease_row rows[LEASE_ROWS];
};

enum lease_verdict {
    LEASE_GRANTED,
    LEASE_NOT_MEMBER,    /* not an acceptor, or facts are not known yet */
    LEASE_NOT_READY,     /* started too short a time ago */
    LEASE_OLD_VERSION,   /* of the acceptor set */
    LEASE_OLD_EPOCH,     /* a higher one was seen */
    LEASE_RELEASED,      /* that epoch was given back */
    LEASE_OTHER,         /* promised to another epoch or process, and that promise lives */
    LEASE_OTHER_PROCESS, /* the epoch belongs to another process of its holder */
    LEASE_DURATION,      /* longer than the cluster allows, or changed within an epoch */
    LEASE_FULL,
};

/** At process start. floor: what was durable, all zero for a new member. */
void lease_acceptor_start(struct lease_acceptor *acceptor, const struct lease_floor *floor,
                          uint64_t now_ns);

/** The cluster's facts, each time they changed; only past the barrier. */
void lease_acceptor_facts(struct lease_acceptor *acceptor, const struct cluster_state *facts,
                          uint64_t self);

/**
 * A request that was received at now_ns. After GRANTED, lease_acceptor_floor must be durable before
 * the grant (the claim itself) is sent.
 */
enum lease_verdict lease_acceptor_request(struct lease_acceptor *acceptor, uint64_t now_ns,
                                          const struct lease_claim *claim);

/** The holder has stopped the service and gives the epoch back. */
void lease_acceptor_release(struct lease_acceptor *acceptor, const struct lease_release *release);

/** What it must not forget. */
void lease_acceptor_floor(const struct lease_acceptor *acceptor, struct lease_floor *floor);

/** As evidence for the leader. Returns how many. */
int lease_acceptor_promised(const struct lease_acceptor *acceptor, uint64_t now_ns,
                            struct lease_promised promised[MEMBER_MESSAGE_PROMISES]);

/** When the next of its promises ends, unless it is renewed; UINT64_MAX = there is none. */
uint64_t lease_acceptor_lapse_ns(const struct lease_acceptor *acceptor, uint64_t now_ns);

/* ---- holder ---- */

struct lease_holder {
    struct lease_resource resource;
    uint64_t epoch, incarnation;
    uint32_t lease_ms;
    uint64_t number, version; /* of the last request, and the set it counts in */
    uint64_t asked_ns;
    int acceptors_count;
    uint64_t acceptors[LIMIT_REGIONS];
    bool granted[LIMIT_REGIONS];
    bool counted;      /* a majority granted the last request */
    uint64_t until_ns; /* it owns the resource before that */
    bool released;
};

/** An epoch that the cluster gave to this process; incarnation is the process' own number. */
void lease_holder_init(struct lease_holder *holder, struct lease_resource resource, uint64_t epoch,
                       uint64_t incarnation, uint32_t lease_ms);

/** When it should ask next. */
uint64_t lease_holder_due_ns(const struct lease_holder *holder);

/**
 * Ask every acceptor of the facts: now_ns is read before the first byte is handed to the transport.
 * False = nothing to ask (released, or there is no set).
 */
bool lease_holder_ask(struct lease_holder *holder, uint64_t now_ns,
                      const struct cluster_state *facts, struct lease_claim *claim);

/** A grant from member. True = it owns the resource for longer than before. */
bool lease_holder_granted(struct lease_holder *holder, uint64_t member,
                          const struct lease_claim *grant);

bool lease_holder_live(const struct lease_holder *holder, uint64_t now_ns);

/** The service has stopped: give it back, for good. */
void lease_holder_release(struct lease_holder *holder, struct lease_release *release);
