/* ARP: tell the wire where an address lives now, or ask whether somebody has it. */
#pragma once

#include <stddef.h>

#include "src/base/address.h"
#include "src/base/error.h"

/** A socket for ARP frames of one interface. Errors: NOT_FOUND, IO. */
enum error_code arp_open(const char *interface, int *fd, struct error *err);

/** Both gratuitous forms, request and reply (RFC 5944 4.6): switches and hosts differ in taste. */
void arp_announce(int fd, const char *interface, ip4 address);

/** Ask who has the address, as one who has none (RFC 5227 2.1.1). */
void arp_probe(int fd, const char *interface, ip4 address);

/** The interface has a carrier. */
bool arp_link_is_up(int fd, const char *interface);

/** Does this Ethernet frame show that somebody who is not own has the address? *mac says who. Any
 * ARP packet of that sender does, request or reply (RFC 5227 2.4). Pure. */
bool arp_read(const void *bytes, size_t size, ip4 address, const struct mac *own, struct mac *mac);

/** Frames are there: true when one shows somebody else using the address; *mac says who. What
 * comes faster than it can be read is left for the next call. */
bool arp_is_used(int fd, const char *interface, ip4 address, struct mac *mac);
