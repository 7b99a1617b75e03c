/*
 * The driver "openbmc": the host behind an OpenBMC by its D-Bus objects over REST. Blocking; any
 * thread. Source: OpenBMC docs, rest-api and host-management.
 */
#pragma once

#include "src/rack/power_order.h"

/** The power that the attribute CurrentHostState tells. Pure. Errors: CORRUPT. */
enum error_code power_openbmc_read(const char *bytes, size_t size, enum power_seen *seen,
                                   struct error *err);

/** As power_order_run. */
enum error_code power_openbmc_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err);
