/*
 * Power control on the rack: takes the region's "power" calls, gives each BMC one order at a time,
 * and answers with what the driver saw. The loop's side; drivers run on threads of their own.
 * Contract: docs/rack-protocol.md.
 */
#pragma once

#include "src/base/spool.h"
#include "src/rack/rack.h"

enum {
    POWER_ORDERS_MAX = 256,    /* that wait or run */
    POWER_TIMEOUT_MS = 120000, /* most for one order */
};

/** A part of the rack: see rack_part.h. */
enum error_code power_start(struct rack *rack, struct error *err);
void power_metrics(struct rack *rack, struct spool *spool);
