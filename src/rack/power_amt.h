/*
 * The driver "amt": Intel AMT by WS-Management, with Digest authentication. Blocking; any thread.
 * Source: Intel AMT SDK (CIM_PowerManagementService, CIM_BootConfigSetting, CIM_BootService), DMTF
 * DSP0226 (WS-Management), DSP1027 (power states).
 */
#pragma once

#include "src/rack/power_order.h"
#include "src/rack/power_xml.h"

/** The power by the PowerState of an enumeration's items. Pure. False: there is none in it. */
bool power_amt_read(const struct power_xml *xml, enum power_seen *seen);

/** As power_order_run. */
enum error_code power_amt_run(const struct power_order *order, struct arena *arena,
                              enum power_seen *seen, struct error *err);
