/*
 * The drivers "hmc", "mscm" and "wedge": commands typed on a management console by ssh. Blocking;
 * any thread. Source: IBM's HMC commands chsysstate and lssyscfg, HP Moonshot's chassis manager
 * CLI, wedge_power.sh of OpenBMC's Facebook layer.
 */
#pragma once

#include "src/rack/power_order.h"

/** The power that a console's answer to the driver's question names. Pure; false: none is known. */
bool power_console_read(const char *driver, const char *output, enum power_seen *seen);

/** As power_order_run. */
enum error_code power_console_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err);
