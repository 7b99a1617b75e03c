/*
 * IPv4 addresses on interfaces by rtnetlink. Ours carry NETLINK_PROTO in IFA_PROTO, so that what an
 * earlier fenced left can be told from what the operator set.
 */
#pragma once

#include "src/base/address.h"
#include "src/base/error.h"

enum { NETLINK_PROTO = 0x67 };

/** Open the socket of this process. Errors: IO. */
enum error_code netlink_open(int *fd, struct error *err);

/**
 * Put an address on an interface, or refresh it, so that the kernel drops it valid_s seconds from
 * now unless refreshed. Errors: NOT_FOUND (no interface), CONFLICT (there, and not ours), IO.
 */
enum error_code netlink_add(int fd, struct ip4_net address, const char *interface, unsigned valid_s,
                            struct error *err);

/** Remove an address; one that is not there is fine. Errors: IO. */
enum error_code netlink_drop(int fd, struct ip4_net address, const char *interface,
                             struct error *err);

/** Remove every address that carries our mark, on all interfaces. Returns how many; -1 = error. */
int netlink_drop_marked(int fd, struct error *err);
