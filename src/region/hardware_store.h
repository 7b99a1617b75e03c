/* A machine's hardware as rows. Runs inside the caller's transaction; pool threads. */
#pragma once

#include <jansson.h>

#include "src/db/db.h"

/**
 * Put a checked report (hardware_report_parse) in the place of what is known of the node: its CPUs
 * and memory, NUMA nodes, disks, physical interfaces, what is on its buses. *summary for people: "2
 * CPUs, 1024 MiB, ...". Errors: CONFLICT (a MAC is another node's; the text says so), those of the
 * database.
 */
enum error_code hardware_store_put(struct db *db, int64_t node_id, json_t *report,
                                   struct arena *arena, const char **summary, struct error *err);

enum hardware_part { HARDWARE_NETWORK = 1, HARDWARE_DISKS = 2 };

/**
 * The parts (bits of enum hardware_part) as the report tells them, whatever people made of them
 * since: physical interfaces are enabled and without parameters of their own, the boot disk is
 * nobody's choice. Errors: as hardware_store_put.
 */
enum error_code hardware_store_restore(struct db *db, int64_t node_id, const json_t *report,
                                       unsigned parts, struct arena *arena, struct error *err);
