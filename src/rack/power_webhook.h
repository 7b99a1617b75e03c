/*
 * The driver "webhook": URLs of the user's own that switch a machine and tell its power. Blocking;
 * any thread. Source: MAAS's driver of this name.
 */
#pragma once

#include "src/rack/power_order.h"

/** What the patterns find in a reply: the one for "on" is asked first. Pure. Errors: BAD_INPUT. */
enum error_code power_webhook_read(const char *text, const char *on, const char *off,
                                   enum power_seen *seen, struct error *err);

/** As power_order_run. */
enum error_code power_webhook_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err);
