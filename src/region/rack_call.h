/*
 * What racks ask and which function answers: the rows of rack_calls.def. A function runs on a
 * worker thread, inside a transaction of that thread's connection, and may run more than once for
 * one call (serialization failure), so all it does goes through the transaction and *result.
 * Contract: docs/rack-protocol.md. names: rack_call_
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/base/limits.h"
#include "src/db/db.h"

/** The rack that asks, as its certificate and hello say. */
struct rack_peer {
    char system_id[LIMIT_NAME], name[LIMIT_NAME];
    char address[64];   /* "address:port" of its link */
    char version[32];   /* of its gantry-rackd */
    const char *region; /* name of the region that answers */
    const char *images; /* its folder of built-in images, or NULL */
};

/**
 * params is the object of the call, borrowed: check what is read from it. *result is NULL when
 * called: leave it (an empty object is answered) or set it to a new object. The arena lives as long
 * as the call. Errors go to the rack as they are; BUSY, UNAVAILABLE: it asks another region.
 */
typedef enum error_code rack_call_function(const struct rack_peer *peer, struct db *db,
                                           json_t *params, struct arena *arena, json_t **result,
                                           struct error *err);

struct rack_call_row {
    const char *method;
    enum db_mode mode;
    rack_call_function *function;
};

/** The row of a method, or NULL. */
const struct rack_call_row *rack_call_find(const char *method);

#define RACK_CALL(method, mode, function) rack_call_function function;
#include "src/region/rack_calls.def"
#undef RACK_CALL
