/*
 * Programs that drivers run: within the order's time, secrets in files of a private folder.
 * Blocking; any thread. names: power_tool_
 */
#pragma once

#include <stdint.h>

#include "src/base/process.h"
#include "src/rack/power_order.h"

struct power_tool {
    const char *const *argv; /* argv[0] = its path */
    const char *const *environment;
    const char *package; /* that has it */
    int timeout_ms;      /* most for this run */
    uint64_t deadline_ns;
};

/**
 * Run it to its end. A status that is not 0 is no error. Errors: TIMEOUT (no time is left),
 * UNAVAILABLE (it did not end in time), IO (not installed), TOO_LARGE (more than 64 KiB of output).
 */
enum error_code power_tool_run(const struct power_order *order, const struct power_tool *tool,
                               struct arena *arena, struct process_result *result,
                               struct error *err);

/** A folder for this order that nobody else can read, below that of the rack. Errors: IO. */
enum error_code power_tool_folder(const struct power_order *order, struct arena *arena,
                                  const char **folder, struct error *err);
