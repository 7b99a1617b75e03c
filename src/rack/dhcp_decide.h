/*
 * What the rack answers to a DHCP message: message, configuration, leases and time in, one verdict
 * out. Nothing is sent or changed here. Pure; one thread at a time.
 *
 * Rules beyond RFC 2131: a client is its MAC; an address goes to another client only a quarter of
 * its last lease after that lease's end; no ping before an offer, a client's DHCPDECLINE takes the
 * address out for an hour; DHCPNAK only for what this rack knows to be wrong, for another rack may
 * have given an address this one has never heard of; a clock behind the last lease written gives
 * nothing; the second rack of a network leaves the first request to the first rack, unless that is
 * lost. Addresses of the ranges come from the rack's own blocks, and no such lease outlives their
 * term; a lease that another rack gave is renewed until a quarter of it after its end.
 */
#pragma once

#include "src/rack/dhcp_block.h"
#include "src/rack/dhcp_config.h"
#include "src/rack/dhcp_lease.h"
#include "src/rack/dhcp_packet.h"

/** Why, for counters and logs: name of the counter, text for people. */
#define DHCP_REASONS(X)                                                         \
    X(ANSWERED, "answered", "answered")                                         \
    X(ELSEWHERE, "elsewhere", "the client chose another server")                \
    X(NO_NETWORK, "no_network", "no network is served where the client is")     \
    X(EXHAUSTED, "exhausted", "no free address is left")                        \
    X(UNKNOWN, "unknown", "the client's address was not given by this rack")    \
    X(WRONG_NETWORK, "wrong_network", "the address is of another network")      \
    X(TAKEN, "taken", "the address is another client's or not given any more")  \
    X(CLOCK_BEHIND, "clock_behind", "the clock is behind the last lease given") \
    X(TERM_OVER, "term_over", "no region was heard for longer than the term")   \
    X(WAITS, "waits", "left to the network's first rack")                       \
    X(REFUSED, "refused", "the message does not make sense")                    \
    X(NOTED, "noted", "noted, no answer is due")

enum dhcp_reason {
#define X(name, counter, text) DHCP_##name,
    DHCP_REASONS(X)
#undef X
        DHCP_REASON_COUNT
};
const char *dhcp_reason_counter(enum dhcp_reason reason);
const char *dhcp_reason_text(enum dhcp_reason reason);

enum {
    DHCP_PLACES = 16,       /* networks on one wire */
    DHCP_PXE_LEASE_S = 30,  /* firmware and loaders ask again and again */
    DHCP_OFFER_S = 30,      /* an offer is kept for its client */
    DHCP_DECLINED_S = 3600, /* an address that somebody uses without us is not given */
    DHCP_SECOND_RACK_S = 3, /* a client that has tried for so long is the second rack's too */
    DHCP_SEEN = 1024,
};

/** Where the search for a free address goes on. One per network, zeroed with a new config. */
struct dhcp_pool {
    ip4 cursor;
    uint64_t full_until_s; /* nothing becomes free before; 0 = look */
    bool alone;            /* no region hears of the network's other rack */
    int left;              /* free addresses, as last counted and since given */
    int given;             /* lately: half of it is forgotten at each look */
};

/** A network on the client's wire, and this rack's address there. */
struct dhcp_place {
    const struct dhcp_network *network;
    struct dhcp_pool *pool;
    ip4 rack;
};

struct dhcp_question {
    const struct dhcp_packet *packet;
    const struct dhcp_leases *leases;
    const struct dhcp_blocks *blocks;  /* to give from */
    const struct dhcp_leases *partner; /* what other racks gave, as their owners see it */
    uint64_t now_s;                    /* of dhcp_term.h: since 1970, and never steps */
    uint64_t config_until_s;           /* the configuration's term */
    uint64_t last_time_s;              /* of the last lease on disk */
    bool repeated;                     /* the client sent this before: dhcp_seen_before */
    int places;
    struct dhcp_place place[DHCP_PLACES];
};

struct dhcp_verdict {
    enum dhcp_reason reason;
    uint8_t reply;                  /* DHCP_OFFER, DHCP_ACK, DHCP_NAK; 0 = none */
    const struct dhcp_place *place; /* of the question; set with a reply */
    ip4 address;                    /* yiaddr; 0 in answer to DHCPINFORM */
    uint32_t lease_s;
    const struct dhcp_host *host; /* the reservation it rests on, or NULL */
    bool lent;                    /* another rack gave it: that is not kept here */
    bool change;                  /* put lease; one that is no offer before the reply is sent */
    struct dhcp_lease lease;
    ip4 forget; /* drop the offer of this address; 0 = none */
};

void dhcp_decide(const struct dhcp_question *question, struct dhcp_verdict *verdict);

/** Memory of messages for `repeated`: a small table in which new ones displace old ones. */
struct dhcp_seen {
    struct {
        struct mac mac;
        uint32_t xid;
    } slot[DHCP_SEEN];
};

/** Has this client sent a message with this xid before? Notes it. */
bool dhcp_seen_before(struct dhcp_seen *seen, const struct dhcp_packet *packet);
