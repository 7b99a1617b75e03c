/*
 * Time limits of statuses that pass: the leader's duty. Inside the caller's transaction; any thread
 * with a database connection.
 */
#pragma once

#include "src/region/machine_life.h"

enum { MACHINE_LIMIT_PERIOD_S = 5, MACHINE_LIMIT_PAUSE_S = 20 };

/**
 * Look at the limits, every PERIOD_S. When nobody looked for longer than PAUSE_S, no primary
 * served: all limits are put off by that time first. Machines whose limit has passed fail.
 */
enum error_code machine_limit_look(const struct machine_life *life, struct error *err);
