/*
 * What the rack's DHCP serves: the document of docs/rack-protocol.md, checked whole before any of
 * it counts. A configuration does not change once it is read. Any thread; dhcp_config_load
 * blocks.
 */
#pragma once

#include <jansson.h>

#include "src/base/address.h"
#include "src/base/error.h"
#include "src/base/limits.h"

enum {
    DHCP_CONFIG_NETWORKS = 256,
    DHCP_CONFIG_RANGES = 64,   /* of one network */
    DHCP_CONFIG_SERVERS = 8,   /* DNS, NTP: what fits into a small reply */
    DHCP_CONFIG_VERSION = 129, /* with the NUL */
    DHCP_CONFIG_DOMAIN = 254,
    DHCP_LEASE_LEAST_S = 30,
    DHCP_LEASE_MOST_S = 7 * 24 * 3600,
};

struct dhcp_range {
    ip4 first, last; /* inclusive */
};

/** A machine whose address is fixed. */
struct dhcp_host {
    struct mac mac;
    ip4 address;
    char hostname[LIMIT_NAME]; /* "" = none */
};

/** An address of a range that waits: another rack may still give it otherwise. */
struct dhcp_wait {
    ip4 address;
    bool has_mac; /* the machine that it is to be for keeps a lease that it has of it */
    struct mac mac;
};

struct dhcp_network {
    int64_t vlan_id, subnet_id;
    struct ip4_net net;
    bool primary;             /* this rack answers first on this network */
    char partner[LIMIT_NAME]; /* system_id of its other rack, "" = there is none */
    int mtu;                  /* 0 = not told */
    ip4 gateway;              /* 0 = none */
    int dns_count, ntp_count, range_count, host_count, held_count;
    ip4 dns[DHCP_CONFIG_SERVERS], ntp[DHCP_CONFIG_SERVERS];
    char domain[DHCP_CONFIG_DOMAIN];
    uint32_t lease_s;
    struct dhcp_range range[DHCP_CONFIG_RANGES]; /* ascending, none overlaps another */
    struct dhcp_host *host;                      /* by MAC, ascending */
    const struct dhcp_host **by_address;         /* the same by address */
    struct dhcp_wait *held;                      /* ascending */
};

struct dhcp_config {
    char version[DHCP_CONFIG_VERSION];
    int64_t number; /* that it is noted under at the regions; 0 = none */
    int count;
    struct dhcp_network *network;
};

/**
 * Check a document and make a configuration of it; dhcp_config_free gives it back, NULL is fine.
 * Errors: BAD_INPUT naming the network and the key.
 */
enum error_code dhcp_config_parse(const json_t *document, struct dhcp_config **config,
                                  struct error *err);
void dhcp_config_free(struct dhcp_config *config);

/** The host with this MAC, with this address; NULL when there is none. */
const struct dhcp_host *dhcp_config_host(const struct dhcp_network *network, struct mac mac);

/** What is held back at this address, or NULL. */
const struct dhcp_wait *dhcp_config_held(const struct dhcp_network *network, ip4 address);
const struct dhcp_host *dhcp_config_host_at(const struct dhcp_network *network, ip4 address);

/** The file of the last good document, as JSON text. Errors: NOT_FOUND, BAD_INPUT, CORRUPT, IO. */
enum error_code dhcp_config_load(const char *path, struct dhcp_config **config, struct error *err);
