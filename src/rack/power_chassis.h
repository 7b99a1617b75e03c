/*
 * The machines that a chassis or a hypervisor lists, in the form of the contract: what a region
 * needs to enlist them. Any thread. Contract: docs/rack-protocol.md. names: power_chassis_
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum { POWER_CHASSIS_MACHINES = 1024, POWER_CHASSIS_MACS = 32 };

struct power_chassis {
    json_t *machines; /* a list; owned by who made it */
};

/** One machine; texts are borrowed. Zero it, then add MACs. */
struct power_chassis_machine {
    const char *name;         /* "" = none */
    const char *architecture; /* as the chassis says it ("x86_64", "arm"); NULL = amd64 */
    const char *unit;         /* the driver's parameter that tells it from others, and its value */
    const char *value;
    char macs[POWER_CHASSIS_MACS][18];
    int macs_count;
};

/** Take a MAC address in any usual form; others are passed by. */
void power_chassis_mac(struct power_chassis_machine *machine, const char *text);

/** Add it to the list, if it has a MAC. Errors: TOO_LARGE (a chassis of too many), CORRUPT. */
enum error_code power_chassis_add(struct power_chassis *chassis,
                                  const struct power_chassis_machine *machine, struct error *err);
