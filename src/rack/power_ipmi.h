/*
 * The drivers "ipmi" and "moonshot" (a cartridge behind its chassis' BMC): ipmitool as a child
 * program, over lanplus or lan. Blocking; any thread.
 * Source: ipmitool(1), IPMI 2.0 sections 13.20-13.24, 28.3, 28.13.
 */
#pragma once

#include "src/rack/power_order.h"

/** As power_order_run. */
enum error_code power_ipmi_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err);

/** One run of ipmitool with these arguments, for a driver with power_address, power_user and
 * power_pass alone. Errors: as power_order_run. */
enum error_code power_ipmi_command(const struct power_order *order, struct arena *arena,
                                   const char *const *arguments, struct error *err);

/** What ipmitool's output says went wrong, as an error for a person. Pure. */
enum error_code power_ipmi_explain(const struct power_order *order, const char *output,
                                   struct error *err);

/** "Chassis Power is on". Pure; false = the output says neither on nor off. */
bool power_ipmi_read_status(const char *output, enum power_seen *seen);
