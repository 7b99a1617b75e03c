/* What a machine reports: op=signal of the metadata service. Pool threads. */
#pragma once

#include "src/region/metadata_store.h"

/**
 * Take the request's parameters and files as a signal of this machine. What a machine that has
 * nothing to report (any more) sends is accepted and changes nothing.
 * Errors: BAD_INPUT (unknown status, malformed inventory), TOO_LARGE, CONFLICT.
 */
enum error_code metadata_signal_take(struct api_request *request,
                                     const struct metadata_machine *machine, struct error *err);
