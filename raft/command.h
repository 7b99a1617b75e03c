/*
 * What can be proposed to the cluster: one struct per kind, one table that names them all, and
 * their form in the raft log (version, kind, body). What each does: cluster_state.c. Any thread.
 */
#pragma once

#include "raft/cluster_fact.h"

enum {
    COMMAND_VERSION = 1,
    COMMAND_LEVEL = 2,    /* what this program knows of the log and of snapshots: docs/ha.md 10 */
    COMMAND_BYTES = 4096, /* the longest encoded command */
};

/* Kind, its number in the log (never used again for another), member of the union. */
#define COMMAND_TABLE(X)               \
    X(INIT, 1, init)                   \
    X(MEMBER_ADD, 2, member_add)       \
    X(MEMBER_REMOVE, 3, member_remove) \
    X(TOKEN_CREATE, 4, token_create)   \
    X(TOKEN_USE, 5, token_use)         \
    X(TOKEN_EXPIRE, 6, token_expire)   \
    X(RACK_ADD, 7, rack_add)           \
    X(RACK_REMOVE, 8, rack_remove)     \
    X(RACK_REVOKE, 9, rack_revoke)     \
    X(FENCE, 10, fence)                \
    X(SET, 11, set)                    \
    X(SERVING, 12, serving)            \
    X(DECLINE, 13, decline)            \
    X(VIP_DEFINE, 14, vip_define)      \
    X(VIP_REMOVE, 15, vip_remove)      \
    X(VIP_ASSIGN, 16, vip_assign)      \
    X(DURATION, 17, duration)          \
    X(SCHEMA, 18, schema)              \
    X(DATA_VOTERS, 19, data_voters)    \
    X(ACCEPTORS, 20, acceptors)        \
    X(TRUST, 21, trust)                \
    X(REVOKE, 22, revoke)              \
    X(BLOCK_OWN, 23, block_own)        \
    X(BLOCK_GRANT, 24, block_grant)    \
    X(BLOCK_EXPIRE, 25, block_expire)  \
    X(BLOCK_RETURN, 26, block_return)  \
    X(MEMBER_LEAVE, 27, member_leave)

enum command_kind {
#define X(name, number, member) COMMAND_##name = number,
    COMMAND_TABLE(X)
#undef X
};

/* A new cluster with its first member, which holds the data. */
struct command_init {
    char cluster_name[LIMIT_NAME], cluster_id[CLUSTER_ID];
    char ca_fingerprint[CLUSTER_FINGERPRINT];
    struct cluster_member member;
    uint32_t lease_ms[CLUSTER_LEASES];
};
struct command_member_remove {
    uint64_t id;
};
/* The member is on its way out: it gets no vote, no grant and no address any more. 0 = nobody is,
 * after all. */
struct command_member_leave {
    uint64_t id;
};
struct command_token_create {
    struct cluster_token token;
    uint64_t now_ms; /* the proposer's clock: tokens that ended before are forgotten */
};
struct command_token_use {
    char id[LIMIT_NAME];
    uint8_t secret_hash[CLUSTER_HASH];
    int role;
    uint64_t now_ms;
    char bearer[CLUSTER_FINGERPRINT]; /* of the key that is certified: may ask again */
};
struct command_token_expire {
    uint64_t now_ms;
};
struct command_rack_name {
    char system_id[LIMIT_NAME];
};
/* The next epoch: no primary until SET. epoch and phase are those it means to end. */
struct command_fence {
    uint64_t epoch;
    int phase;
    uint64_t prefer;
};
/* In epoch, FENCED: this member, on this timeline, with these standby names in force. */
struct command_set {
    uint64_t epoch, member;
    uint32_t timeline;
    char standby_names[CLUSTER_STANDBY_NAMES];
};
/* In epoch, SET: promoted, its marker acknowledged by the quorum. */
struct command_serving {
    uint64_t epoch, member;
    uint32_t timeline;
    uint64_t switch_lsn, system_id;
};
struct command_decline {
    uint64_t epoch, member;
};
struct command_vip_remove {
    char net[CLUSTER_NET];
};
/* The next epoch of a VIP; epoch is the one it means to end. */
struct command_vip_assign {
    char net[CLUSTER_NET];
    uint64_t epoch, holder;
};
struct command_duration {
    int lease;
    uint32_t ms;
};
struct command_schema {
    uint32_t level;
};
/* One member in or out of a set, in the set's version and the primary's epoch. */
struct command_voter {
    uint64_t version, epoch, member;
    bool add;
};
struct command_trust {
    char fingerprint[CLUSTER_FINGERPRINT];
    bool add;
};
struct command_revoke {
    char serial[CLUSTER_SERIAL];
};
/* A rack with this store and its leases up to sequence begins its term anew; owner 0 = for the
 * first time, else with these renewals so far. */
struct command_block_own {
    char rack[LIMIT_NAME];
    char store[CLUSTER_ID];
    uint64_t sequence, renewals;
    uint32_t owner, term_s, longest_s;
};
/* count blocks from number on, under the term of this renewal: free ones that it gets (GRANT), its
 * own that it gives back (RETURN). */
struct command_block_grant {
    uint32_t owner, number, count;
    uint64_t renewals;
};
/* The term of this renewal is over for certain: all blocks of the owner are free. */
struct command_block_expire {
    uint32_t owner;
    uint64_t renewals;
};

struct command {
    enum command_kind kind;
    union {
        struct command_init init;
        struct cluster_member member_add;
        struct command_member_remove member_remove;
        struct command_member_leave member_leave;
        struct command_token_create token_create;
        struct command_token_use token_use;
        struct command_token_expire token_expire;
        struct cluster_rack rack_add;
        struct command_rack_name rack_remove, rack_revoke;
        struct command_fence fence;
        struct command_set set;
        struct command_serving serving;
        struct command_decline decline;
        struct cluster_vip vip_define;
        struct command_vip_remove vip_remove;
        struct command_vip_assign vip_assign;
        struct command_duration duration;
        struct command_schema schema;
        struct command_voter data_voters, acceptors;
        struct command_trust trust;
        struct command_revoke revoke;
        struct command_block_own block_own;
        struct command_block_grant block_grant, block_return;
        struct command_block_expire block_expire;
    };
};

/** "FENCE"; "?" for a number that is no kind. */
const char *command_name(int kind);

/** The least level of a program that knows the kind: nobody proposes it before all members do. */
uint32_t command_level(int kind);

/** Append the encoded form. Errors: BAD_INPUT (a value that may not stand in a command). */
enum error_code command_encode(const struct command *command, struct record_out *out,
                               struct error *err);

/**
 * The command that exactly these bytes are. Errors: CORRUPT (malformed), CONFLICT (of a newer
 * version of this program: nothing can be said about it here).
 */
enum error_code command_decode(const void *bytes, size_t size, struct command *command,
                               struct error *err);
