/*
 * What members say to each other beside raft's log: lease requests, grants and releases, and what
 * each observes of itself. Volatile: any of them may be lost, late or doubled. On the streams of
 * PEER_MESSAGES, each with its length before it. Any thread. Two versions of the program speak with
 * each other: a record grows at its end, what the other does not know it leaves out, what it did
 * not say is zero, and a message of a kind that is not known is none. names: member_message_ lease_
 */
#pragma once

#include "raft/cluster_state.h"

enum {
    MEMBER_MESSAGE_VERSION = 2,
    MEMBER_MESSAGE_BYTES = 2048,  /* the longest encoded message */
    MEMBER_MESSAGE_PROMISES = 32, /* of one acceptor */
    MEMBER_MESSAGE_CALLERS = 100, /* more go into another message */
};

/* What a lease is for: kind and, among VIPs, the IPv4 address; else 0. */
struct lease_resource {
    int kind; /* enum cluster_lease */
    uint32_t key;
};

/* Asks for, or grants, a resource: a grant repeats all of its request. */
struct lease_claim {
    struct lease_resource resource;
    uint64_t epoch;
    uint64_t version;     /* of the acceptor set the holder counts in */
    uint64_t incarnation; /* of the holder's process, random */
    uint64_t number;      /* of the request, counted by the holder */
    uint32_t lease_ms;
};

struct lease_release {
    struct lease_resource resource;
    uint64_t epoch, incarnation;
};

/* One promise of an acceptor, as evidence. */
struct lease_promised {
    struct lease_resource resource;
    uint64_t epoch;
    bool live;
};

/* What a member observes of its own PostgreSQL. A report of the leader's FENCED epoch is durable
 * before it is sent. */
struct pg_status {
    uint64_t reported; /* epoch its frozen report is for, 0 = none */
    uint32_t timeline; /* frozen position: owner of the last complete record, its end */
    uint64_t lsn;
    uint32_t priority;
    uint64_t serves;      /* epoch it is primary of, 0 = it is not */
    uint64_t died;        /* epoch in which its primary ended, 0 = none */
    uint64_t failed;      /* epoch whose primary does not write any more, though it lives */
    uint64_t in_force;    /* version of the data voters whose names are in force (primary) */
    uint64_t ready_voter; /* member that may become a data voter in that version, 0 = none */
    bool asks_out;        /* its data must be made anew: take its data vote first */
    uint64_t copies;      /* SET epoch whose primary's data it copies beside its own, 0 = none */
    uint64_t system_id;
};

/* Sent to the leader all the time: what this member is. */
struct member_status {
    uint64_t incarnation;
    uint64_t applied;   /* raft index */
    uint64_t acceptors; /* version of the acceptor set it has applied */
    bool fit;           /* its endpoint answers clients */
    uint32_t level;     /* COMMAND_LEVEL of its program */
    struct pg_status pg;
    int promised_count;
    struct lease_promised promised[MEMBER_MESSAGE_PROMISES];
};

/* A question for, or answer of, the primary's member: is epoch its own, with a live lease, now? */
struct epoch_word {
    uint64_t number; /* of the question, repeated by the answer */
    uint64_t epoch;  /* asked for; the live one, 0 = none */
};

/* A switchover: asked of the primary's member; then, by it, of the leader: epoch has stopped in an
 * orderly way and its lease is given back. */
struct switch_word {
    uint64_t epoch, to; /* to: the member that is preferred, 0 = any */
};

/* A client that waits for an answer: both ends of its connection to a virtual IP. */
struct caller {
    uint32_t vip, peer; /* IPv4 addresses as numbers */
    uint32_t vip_port, peer_port;
};

/* Whose requests this member began to answer, or still answers. */
struct caller_list {
    int count;
    struct caller callers[MEMBER_MESSAGE_CALLERS];
};

enum member_message_kind {
    MEMBER_NOTHING = 0, /* decoded only: a newer program's */
    MEMBER_LEASE_REQUEST = 1,
    MEMBER_LEASE_GRANT = 2,
    MEMBER_LEASE_RELEASE = 3,
    MEMBER_STATUS = 4,
    MEMBER_PROPOSE = 5, /* whoever leads: propose this (SERVING, DECLINE, VIP_ASSIGN) for me */
    MEMBER_EPOCH_ASK = 6,
    MEMBER_EPOCH_ANSWER = 7,
    MEMBER_SWITCH_ASK = 8,
    MEMBER_SWITCH_READY = 9,
    MEMBER_CALLERS = 10,
};

struct member_message {
    enum member_message_kind kind;
    union {
        struct lease_claim claim; /* request and grant */
        struct lease_release release;
        struct member_status status;
        struct command proposal;
        struct epoch_word epoch;
        struct switch_word change;
        struct caller_list callers;
    };
};

bool lease_resource_equal(struct lease_resource a, struct lease_resource b);

/** Append length, version, kind and body. */
void member_message_encode(const struct member_message *message, struct record_out *out);

/**
 * The first message in bytes. *taken: its bytes; 0 = more are needed. Errors: CORRUPT (malformed,
 * too long, of version 1).
 */
enum error_code member_message_decode(const uint8_t *bytes, size_t size,
                                      struct member_message *message, size_t *taken,
                                      struct error *err);
