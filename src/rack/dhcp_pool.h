/* Which address a client gets: its reservation, its last one, the one it asks for, or a free one.
 * Part of dhcp_decide. Pure. */
#pragma once

#include "src/rack/dhcp_decide.h"

/** May this client have this address of the place: reserved for it, or in a range and nobody's. */
bool dhcp_pool_allows(const struct dhcp_question *question, const struct dhcp_place *place,
                      ip4 address);

/** Does another client hold it, or somebody without a lease. */
bool dhcp_pool_is_taken(const struct dhcp_question *question, ip4 address);

/** The address for the question's client; 0 when none is free. Moves the pool's cursor. */
ip4 dhcp_pool_choose(const struct dhcp_question *question, const struct dhcp_place *place);
