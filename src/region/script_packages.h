/*
 * Where machines have Debian packages from, those that scripts name and those that an image lacks:
 * the repository among the built-in images, the archives and the proxy that people named. Blocking
 * (reads the list of images); pool threads, inside the transaction. Source: docs/scripts.md,
 * docs/images.md, docs/deploy.md.
 */
#pragma once

#include <jansson.h>

#include "src/model/package_repository.h"
#include "src/region/api.h"

/** What people named for one machine; texts in the request's arena. */
struct script_packages {
    const char *architecture;
    const char *proxy; /* NULL = there is none */
    struct package_repositories named;
};

/** Errors: CONFLICT (a URL that is none), of the database. */
enum error_code script_packages_read(struct api_request *request, int64_t node_id,
                                     struct script_packages *of, struct error *err);

/**
 * For the agent. *packages: {"repository": {path, os, release, components, key} if there is one for
 * the machine's architecture, "mirror" (Debian's), "proxy", "archive" (Ubuntu's) and "sources" (the
 * other ones) if people named any}, the caller's. Errors: IO, of the database.
 */
enum error_code script_packages_make(struct api_request *request, const struct script_packages *of,
                                     json_t **packages, struct error *err);

/**
 * The same for a system that cloud-init or curtin configures, as their "apt" has it: the proxy, the
 * archive of Ubuntu in Ubuntu, the other ones. The caller's; NULL = nobody named any.
 */
json_t *script_packages_apt(const struct script_packages *of, const char *osystem,
                            struct arena *arena);
