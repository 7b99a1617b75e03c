/* How a machine is powered, as it says itself: op=signal of the metadata service. Pool threads. */
#pragma once

#include "src/region/metadata_store.h"

/**
 * Keep power_type and power_parameters of the request, if it has any, for a machine that nobody has
 * said it of yet, or whose BMC this is. Of other machines, and of drivers that would have regions
 * call addresses of the machine's own choice, nothing is taken.
 * Errors: BAD_INPUT (no such driver, bad parameters), CORRUPT.
 */
enum error_code metadata_power_take(struct api_request *request,
                                    const struct metadata_machine *machine, struct error *err);
