/*
 * What the commissioning script that makes users in BMCs is told: the settings maas_auto_ipmi_...,
 * as assignments in the text that a machine is given, so that they stand in no command line. Pool
 * threads. Source: MAAS API 2.0, settings.
 */
#pragma once

#include <stddef.h>

#include "src/base/arena.h"
#include "src/db/db.h"

/**
 * One line NAME='VALUE' for each of these settings that somebody has set; a list is its words.
 * Errors: of the database.
 */
enum error_code script_bmc_settings(struct db *db, struct arena *arena, const char **lines,
                                    struct error *err);

/** The script's text with these lines behind its header, in the arena; its size goes to *size. */
const char *script_bmc_text(const char *text, const char *lines, struct arena *arena, size_t *size);
