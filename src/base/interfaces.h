/*
 * The network interfaces of this host and their IPv4 addresses, as they are now: what a controller
 * says of itself, and where a rack's servers listen.
 */
#pragma once

#include <jansson.h>

#include "src/base/address.h"
#include "src/base/error.h"
#include "src/base/limits.h"

enum { INTERFACE_NAME = 16, INTERFACE_ADDRESSES = 16 };

struct interface {
    char name[INTERFACE_NAME];
    unsigned index; /* the kernel's; a new one when an interface of that name was made anew */
    struct mac mac;
    bool up; /* switched on and with a carrier */
    int addresses;
    struct ip4_net address[INTERFACE_ADDRESSES];
};

struct interfaces {
    int count;
    struct interface interface[LIMIT_INTERFACES];
};

/**
 * Ask the kernel. Ethernet interfaces only (not the loopback), in the kernel's order; further ones
 * than the limits are left out. Takes well under a millisecond; any thread. Errors: IO.
 */
enum error_code interfaces_read(struct interfaces *interfaces, struct error *err);

/** The interface with this name, or NULL. */
const struct interface *interfaces_find(const struct interfaces *interfaces, const char *name);

/** Nothing differs. */
bool interfaces_equal(const struct interfaces *a, const struct interfaces *b);

/** The list of docs/rack-protocol.md (hello): a new reference. */
json_t *interfaces_json(const struct interfaces *interfaces);
