/*
 * Where machines have Debian packages from, those that scripts name and those that an image lacks:
 * the repository among the built-in images, the archives and the proxy that people named. Blocking
 * (reads the list of images); pool threads, inside the transaction. Source: docs/scripts.md,
 * docs/images.md, docs/deploy.md.
 */
#pragma once

#include <jansson.h>

#include "src/region/api.h"

/**
 * For the agent. *packages: {"repository": {path, os, release, components, key} if there is one for
 * the machine's architecture, "mirror" (Debian's), "proxy", "archive" (Ubuntu's) and "sources" (the
 * other ones) if people named any}, the caller's. Errors: IO, CONFLICT, of the database.
 */
enum error_code script_packages_make(struct api_request *request, int64_t node_id,
                                     json_t **packages, struct error *err);

/**
 * The same for a system that cloud-init or curtin configures, as their "apt" has it: the proxy, the
 * archive of Ubuntu in Ubuntu, the other ones. *apt is the caller's; NULL = nobody named any.
 * Errors: CONFLICT, of the database.
 */
enum error_code script_packages_apt(struct api_request *request, int64_t node_id,
                                    const char *osystem, json_t **apt, struct error *err);
