/*
 * Where machines have Debian packages from, those that scripts name and those that an image lacks:
 * the repository among the built-in images, and the mirror and the proxy that people set. Blocking
 * (reads the list of images); pool threads, inside the transaction. Source: docs/scripts.md,
 * docs/images.md.
 */
#pragma once

#include <jansson.h>

#include "src/region/api.h"

/**
 * *packages: {"repository": {path, os, release, components, key} if there is one for the machine's
 * architecture, "mirror", "proxy"}, the caller's. Errors: IO, of the database.
 */
enum error_code script_packages_make(struct api_request *request, int64_t node_id,
                                     json_t **packages, struct error *err);

/**
 * The same for the system once it is installed, as cloud-init's and curtin's "apt" have it: the
 * proxy, and the mirror, which is one of Ubuntu. The caller's; NULL = nobody set any.
 */
json_t *script_packages_apt(const json_t *packages, const char *osystem);
