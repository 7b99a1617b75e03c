/*
 * Addresses for automatic links: given when a machine is deployed, taken back when it is released.
 * Inside the caller's transaction (DB_WRITE); pool threads. Source: MAAS API 2.0, link_subnet AUTO.
 */
#pragma once

#include "src/base/arena.h"
#include "src/db/db.h"

/**
 * Each automatic link of the machine that has no address gets the lowest one of its subnet that
 * nobody has: also not by a DHCP document that a rack may still give by, nor a lease of one.
 * Errors: LIMIT (a subnet has none left).
 */
enum error_code address_claim(struct db *db, int64_t node_id, struct arena *arena,
                              struct error *err);
