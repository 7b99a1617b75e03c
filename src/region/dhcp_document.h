/*
 * The answer to dhcp_config: what a rack may give addresses by from now on. It is noted before it
 * is told, and other racks' documents hold back what it contradicts, until this rack has confirmed
 * another or its right to give is over (an owner of DHCP blocks that has expired). Inside the
 * caller's transaction (DB_WRITE), which may run again; workers. Rules: docs/ha.md.
 */
#pragma once

#include <jansson.h>

#include "raft/cluster_state.h"
#include "src/db/db.h"

struct dhcp_document_ask {
    const char *rack;                  /* system_id */
    const char *version;               /* that it has, "" = none */
    int64_t number;                    /* of the document it confirms, 0 = none */
    int64_t owner;                     /* under which it gives, 0 = none yet */
    int64_t refused;                   /* the last document it could not take, 0 = none */
    const struct cluster_state *facts; /* read after dhcp_document_lock */
};

/** One rack at a time from here to the end of the transaction: its first statement. */
enum error_code dhcp_document_lock(struct db *db, struct error *err);

/**
 * The document, a new object; {"version", "number"} alone when the rack has it and it is confirmed.
 * Errors: TOO_LARGE (more than a frame holds).
 */
enum error_code dhcp_document_answer(struct db *db, const struct dhcp_document_ask *ask,
                                     struct arena *arena, json_t **document, struct error *err);
