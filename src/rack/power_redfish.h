/*
 * The driver "redfish": the machine as a ComputerSystem of its BMC. Blocking; any thread.
 * Source: DMTF DSP0266 (Redfish protocol: ETags, actions), ComputerSystem schema.
 */
#pragma once

#include "src/base/limits.h"
#include "src/rack/power_order.h"

enum { POWER_REDFISH_PATH = 256 };

/** What a ComputerSystem says that is needed here. */
struct power_redfish_system {
    enum power_seen power;
    char etag[128];                  /* "" = none */
    char target[POWER_REDFISH_PATH]; /* of the action Reset; "" = not told */
    const char *on, *off;            /* ResetType that does it, of the allowed ones; static */
    const char *restart;             /* NULL = none */
};

/** Read one. Pure. Errors: CORRUPT; IO (no ResetType turns it on or off). */
enum error_code power_redfish_read_system(const char *bytes, size_t size,
                                          struct power_redfish_system *system, struct error *err);

/** Path of the only member of a collection. Pure. Errors: CORRUPT; BAD_INPUT (more than one). */
enum error_code power_redfish_read_members(const char *bytes, size_t size,
                                           char path[POWER_REDFISH_PATH], struct error *err);

/** As power_order_run. */
enum error_code power_redfish_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err);
