/*
 * The drivers "apc", "eaton" and "raritan": outlets of power distribution units by SNMP, with
 * snmpget and snmpset as child programs. Blocking; any thread.
 * Source: PowerNet-MIB rPDUOutletControl, EATON-EPDU-MIB outletControl, PDU2-MIB
 * outletSwitchControl.
 */
#pragma once

#include "src/rack/power_order.h"

/** The number that snmpget wrote in its last line. Pure; false: it is none. */
bool power_pdu_read(const char *output, long *number);

/** As power_order_run. */
enum error_code power_pdu_run(const struct power_order *order, struct arena *arena,
                              enum power_seen *seen, struct error *err);
