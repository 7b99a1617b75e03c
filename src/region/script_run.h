/*
 * Having scripts run on machines: what was asked for and the set that takes their results. Pool
 * threads, inside the transaction.
 */
#pragma once

#include "src/model/script.h"
#include "src/region/machine_ask.h"

/**
 * Keep what the request says of the run in node.script_options: enable_ssh, skip_bmc_config,
 * skip_networking, skip_storage (bool), commissioning_scripts, testing_scripts (text or null).
 * Errors: BAD_INPUT.
 */
enum error_code script_run_options(struct api_request *request, const struct machine *machine,
                                   struct error *err);

/**
 * Begin a run of this type with the scripts and parameters that the request names
 * (commissioning_scripts, testing_scripts, scripts). Errors: BAD_INPUT.
 */
enum error_code script_run_start(struct api_request *request, const struct machine *machine,
                                 enum script_type type, struct error *err);

/** A new set of this type, which becomes the machine's current one. */
enum error_code script_run_open_set(struct db *db, const struct machine *machine,
                                    enum script_type type, struct arena *arena, struct error *err);

/** Commission a machine that was asked about: options, sets, a new key, the move and its work. */
enum error_code script_run_commission(struct api_request *request, struct machine *machine,
                                      struct error *err);
