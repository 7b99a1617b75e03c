/*
 * What gantry-fenced and its children say to each other over a SOCK_SEQPACKET socket pair (the
 * child's end is descriptor FENCE_CHILD_FD): structs of fixed size, one a packet. The child sends
 * requests, each answered by one reply with its number; notices come with number 0. Same host, same
 * build: no byte order or version.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/limits.h"

enum {
    FENCE_CHILD_FD = 3,
    FENCE_INTERFACE = 16,
    FENCE_NET = 19,
    FENCE_TEXT = 256,
    FENCE_NUDGES = 128,
    FENCE_DOORS = 2,
};

enum fence_type {
    FENCE_QUERY = 1,    /* what runs and what is held: struct fence_report in the reply */
    FENCE_PG_START,     /* pg_start; answered when the postmaster was forked */
    FENCE_PG_STOP,      /* pg_stop; answered when its cgroup is empty */
    FENCE_PG_SIGNAL,    /* pg_signal; to the postmaster */
    FENCE_LEASE,        /* lease: the resource may live until the deadline */
    FENCE_ADDRESS_ADD,  /* address; answered when it is on the interface */
    FENCE_ADDRESS_DROP, /* address; answered when it is gone; not held is fine. With a deadline_ns
                           who waits for an answer gets it first, until then */
    FENCE_LISTEN,       /* listen; the reply carries the socket */
    FENCE_NUDGE,        /* nudge; what clients sent to an earlier holder is heard again */
    FENCE_KNOWN,        /* known; strangers may no longer flood these ports */
    FENCE_TYPES,
};

enum fence_stop { FENCE_STOP_FAST, FENCE_STOP_IMMEDIATE, FENCE_STOP_KILL };
enum fence_signal { FENCE_SIGNAL_RELOAD, FENCE_SIGNAL_PROMOTE };
enum fence_announce {
    FENCE_ANNOUNCE_KEEP,  /* as it is told */
    FENCE_ANNOUNCE_ANEW,  /* from the beginning */
    FENCE_ANNOUNCE_OFTEN, /* until a renewal says KEEP: somebody may be cut off, and come back */
};
enum fence_resource { FENCE_RESOURCE_POSTGRES, FENCE_RESOURCE_ADDRESS };

enum fence_listen {
    FENCE_LISTEN_TCP,    /* stream socket in listening state; the address need not be here yet */
    FENCE_LISTEN_UDP,    /* bound to address and port, and to the interface when one is named */
    FENCE_LISTEN_DHCP,   /* UDP port 67 of one interface, broadcast allowed */
    FENCE_LISTEN_PACKET, /* AF_PACKET socket of one interface that receives nothing: for DHCP
                            replies to clients without an address */
    FENCE_LISTEN_ROUTER, /* raw ICMPv6 socket of one interface: router solicitations in */
    FENCE_LISTENS,
};

struct fence_request {
    uint32_t type, number; /* enum fence_type; any number but 0 */
    union {
        struct {
            char data_dir[LIMIT_PATH], config_file[LIMIT_PATH]; /* below [postgres] data_root */
            uint32_t port; /* it listens at; guarded while it has a lease */
        } pg_start;
        struct {
            uint32_t mode, timeout_ms; /* enum fence_stop; then the next harder one */
        } pg_stop;
        struct {
            uint32_t what; /* enum fence_signal */
        } pg_signal;
        struct {
            uint32_t resource;       /* enum fence_resource */
            uint64_t epoch;          /* a lower one than the highest seen is refused */
            uint64_t deadline_ns;    /* BOOTTIME */
            char address[FENCE_NET]; /* of an ADDRESS */
            uint32_t announce;       /* of an ADDRESS: enum fence_announce */
        } lease;
        struct {
            char address[FENCE_NET]; /* "10.0.0.9/24" */
            char interface[FENCE_INTERFACE];
            uint32_t probe; /* 1: ask the wire first, refuse when somebody answers */
            uint64_t epoch, deadline_ns;
        } address;
        struct {
            uint32_t kind; /* enum fence_listen */
            char interface[FENCE_INTERFACE], address[16];
            uint32_t port;
        } listen;
        struct {
            char address[FENCE_NET]; /* held under epoch */
            uint32_t count;
            uint64_t epoch;
            struct {
                uint32_t peer, peer_port, port; /* the client; of the address */
            } ends[FENCE_NUDGES];
        } nudge;
        struct {
            uint32_t doors, door[FENCE_DOORS];           /* TCP ports that mostly these call: */
            uint32_t callers, caller[LIMIT_REGIONS + 1]; /* IPv4 addresses */
        } known;                                         /* instead of what was said before */
    };
};

/** What fenced has: the answer to FENCE_QUERY, and the truth a restarted child begins from. */
struct fence_report {
    int32_t postmaster; /* its pid, 0 = none and its cgroup is empty */
    uint64_t pg_epoch;  /* of its last lease, 0 = none since it was started */
    uint32_t addresses;
    struct {
        char address[FENCE_NET];
        uint32_t guarded; /* 1: the kernel mutes it at the lease's end by itself, both ways */
        uint64_t epoch;
    } address[LIMIT_VIPS];
};

enum fence_notice {
    FENCE_REPLY,           /* to the request with this number */
    FENCE_NOTICE_PG_ENDED, /* PostgreSQL ended; its cgroup is empty. text says how */
    FENCE_NOTICE_PG_BROKE, /* its postmaster has ended by itself and left others: they are being
                              ended */
    FENCE_NOTICE_DROPPED,  /* an address was dropped because its lease ended; text is the address */
};

struct fence_reply {
    uint32_t kind, number; /* enum fence_notice; 0 for notices */
    uint32_t code;         /* enum error_code */
    char text[FENCE_TEXT]; /* of an error or notice */
    struct fence_report report;
};
