/*
 * The DHCP leases of this rack in memory: by address and by client. A client is its MAC: firmware,
 * loader, installer and system send four different client identifiers. Pure; one thread at a time.
 * names: dhcp_lease_ dhcp_leases_
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/address.h"
#include "src/base/error.h"
#include "src/base/limits.h"

enum dhcp_lease_kind {
    DHCP_LEASE_OFFERED = 1, /* in memory only */
    DHCP_LEASE_BOUND,
    DHCP_LEASE_RELEASED, /* given back; kept for its client until another needs it */
    DHCP_LEASE_DECLINED, /* somebody else uses the address, its client said */
};

struct dhcp_lease {
    ip4 address;
    struct mac mac;
    uint8_t kind;        /* enum dhcp_lease_kind */
    uint32_t duration_s; /* as it was given */
    uint64_t expires_s;  /* since 1970 */
    char hostname[LIMIT_NAME];
};

/**
 * May another client have the address: a lease's last holder may still use it by a slower clock, so
 * a quarter of its duration goes by after its end, released or not.
 */
bool dhcp_lease_is_free(const struct dhcp_lease *lease, uint64_t now_s);

/**
 * Another rack's lease as this one may count on it: expires_s by this rack's clock from the left_s
 * (negative: over) that its owner counted at asked_s or up to 10 s earlier. Rather too early, for
 * clocks drift by a hundredth each and the owner gives the address to others a quarter after the
 * end.
 */
void dhcp_lease_lend(struct dhcp_lease *lease, uint64_t asked_s, int64_t left_s);

/** At most LIMIT_LEASES. */
struct dhcp_leases;
struct dhcp_leases *dhcp_leases_new(void);
void dhcp_leases_free(struct dhcp_leases *leases);

/**
 * The lease of an address; of a client in a network: the one that ends last, declined ones left
 * out. NULL when there is none. Valid until the next put or drop.
 */
const struct dhcp_lease *dhcp_leases_at(const struct dhcp_leases *leases, ip4 address);
const struct dhcp_lease *dhcp_leases_of(const struct dhcp_leases *leases, struct mac mac,
                                        struct ip4_net net);

/**
 * Keep a copy, in place of what its address had. When full the free lease that ended first makes
 * room. Errors: LIMIT when none is free.
 */
enum error_code dhcp_leases_put(struct dhcp_leases *leases, const struct dhcp_lease *lease,
                                uint64_t now_s, struct error *err);
void dhcp_leases_drop(struct dhcp_leases *leases, ip4 address);

/** How many there are; the i-th (0..count-1) in no order, offers included. */
int dhcp_leases_count(const struct dhcp_leases *leases);
const struct dhcp_lease *dhcp_leases_nth(const struct dhcp_leases *leases, int i);

/** All that must outlive a restart: copies without offers and long-dead ones; free() it. */
struct dhcp_lease *dhcp_leases_copy(const struct dhcp_leases *leases, uint64_t now_s, int *count);

/**
 * Changes for the region: mark an address, take up to most of the marked leases (each marked once
 * however often it changed), oldest mark first. Returns how many.
 */
void dhcp_leases_mark(struct dhcp_leases *leases, ip4 address);
void dhcp_leases_mark_all(struct dhcp_leases *leases);
int dhcp_leases_take_marked(struct dhcp_leases *leases, struct dhcp_lease *taken, int most);

/** How many marks were put, and how many of them taken, since the start: what was marked before is
 * taken when the second number has come to what the first was. */
uint64_t dhcp_leases_marked(const struct dhcp_leases *leases);
uint64_t dhcp_leases_taken(const struct dhcp_leases *leases);
