/*
 * Which addresses of a rack's DHCP document have to wait, for another rack may still give them
 * otherwise: a range's address that becomes a machine's, a machine's that becomes another's or a
 * range's. Networks are objects with "ranges", "hosts" and "held" as docs/rack-protocol.md has
 * them. Pure. Rules: docs/ha.md.
 */
#pragma once

#include <jansson.h>

#include "src/base/address.h"
#include "src/base/arena.h"

/** An address that waits. */
struct dhcp_held {
    ip4 address;
    bool has_mac; /* it is to be this machine's, else one of a range */
    struct mac mac;
    const char *rack; /* that may give it otherwise; of the caller's objects */
};

/** What others may be giving. */
struct dhcp_others {
    const json_t *networks; /* [{"rack", "network"}]: other racks', where not the same as here */
    const json_t *draining; /* [{"rack", "address", "mac"}]: leases by a meaning that is over */
};

/** Those of the networks' addresses that wait, ascending, each once; in the arena. */
struct dhcp_held *dhcp_hold_find(const json_t *networks, const struct dhcp_others *others,
                                 struct arena *arena, int *count);

/** Change the networks: hosts that wait are left out, and "held" is set in each. */
void dhcp_hold_apply(json_t *networks, const struct dhcp_held *held, int count);

/** Of the networks what a meaning is: a new list. */
json_t *dhcp_hold_meaning(const json_t *networks);

/**
 * A lease that was given by one meaning of its address is in the way of another: do `before` and
 * `after` (lists of dhcp_hold_meaning) differ in what they say of this client's address?
 */
struct dhcp_hold_change;
struct dhcp_hold_change *dhcp_hold_change(const json_t *before, const json_t *after,
                                          struct arena *arena);
bool dhcp_hold_drains(const struct dhcp_hold_change *change, ip4 address, struct mac mac);
