/*
 * One order to a power driver, as the region's call says it, and its outcome. Checked against the
 * table of drivers. Any thread.
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/limits.h"
#include "src/model/power_driver.h"

enum power_action { POWER_ON, POWER_OFF, POWER_CYCLE, POWER_QUERY, POWER_LIST };
enum power_seen { POWER_SEEN_ON, POWER_SEEN_OFF, POWER_SEEN_UNKNOWN };

/** Paths of the programs that drivers run. */
struct power_tools {
    const char *ipmitool, *snmpget, *snmpset, *virsh, *ssh;
    const char *folder;      /* of this rack's own: private files are made below it */
    const char *known_hosts; /* the file of the keys that ssh has seen */
};

struct power_order {
    char request[40], system_id[LIMIT_NAME];
    enum power_action action;
    const struct power_driver *driver;
    json_t *parameters; /* of the driver, checked; secrets in clear; owned */
    char bmc[280];      /* "ipmi 10.0.0.1:623"; "" = no BMC */
    char port[8];       /* of the parameter power_port; "" = none is given */
    char unit[256];     /* the machine of that BMC; one order at a time for each pair */
    unsigned timeout_ms;
    bool background; /* nobody waits for it, others go first: only a query */
    const struct power_tools *tools;
};

/** Take a call's params. Errors: BAD_INPUT, NOT_FOUND (no such driver); nothing to close then. */
enum error_code power_order_parse(json_t *params, struct power_order *order, struct error *err);
void power_order_close(struct power_order *order);

/** The BMC as error texts name it. */
const char *power_order_where(const struct power_order *order);

/** Value of a parameter of its driver. */
const char *power_order_text(const struct power_order *order, const char *name);

/** The port of power_port, fallback when none is given. */
int power_order_port(const struct power_order *order, int fallback);

/** Of a power_address that is HOST or HOST:PORT: the host, in the arena, without brackets; the port
 * as text, that of power_port before it, fallback when none is given. */
const char *power_order_peer_host(const struct power_order *order, struct arena *arena);
const char *power_order_peer_port(const struct power_order *order, const char *fallback);

/** Words of the contract. */
const char *power_order_action_word(enum power_action action);
const char *power_order_seen_word(enum power_seen seen);

/**
 * Carry it out; blocking, within timeout_ms. *seen is the power afterwards.
 * Errors: BAD_INPUT, FORBIDDEN (user or password refused), UNAVAILABLE (the BMC does not answer),
 * TIMEOUT (the machine did not follow), IO (the tool is missing or failed).
 */
enum error_code power_order_run(const struct power_order *order, struct arena *arena,
                                enum power_seen *seen, struct error *err);

/**
 * The machines of a chassis, by an order to list them: see power_chassis.h. *machines is owned by
 * the caller. Errors: as power_order_run; NOT_FOUND (the driver knows no lists).
 */
enum error_code power_order_list(const struct power_order *order, struct arena *arena,
                                 json_t **machines, struct error *err);
