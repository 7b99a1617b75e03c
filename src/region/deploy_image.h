/*
 * Which image a machine is deployed with: an imported or uploaded one, else one of the images
 * folder. Blocking (reads that folder's list); pool threads, inside the transaction.
 * Source: docs/images.md.
 */
#pragma once

#include <jansson.h>

#include "src/db/db.h"

/** What is wanted; osystem and series "" = any, the one that there is. */
struct deploy_image {
    const char *folder; /* of built-in images, or NULL: there is none */
    const char *osystem, *series, *architecture;
    const char *kernel; /* of several, "hwe-24.04"; NULL = the usual one */
};

/**
 * The entry of the folder's list for a file of this kind, the caller's. Errors: NOT_FOUND (without
 * a text), IO.
 */
enum error_code deploy_image_built_in(const struct deploy_image *wanted, const char *kind,
                                      struct arena *arena, json_t **entry, struct error *err);

struct deploy_image_found {
    const char *osystem, *series; /* in the arena */
    int64_t resource_id;          /* 0 = built in */
    json_t *task;                 /* {"form", "path", "sha256", "size"}: the caller's */
    const char *kernel_package;   /* of its system, if it has no kernel itself; NULL = the usual */
};

/**
 * Errors: NOT_FOUND with a text for people, CONFLICT (the image is of a form that cannot be
 * installed), IO, of the database.
 */
enum error_code deploy_image_find(struct db *db, const struct deploy_image *wanted,
                                  struct arena *arena, struct deploy_image_found *found,
                                  struct error *err);

/**
 * The kernels that such an image has, "ga-24.04,hwe-24.04", in the arena; "" for a built-in one.
 * Errors: of the database.
 */
enum error_code deploy_image_kernels(struct db *db, const struct deploy_image_found *found,
                                     struct arena *arena, const char **kernels, struct error *err);

/** *names: what can be installed on this architecture, as "debian/bookworm, custom/mine", or "". */
enum error_code deploy_image_names(struct db *db, const struct deploy_image *wanted,
                                   struct arena *arena, const char **names, struct error *err);
