/*
 * The driver "ucsm": servers of a Cisco UCS Manager, by its XML API. Blocking; any thread.
 * Source: Cisco UCS Manager XML API (aaaLogin, configResolveClass, configResolveChildren,
 * configConfMo; classes computeItem, lsPower, adaptorHostEthIf).
 */
#pragma once

#include "src/rack/power_chassis.h"
#include "src/rack/power_order.h"
#include "src/rack/power_xml.h"

/** A server as configResolveClass tells it. */
struct power_ucsm_server {
    char profile[256]; /* the name of its service profile, "" = none */
    enum power_seen power;
};

/** Read one. Pure. Errors: CORRUPT, NOT_FOUND (none), FORBIDDEN, IO (an error of the API). */
enum error_code power_ucsm_read_server(const char *bytes, size_t size,
                                       struct power_ucsm_server *found, struct error *err);

/** As power_order_run. */
enum error_code power_ucsm_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err);

/** Servers with the interfaces below them, from two replies of configResolveClass: of computeItem
 * and of adaptorHostEthIf. Pure. Errors: as power_chassis_add; FORBIDDEN, IO (of the API). */
enum error_code power_ucsm_add(const struct power_xml *servers, const struct power_xml *interfaces,
                               struct arena *arena, struct power_chassis *chassis,
                               struct error *err);

/** The servers that it manages. Errors: as power_order_run, power_chassis_add. */
enum error_code power_ucsm_list(const struct power_order *order, struct arena *arena,
                                struct power_chassis *chassis, struct error *err);
