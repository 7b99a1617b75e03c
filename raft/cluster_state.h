/*
 * The replicated facts of the cluster and the only function that changes them. Pure: no clock, no
 * I/O, no failure; two members that applied the same commands hold the same bytes.
 * A command is accepted, or refused with a reason and without any change. Any thread, by value.
 */
#pragma once

#include "raft/command.h"

enum {
    CLUSTER_SNAPSHOT_VERSION = 3,
    CLUSTER_SNAPSHOT_BYTES = 256 << 10, /* the longest snapshot */
};

struct cluster_state {
    char name[LIMIT_NAME]; /* "" = no INIT was applied yet */
    char id[CLUSTER_ID];
    uint64_t member_next;              /* id of the next member; never goes back */
    uint64_t voters_version;           /* of the set of data voters */
    uint64_t acceptors_version;        /* of the set of acceptors */
    uint64_t vip_epoch;                /* highest ever given to any VIP */
    uint32_t schema_level;             /* that every member's program has: command_level() */
    uint32_t lease_ms[CLUSTER_LEASES]; /* for epochs to come */
    uint32_t lease_ms_max;             /* the largest there ever was */
    struct cluster_primary primary;

    struct cluster_member members[LIMIT_REGIONS];
    int members_count;
    struct cluster_vip vips[LIMIT_VIPS];
    int vips_count;
    struct cluster_rack racks[LIMIT_RACKS];
    int racks_count;
    struct cluster_token tokens[CLUSTER_TOKENS];
    int tokens_count;
    struct command_trust trusted[CLUSTER_TRUSTED];
    int trusted_count;
    struct command_revoke revoked[CLUSTER_REVOKED];
    int revoked_count;
    uint32_t block_owner_next; /* id of the next owner; never goes back; 0 = there was none */
    struct cluster_block_owner block_owners[CLUSTER_BLOCK_OWNERS]; /* by id */
    int block_owners_count;
    struct cluster_block blocks[CLUSTER_BLOCKS]; /* by number; those without an owner are free */
    int blocks_count;
    uint64_t leaving; /* the member that is on its way out, 0 = none */
};

/** code ERR_OK = accepted; else nothing changed. reason is static and never NULL. */
struct cluster_outcome {
    enum error_code code;
    const char *reason;
};

/** A cluster before its INIT: all zero. */
void cluster_state_init(struct cluster_state *facts);

/** The one step. Asserts cluster_state_valid before it returns. */
const struct cluster_outcome *cluster_state_apply(struct cluster_state *facts,
                                                  const struct command *command);

/** Do the facts agree with each other? If not, *why (may be NULL) names the broken rule. */
bool cluster_state_valid(const struct cluster_state *facts, const char **why);

/** Append the snapshot form; equal facts give equal bytes. */
void cluster_state_encode(const struct cluster_state *facts, struct record_out *out);

/** Errors: CORRUPT (malformed, facts that disagree, wrong hash), CONFLICT (of a newer version). */
enum error_code cluster_state_decode(const void *bytes, size_t size, struct cluster_state *facts,
                                     struct error *err);

/** Equal for equal facts. */
uint64_t cluster_state_hash(const struct cluster_state *facts);

/** NULL = there is none. */
const struct cluster_member *cluster_state_member(const struct cluster_state *facts, uint64_t id);
const struct cluster_member *cluster_state_member_named(const struct cluster_state *facts,
                                                        const char *name);
const struct cluster_vip *cluster_state_vip(const struct cluster_state *facts, const char *net);
const struct cluster_rack *cluster_state_rack(const struct cluster_state *facts,
                                              const char *system_id);
const struct cluster_rack *cluster_state_rack_named(const struct cluster_state *facts,
                                                    const char *name);
const struct cluster_token *cluster_state_token(const struct cluster_state *facts, const char *id);
bool cluster_state_revoked(const struct cluster_state *facts, const char *serial);
const struct cluster_block_owner *cluster_state_block_owner(const struct cluster_state *facts,
                                                            uint32_t id);
const struct cluster_block_owner *cluster_state_block_store(const struct cluster_state *facts,
                                                            const char *rack, const char *store);

/** Where the block with this number is in facts->blocks, or where it would be: see *found. */
int cluster_state_block_at(const struct cluster_state *facts, uint32_t number, bool *found);

/** Its serial is one that can be revoked, or it has none. */
bool cluster_state_serial_ok(const struct cluster_member *member);

/** Ids, epochs and versions count up from 1, and are always less than this. */
#define CLUSTER_COUNT_END ((uint64_t)1 << 63)

/** The largest of them. */
uint64_t cluster_state_counted(const struct cluster_state *facts);

/** How many members vote on data. */
int cluster_state_voters(const struct cluster_state *facts);

/** PostgreSQL role and standby name of a member: "repl_1". */
enum { CLUSTER_REPL_NAME = 32 };
const char *cluster_state_repl_name(uint64_t member, char text[CLUSTER_REPL_NAME]);

/**
 * synchronous_standby_names of a primary: "ANY k (repl_2, repl_3)" over the other data voters with
 * k = floor(n/2), "" while it is the only one.
 */
const char *cluster_state_standby_names(const struct cluster_state *facts, uint64_t member,
                                        char text[CLUSTER_STANDBY_NAMES]);
