/*
 * The drivers "dli", "msftocs" and "recs_box": outlets and blades behind a chassis that is told by
 * plain HTTP with Basic authentication. Blocking; any thread.
 * Source: Digital Loggers' web power switch (outlet?, state in hexadecimal), Microsoft OCS chassis
 * manager REST API, RECS|Box management API.
 */
#pragma once

#include "src/rack/power_chassis.h"
#include "src/rack/power_order.h"
#include "src/rack/power_xml.h"

/** Is outlet (1 to 64) on by the page of a DLI switch? Pure. Errors: CORRUPT, BAD_INPUT (outlet).
 */
enum error_code power_outlet_read_dli(const char *page, long outlet, enum power_seen *seen,
                                      struct error *err);

/** What a chassis manager (GetBladeState) or a RECS|Box (a node) answers. Pure. Errors: CORRUPT. */
enum error_code power_outlet_read_msftocs(const char *bytes, size_t size, enum power_seen *seen,
                                          struct error *err);
enum error_code power_outlet_read_recs(const char *bytes, size_t size, enum power_seen *seen,
                                       struct error *err);

/** As power_order_run. */
enum error_code power_outlet_run(const struct power_order *order, struct arena *arena,
                                 enum power_seen *seen, struct error *err);

/** Add the machines that a chassis manager or a RECS|Box lists. Pure. Errors: TOO_LARGE, CORRUPT.
 */
enum error_code power_outlet_add_blades(const struct power_xml_element *root, struct arena *arena,
                                        struct power_chassis *chassis, struct error *err);
enum error_code power_outlet_add_nodes(const struct power_xml_element *root, struct arena *arena,
                                       struct power_chassis *chassis, struct error *err);

/** The machines with their MACs. Errors: as power_order_run; TOO_LARGE, CORRUPT. */
enum error_code power_outlet_list(const struct power_order *order, struct arena *arena,
                                  struct power_chassis *chassis, struct error *err);
