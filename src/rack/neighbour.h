/* Who has an address on the wire, as this host's kernel knows it. */
#pragma once

#include "src/base/address.h"

/** The MAC of a neighbour that spoke to us lately; false: not known. Never waits. Any thread. */
bool neighbour_mac(ip4 address, struct mac *mac);
