/*
 * What racks give by DHCP: their configuration as a document, and the leases they report.
 * Contract: docs/rack-protocol.md. Inside the caller's transaction; workers.
 */
#pragma once

#include <jansson.h>

#include "src/db/db.h"

/** The networks of a rack's DHCP document as they should be: JSON in the arena. */
enum error_code dhcp_store_networks(struct db *db, const char *system_id, struct arena *arena,
                                    const char **text, struct error *err);

/**
 * Keep what the call `leases` of a rack says: the table of leases, and an observed address at each
 * interface with that MAC. Errors: BAD_INPUT: nothing is kept then.
 */
enum { DHCP_STORE_LEASES = 256, DHCP_STORE_LEASE_S = 600 };
enum error_code dhcp_store_leases(struct db *db, const char *rack, json_t *params,
                                  struct arena *arena, struct error *err);

/** The highest sequence that this store of the rack has told leases with, 0 = it has told none. */
enum error_code dhcp_store_told(struct db *db, const char *rack, const char *store,
                                uint64_t *sequence, struct error *err);

/** The answer to partner_leases: what other racks gave in the rack's networks, a new object. */
enum error_code dhcp_store_partner(struct db *db, const char *rack, int64_t since,
                                   struct arena *arena, json_t **result, struct error *err);

/** Dynamic ranges of those subnets (list of ids) that the rack serves: id, is this the first rack,
 * the other rack or NULL, first and last address; by subnet, ascending. */
enum error_code dhcp_store_ranges(struct db *db, const char *rack, json_t *subnets,
                                  struct arena *arena, struct db_rows *rows, struct error *err);

/** Forget what has run out for a day. */
enum error_code dhcp_store_sweep(struct db *db, struct error *err);
