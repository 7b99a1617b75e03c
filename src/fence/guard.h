/*
 * The guard mutes a virtual address by itself at its lease's end, whatever happens to this process:
 * in a netdev table of nftables a guarded address may speak, and hear, only while it is an element
 * of a set, and the kernel drops the element when its timeout is over. Both ways: IPv4 packets and
 * ARP. The same for the TCP port of a primary, on all interfaces. Uses libnftables in process; one
 * thread. Source: nft(8), SETS and HOOKS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/address.h"
#include "src/base/error.h"

struct guard;

struct guard_known {
    const uint32_t *ports; /* TCP */
    const ip4 *callers;
    uint32_t ports_count, callers_count;
};

/**
 * Make the table anew, with nothing in it: what an earlier process left is gone, so its addresses
 * must have been removed before. Errors: UNAVAILABLE (the kernel has no netdev tables).
 */
enum error_code guard_new(struct guard **guard, struct error *err);

/** Remove the table. The addresses must be gone before. NULL is fine. */
void guard_free(struct guard *guard);

/**
 * Put an address of this interface under guard: mute until guard_let. Before the address is put on
 * the interface. Errors: UNAVAILABLE (a hook is missing: what is there guards all the same).
 */
enum error_code guard_cover(struct guard *guard, ip4 address, const char *interface,
                            struct error *err);

/**
 * Let it speak until deadline_ns (BOOTTIME). The kernel counts from the moment it hears of it, so
 * the clock is read again after that, and the address is mute when the deadline has passed. Errors:
 * TIMEOUT (it has passed), UNAVAILABLE.
 */
enum error_code guard_let(struct guard *guard, ip4 address, uint64_t deadline_ns,
                          struct error *err);

/**
 * No new connection to it comes in until it is covered again: who asks for one hears nothing, and
 * asks again in a second. Those that are there go on.
 */
void guard_close(struct guard *guard, ip4 address);

/** Mute it now; it stays under guard. */
void guard_mute(struct guard *guard, ip4 address);

/**
 * What listens at this TCP port may speak and hear until deadline_ns, then no more, until
 * guard_free_port. Errors as of guard_let.
 */
enum error_code guard_let_port(struct guard *guard, uint16_t port, uint64_t deadline_ns,
                               struct error *err);

/**
 * Who comes to these ports: the callers as they like, all others together few in a second, so that
 * a flood of them leaves room. Takes the place of what was said before. On all interfaces but lo.
 * Errors: UNAVAILABLE.
 */
enum error_code guard_know(struct guard *guard, const struct guard_known *known, struct error *err);

/** The port is under guard no more: a primary has ended. */
void guard_free_port(struct guard *guard, uint16_t port);
