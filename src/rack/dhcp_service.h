/*
 * The DHCP service without sockets, disk and clock: a datagram and where it arrived in, an outcome
 * out. Holds configuration, leases and counters. Loop thread.
 */
#pragma once

#include "src/base/spool.h"
#include "src/rack/dhcp_decide.h"
#include "src/rack/dhcp_reply.h"
#include "src/base/interfaces.h"

enum {
    DHCP_AHEAD = 2 * DHCP_BLOCK_SIZE, /* free addresses to have in each network */
    DHCP_AHEAD_MOST = 64 * DHCP_BLOCK_SIZE,
};

struct dhcp_statistics {
    uint64_t received[DHCP_TYPES], sent[DHCP_TYPES];
    uint64_t reasons[DHCP_REASON_COUNT];
    uint64_t malformed;
    uint64_t full;   /* LIMIT_LEASES, or too many replies waited for the disk */
    uint64_t syncs;  /* of the lease file */
    uint64_t synced; /* leases in them */
    uint64_t sync_failures;
    uint64_t send_failures;
};

struct dhcp_service {
    struct dhcp_config *config; /* NULL = none yet: nothing is answered */
    struct dhcp_pool *pool;     /* one for each network */
    struct dhcp_leases *leases;
    struct dhcp_leases *partner; /* of other racks: never given back or written */
    struct dhcp_blocks blocks;
    uint64_t config_until_s;
    uint64_t last_time_s; /* of the newest lease that was to be written */
    struct dhcp_seen seen;
    struct dhcp_statistics statistics;
};

void dhcp_service_init(struct dhcp_service *service);
void dhcp_service_close(struct dhcp_service *service);

/** Serve by this configuration (taken over) from now on. */
void dhcp_service_configure(struct dhcp_service *service, struct dhcp_config *config);

/** Is there anything to serve on this interface: a network of its own, or relayed ones. */
bool dhcp_service_wants(const struct dhcp_service *service, const struct interfaces *interfaces,
                        const struct interface *interface);

struct dhcp_arrival {
    const void *bytes;
    size_t size;
    const struct interface *interface;
    ip4 to; /* the datagram's destination */
    uint64_t now_s;
};

/** What to do, in this order: write lease to disk when durable is set, then send when size is. */
struct dhcp_outcome {
    enum error_code code; /* BAD_INPUT: malformed; LIMIT: no room for a lease; err says it */
    struct error err;
    enum dhcp_reason reason;
    uint8_t type, reply; /* enum dhcp_type of the message and of the reply */
    struct mac mac;
    ip4 address;
    bool durable;
    struct dhcp_lease lease;
    struct dhcp_target target;
    size_t size; /* 0 = nothing to send */
    struct dhcp_writer writer;
};
void dhcp_service_receive(struct dhcp_service *service, const struct dhcp_arrival *arrival,
                          struct dhcp_outcome *outcome);

/** Blocks that network i lacks for having enough free addresses ahead: two, more when many were
 * given lately. Counts, so not for each message. */
int dhcp_service_lacks(struct dhcp_service *service, int i, uint64_t now_s);

/** Take blocks that the configuration has no use for out of those to give from: back is made of
 * them. */
void dhcp_service_give_back(struct dhcp_service *service, uint64_t now_s, struct dhcp_blocks *back);

/** Since it was counted so many were given that some network may soon have none. */
bool dhcp_service_is_hungry(const struct dhcp_service *service);

/** Let what was given lately count half. */
void dhcp_service_calm(struct dhcp_service *service);

/** Prometheus text format, version 0.0.4. */
void dhcp_service_metrics(const struct dhcp_service *service, struct spool *spool);
