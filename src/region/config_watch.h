/*
 * Tells the racks when their configuration changed: hears the database's notices and sends the note
 * config_changed. A part of the region (region_part.h).
 */
#pragma once

#include "src/region/region.h"

/** Loop: once. */
enum error_code config_watch_start(struct region *region, struct error *err);

/** Loop: where the database is now. */
void config_watch_primary(struct region *region, const char *conninfo, uint64_t epoch);
