/*
 * The facts that the cluster agrees on, as open records copied by value, and the tables that write
 * and read them. What they mean together: cluster_state.h. Any thread. names: cluster_
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "raft/record.h"
#include "src/base/limits.h"

enum {
    CLUSTER_ID = 33,             /* 128 random bits in hex, with the NUL */
    CLUSTER_ADDRESS = 48,        /* numeric address, with the NUL */
    CLUSTER_NET = 52,            /* address/prefix, with the NUL */
    CLUSTER_INTERFACE = 16,      /* IFNAMSIZ */
    CLUSTER_SERIAL = 64,         /* serial number of a certificate in hex, with the NUL */
    CLUSTER_FINGERPRINT = 65,    /* SHA-256 in hex, with the NUL */
    CLUSTER_HASH = 32,           /* SHA-256 */
    CLUSTER_STANDBY_NAMES = 160, /* synchronous_standby_names, with the NUL */
    CLUSTER_TOKENS = 64,
    CLUSTER_REVOKED = 256,
    CLUSTER_TRUSTED = 4,
    CLUSTER_BLOCKS = 8192,      /* DHCP blocks that have an owner: two full /16 */
    CLUSTER_BLOCK_OWNERS = 128, /* racks, and stores of racks whose term still runs */
    CLUSTER_BLOCK_SIZE = 16,    /* addresses of a block */
    CLUSTER_BLOCK_RUN = 64,     /* blocks of one grant */
    CLUSTER_BLOCK_TERM_MIN_S = 10,
    CLUSTER_BLOCK_TERM_MAX_S = 7 * 24 * 3600,
    CLUSTER_LEASE_MS_MIN = 100,
    CLUSTER_LEASE_MS_MAX = 60000,
};

/* What a lease can be for; each kind has one duration. */
enum cluster_lease { CLUSTER_LEASE_PRIMARY, CLUSTER_LEASE_VIP, CLUSTER_LEASE_DUTY, CLUSTER_LEASES };

/* Where the ports of a member are. */
enum cluster_port {
    CLUSTER_PORT_RAFT,
    CLUSTER_PORT_RACK,
    CLUSTER_PORT_HOP,
    CLUSTER_PORT_POSTGRES,
    CLUSTER_PORT_HEALTH,
    CLUSTER_PORT_HTTPS,
    CLUSTER_PORTS
};

/* A region with a vote in raft. */
struct cluster_member {
    uint64_t id; /* raft id, never used twice */
    char name[LIMIT_NAME];
    char address[CLUSTER_ADDRESS]; /* management */
    uint32_t ports[CLUSTER_PORTS];
    char key[CLUSTER_FINGERPRINT]; /* of the key it joined with, "" = made the cluster */
    char serial[CLUSTER_SERIAL];   /* of its certificate */
    bool data_voter;               /* counts in the quorum commit and may become primary */
    bool acceptor;                 /* grants leases */
    bool ever_had_data;            /* was named by a SET or was a data voter at some time */
};

/* Who writes: the counter of primaries, how far the newest has come, and the one before it. */
enum cluster_phase { CLUSTER_NEVER, CLUSTER_FENCED, CLUSTER_SET, CLUSTER_SERVING, CLUSTER_PHASES };

struct cluster_primary {
    uint64_t epoch;    /* pg_epoch: the fencing token; 0 = there never was a primary */
    int phase;         /* enum cluster_phase */
    uint64_t member;   /* named by SET, 0 while fenced */
    uint32_t timeline; /* that it must come up on */
    bool declined;     /* the named member gave the epoch back: fence the next */
    uint32_t lease_ms; /* of this epoch */
    char standby_names[CLUSTER_STANDBY_NAMES]; /* it must have in force before it is promoted */
    uint64_t prefer;        /* candidate of a switchover among equal positions, 0 = none */
    uint64_t switch_lsn;    /* where its timeline began (SERVING) */
    uint64_t served_epoch;  /* newest that reached SERVING, 0 = none */
    uint64_t served_member; /* its member and timeline */
    uint32_t served_timeline;
    uint32_t timeline_reserved; /* highest ever named */
    uint64_t system_id;         /* PostgreSQL's system identifier, 0 until the first SERVING */
};

struct cluster_vip {
    char net[CLUSTER_NET]; /* "10.0.0.5/24" */
    char interface[CLUSTER_INTERFACE];
    uint32_t http_port, https_port;
    uint64_t holder; /* member, 0 = nobody yet */
    uint64_t epoch;  /* of the holder's right to it */
    uint32_t lease_ms;
};

struct cluster_rack {
    char system_id[LIMIT_NAME];
    char name[LIMIT_NAME];
    char serial[CLUSTER_SERIAL]; /* of the certificate it was given */
    bool revoked;
};

/*
 * Who may give addresses by DHCP: one store of leases of one rack, up to the sequence it confirmed.
 * Each renewal begins the term anew; nothing of its blocks is in use term_s after the rack asked
 * for the newest one, but by clients that another rack was good to.
 */
struct cluster_block_owner {
    uint32_t id; /* never used twice */
    char rack[LIMIT_NAME];
    char store[CLUSTER_ID];
    uint64_t sequence;  /* highest that was confirmed: a lower one is a store that lost leases */
    uint64_t renewals;  /* counts them: what expires is one of them */
    uint32_t term_s;    /* the longest it was ever told */
    uint32_t longest_s; /* the longest lease it may give */
};

/* Addresses number * 16 to number * 16 + 15, as far as they are in a dynamic range. */
struct cluster_block {
    uint32_t number, owner;
};

enum cluster_role { CLUSTER_ROLE_REGION, CLUSTER_ROLE_RACK, CLUSTER_ROLES };

struct cluster_token {
    char id[LIMIT_NAME];
    uint8_t secret_hash[CLUSTER_HASH];
    int role;                          /* enum cluster_role */
    uint64_t expires_ms;               /* since 1970 */
    char used_by[CLUSTER_FINGERPRINT]; /* bearer's key, "" = not used yet */
};

extern const struct record_table cluster_member_table, cluster_primary_table, cluster_vip_table,
    cluster_rack_table, cluster_token_table, cluster_block_owner_table, cluster_block_table;

/** Words for people and JSON: "serving", "rack", "vip". */
const char *cluster_phase_word(int phase);
const char *cluster_role_word(int role);
const char *cluster_lease_word(int lease);
