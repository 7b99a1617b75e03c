/*
 * What drivers have in common: look first, do only what is missing, see that the machine follows.
 * Blocking; any thread. names: power_steps_
 */
#pragma once

#include <stdint.h>

#include "src/rack/power_order.h"

/** How one driver does it, with its own subject. */
struct power_steps {
    const struct power_order *order;
    uint64_t deadline_ns;
    void *subject;
    enum error_code (*query)(void *subject, enum power_seen *seen, struct error *err);
    /** So that it boots from the network, where the BMC can be told so. */
    enum error_code (*turn_on)(void *subject, struct error *err);
    enum error_code (*turn_off)(void *subject, struct error *err);
    /** Of a machine that is on, as turn_on; NULL = off, then on. */
    enum error_code (*restart)(void *subject, struct error *err);
};

/** Carry the order out. Errors: those of the driver; TIMEOUT (the machine did not follow). */
enum error_code power_steps_run(const struct power_steps *steps, enum power_seen *seen,
                                struct error *err);
