/*
 * Scripts that are for some hardware only (for_hardware of their header). Runs inside the caller's
 * transaction; pool threads. Source: MAAS API 2.0, scripts.
 */
#pragma once

#include "src/region/api.h"
#include "src/region/script_sql.h"

/**
 * Those of the node's current runs that are pending and not for its hardware are Skipped, once it
 * is known: when the program's own commissioning scripts are through.
 */
enum error_code script_hardware_skip(struct db *db, int64_t node_id, struct arena *arena,
                                     struct error *err);

/** Is the hardware of node n, whose current run of commissioning this looks at, known? */
#define SCRIPT_HARDWARE_KNOWN_SQL                                                        \
    "NOT EXISTS (SELECT FROM script_result o JOIN script b ON b.id = o.script_id WHERE " \
    "o.script_set_id = n.commissioning_set_id AND b.is_default AND " SCRIPT_OPEN_SQL(    \
        "o.status") ")"
