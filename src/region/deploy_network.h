/*
 * The network configuration of a deployment, in the form of curtin and cloud-init (version 1), and
 * the racks around the machine. Runs inside the caller's transaction; pool threads.
 * Source: cloud-init's documentation, networking config version 1.
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/db/db.h"

/**
 * *network is {"version": 1, "config": [...]}, the caller's: all physical interfaces with their
 * links; one without any takes DHCP when the machine boots by it, and nothing otherwise.
 */
enum error_code deploy_network_read(struct db *db, int64_t node_id, struct arena *arena,
                                    json_t **network, struct error *err);

/**
 * Addresses of the racks that serve the network of a machine's address, "a,b", the primary's first;
 * "" when they are not known (address NULL, too).
 */
enum error_code deploy_network_racks(struct db *db, const char *address, struct arena *arena,
                                     const char **racks, struct error *err);
