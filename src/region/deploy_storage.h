/*
 * What becomes of a machine's disks when it is deployed, by what was asked for: the request to
 * deploy, else what was set for the machine, else the setting. Runs inside the caller's
 * transaction; pool threads. Source: MAAS API 2.0, set_storage_layout, mount_special.
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/db/db.h"

/**
 * *storage is curtin's storage configuration, version 1, with the file systems in memory: the
 * caller's. Errors: CONFLICT (no disk, or too small for it), BAD_INPUT (a layout that is not made).
 */
enum error_code deploy_storage_make(struct db *db, int64_t node_id, struct arena *arena,
                                    json_t **storage, struct error *err);
