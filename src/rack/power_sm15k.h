/*
 * The driver "sm15k": servers of a SeaMicro SM15000 chassis, by IPMI (which does not tell their
 * power) or its REST API, versions 0.9 (neither) and 2.0. Blocking; any thread.
 * Source: SeaMicro's OEM command 0x2e/1, its REST API as python-seamicroclient speaks it.
 */
#pragma once

#include "src/rack/power_order.h"

/** The power of a server by version 2.0. Pure. Errors: CORRUPT. */
enum error_code power_sm15k_read(const char *bytes, size_t size, enum power_seen *seen,
                                 struct error *err);

/** The result of a call of version 0.9: a new reference. Pure. Errors: CORRUPT, FORBIDDEN, IO. */
enum error_code power_sm15k_result(const char *bytes, size_t size, json_t **result,
                                   struct error *err);

/** As power_order_run. */
enum error_code power_sm15k_run(const struct power_order *order, struct arena *arena,
                                enum power_seen *seen, struct error *err);
