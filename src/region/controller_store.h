/*
 * Controllers in the database: they are nodes, with the interfaces and addresses that they say they
 * have; networks nobody knew so far are found by that. Inside the caller's transaction (DB_WRITE);
 * pool threads and workers.
 */
#pragma once

#include <jansson.h>

#include "src/db/db.h"

enum { CONTROLLER_RACK = 2, CONTROLLER_REGION = 3 };

struct controller {
    const char *system_id, *name, *version; /* name: of the host */
    int node_type;                          /* CONTROLLER_... */
    json_t *interfaces;                     /* as docs/rack-protocol.md says; borrowed */
};

/**
 * Make or renew its node, and keep its interfaces. May be done again at any time.
 * Errors: BAD_INPUT (interfaces), CONFLICT (the system_id is a machine's).
 */
enum error_code controller_store_register(struct db *db, const struct controller *controller,
                                          struct arena *arena, struct error *err);

/**
 * Its interfaces are these now: rows follow, and every network on them that is no subnet yet
 * becomes one, on the VLAN of the interface, or on a VLAN of a new fabric.
 * Errors: BAD_INPUT; NOT_FOUND: it never registered.
 */
enum error_code controller_store_interfaces(struct db *db, const char *system_id,
                                            json_t *interfaces, struct arena *arena,
                                            struct error *err);

/** The system_id of the region with this name: always the same one. In the arena. */
const char *controller_store_region_id(const char *name, struct arena *arena);
