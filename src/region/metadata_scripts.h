/*
 * What a machine is to run: the archive of scripts that it asks for until there is none left, and
 * the program that runs them under a stock system. Pool threads, inside the transaction.
 * Source: MAAS API 2.0, metadata service, maas-scripts.
 */
#pragma once

#include "src/region/metadata_store.h"

/** The archive with index.json, or 204 when nothing is left to run. */
enum error_code metadata_scripts_reply(struct api_request *request, struct api_reply *reply,
                                       const struct metadata_machine *machine, struct error *err);
