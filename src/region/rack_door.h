/*
 * The way from the API's threads to the racks. Any thread but the loop's: these wait.
 * Contract: docs/rack-protocol.md.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "src/base/error.h"

enum { RACK_POWER_ADDRESS = 256 }; /* bytes of the place of a BMC */

/** What is to be done to the power of one machine. Texts are borrowed for the call. */
struct rack_power_order {
    const char *request;   /* UUID; the same when the order is given again */
    const char *system_id; /* of the machine */
    const char *action;    /* "on", "off", "cycle", "query"; "list": the machines of a chassis */
    const char *driver;    /* a row of src/model/power_driver.h */
    json_t *parameters;    /* of the driver, secrets in clear; borrowed */
    const char *address;   /* of the BMC: racks on its network are asked first. NULL, "" = any */
    const char *rack;      /* system_id of the rack to ask first, or NULL */
    unsigned timeout_ms;   /* for all of it; 0 = 60 s, at most 120 s */
    bool background;       /* nobody waits for it: racks do others first; a query */
    json_t **result;       /* all of the answer, and "rack" (its system_id); the caller owns it.
                              NULL = not wanted; not with rack_door_power_begin */
};

/**
 * Give the order to a linked rack, to the next one when that cannot reach the BMC. *power is "on",
 * "off" or "unknown", as the driver saw it afterwards; static.
 * Errors: UNAVAILABLE (no rack is linked, none reaches the BMC), TIMEOUT, UNKNOWN_OUTCOME (the
 * link broke within a "cycle"), BAD_INPUT (parameters), FORBIDDEN (the BMC refuses the user).
 */
enum error_code rack_door_power(const struct rack_power_order *order, const char **power,
                                struct error *err);

/** What came of an order: power as rack_door_power says it, NULL when *why tells why not. Loop. */
typedef void rack_door_ended(void *subject, const char *power, const struct error *why);

/**
 * As rack_door_power, without waiting: ended is called once, on the loop's thread. After an error
 * it is not. Errors: UNAVAILABLE (this region serves no racks), BAD_INPUT.
 */
enum error_code rack_door_power_begin(const struct rack_power_order *order, rack_door_ended *ended,
                                      void *subject, struct error *err);

/**
 * Tell all linked racks: "config_changed", "boot_forget". params may be NULL; borrowed. Does not
 * wait: a rack that is not linked misses it, and asks when it comes back.
 */
void rack_door_note(const char *method, json_t *params);
