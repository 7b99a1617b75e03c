/* Which address a client gets: its reservation, its last one, the one it asks for, or a free one.
 * Part of dhcp_decide. Pure. */
#pragma once

#include "src/rack/dhcp_decide.h"

/** May this client have this address of the place: reserved for it, or in a range, nobody's, and in
 * a block of this rack. */
bool dhcp_pool_allows(const struct dhcp_question *question, const struct dhcp_place *place,
                      ip4 address);

/** The end of what a lease of another rack may be renewed to here; 0 = this client has none at the
 * address, or it is not in a range. */
uint64_t dhcp_pool_lent_until(const struct dhcp_question *question, const struct dhcp_place *place,
                              ip4 address);

/** Is it an address of the ranges that no reservation has: one that only its block's owner gives.
 */
bool dhcp_pool_is_dynamic(const struct dhcp_place *place, ip4 address);

/** Does another client hold it, or somebody without a lease. */
bool dhcp_pool_is_taken(const struct dhcp_question *question, ip4 address);

/** How many addresses of the place could be given now, counted up to most. */
int dhcp_pool_count_free(const struct dhcp_question *question, const struct dhcp_place *place,
                         int most);

/** The address for the question's client; 0 when none is free. Moves the pool's cursor. */
ip4 dhcp_pool_choose(const struct dhcp_question *question, const struct dhcp_place *place);
