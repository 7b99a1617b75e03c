/* Giving machines back, with or without erasing their disks first. Pool threads, inside the
 * transaction. */
#pragma once

#include "src/region/machine_ask.h"

/** What the request and the settings say. */
struct machine_release {
    bool erase, secure_erase, quick_erase;
};

/** Errors: BAD_INPUT (not a truth value). */
enum error_code machine_release_read(struct api_request *request, struct machine_release *release,
                                     struct error *err);

/** Note it, move the machine and begin its work. It was asked about already. */
enum error_code machine_release_begin(struct api_request *request, struct machine *machine,
                                      const struct machine_release *release, struct error *err);
