/*
 * The driver "lxd": instances of a LXD host (Incus speaks the same). Blocking; any thread.
 * Source: LXD REST API 1.0 (instances, certificates), its status codes.
 */
#pragma once

#include "src/rack/power_order.h"

/** The power of an instance from its description. Pure. Errors: CORRUPT. */
enum error_code power_lxd_read(const char *bytes, size_t size, enum power_seen *seen,
                               struct error *err);

/** As power_order_run. */
enum error_code power_lxd_run(const struct power_order *order, struct arena *arena,
                              enum power_seen *seen, struct error *err);
