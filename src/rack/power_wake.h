/*
 * The driver "wakeonlan": a magic packet that wakes a machine; nothing turns it off or tells its
 * power. Blocking; any thread. Source: AMD's "Magic Packet Technology" white paper.
 */
#pragma once

#include <stdint.h>

#include "src/base/address.h"
#include "src/rack/power_order.h"

enum { POWER_WAKE_BYTES = 102 };

/** The packet for one machine. Pure. */
void power_wake_packet(const struct mac *mac, uint8_t packet[POWER_WAKE_BYTES]);

/** As power_order_run. Errors: BAD_INPUT; UNAVAILABLE (no interface took the packet). */
enum error_code power_wake_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err);
