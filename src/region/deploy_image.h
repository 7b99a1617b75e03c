/*
 * Which image a machine is deployed with. Blocking (reads the list of the images folder); pool
 * threads. Source: docs/images.md.
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/base/error.h"

/** What is wanted; osystem and series "" = the one that there is. */
struct deploy_image {
    const char *folder; /* of images, or NULL: there is none */
    const char *osystem, *series, *architecture;
};

/**
 * *image is the task's {"form", "path", "sha256", "size"}, the caller's.
 * Errors: NOT_FOUND with a text for people, IO, CORRUPT.
 */
enum error_code deploy_image_find(const struct deploy_image *wanted, struct arena *arena,
                                  json_t **image, struct error *err);
