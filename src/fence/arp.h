/* ARP: tell the wire where an address lives now, or ask whether somebody has it. */
#pragma once

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

/** A frame is there: true when it shows somebody else using the address; *mac says who. */
bool arp_is_used(int fd, const char *interface, ip4 address, struct mac *mac);
