/* The list of a region's images, docs/images.md. Pure; any thread once read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum {
    IMAGE_MANIFEST_BYTES = 1 << 20,
    IMAGE_MANIFEST_FILES = 1024,
    IMAGE_MANIFEST_SHA256 = 65, /* hex, with the NUL */
};

struct image {
    const char *file; /* relative, of [A-Za-z0-9._/-], without ".." */
    const char *kind; /* "kernel", "initrd", "squashfs", "loader"... */
    uint64_t size;
    char sha256[IMAGE_MANIFEST_SHA256]; /* lower case */
};

struct image_manifest;

/** Errors: BAD_INPUT (what is wrong with which file), TOO_LARGE. */
enum error_code image_manifest_read(const char *text, size_t size, struct image_manifest **manifest,
                                    struct error *err);
void image_manifest_free(struct image_manifest *manifest);

/** The image of this name, or NULL; borrowed from the manifest. */
const struct image *image_manifest_find(const struct image_manifest *manifest, const char *file);
int image_manifest_count(const struct image_manifest *manifest);
