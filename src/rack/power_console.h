/*
 * The drivers "hmc", "mscm" and "wedge": commands typed on a management console by ssh. Blocking;
 * any thread. Source: IBM's HMC commands chsysstate and lssyscfg, HP Moonshot's chassis manager
 * CLI, wedge_power.sh of OpenBMC's Facebook layer.
 */
#pragma once

#include "src/rack/power_chassis.h"
#include "src/rack/power_order.h"

/** The power that a console's answer to the driver's question names. Pure; false: none is known. */
bool power_console_read(const char *driver, const char *output, enum power_seen *seen);

/** As power_order_run. */
enum error_code power_console_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err);

/** The next node ("c1n1", as value) with its MACs from what "show node macaddr all" wrote, and
 * where it goes on; false: there is none. Pure. */
bool power_console_next_node(const char **output, struct arena *arena,
                             struct power_chassis_machine *found);

/** The architecture of a cartridge, from what "show node info" wrote of it. Pure. */
const char *power_console_architecture(const char *output);

/** The nodes of a Moonshot chassis. Errors: as power_order_run, power_chassis_add. */
enum error_code power_console_list(const struct power_order *order, struct arena *arena,
                                   struct power_chassis *chassis, struct error *err);
