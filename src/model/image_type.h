/*
 * Kinds of files that images consist of, as simplestreams and uploads name them, and the pure
 * rules of what they are good for. Any thread. Source: MAAS API 2.0, boot-resources.
 */
#pragma once

#include <stdbool.h>

enum image_role {
    IMAGE_KERNEL, /* boot-kernel */
    IMAGE_INITRD,
    IMAGE_DTB,
    IMAGE_SQUASHFS,
    IMAGE_ROOT,   /* a root file system that is installed from */
    IMAGE_LOADER, /* archives of boot loaders */
    IMAGE_ROLES,
};

struct image_type {
    const char *name;   /* "boot-kernel", "root-dd.gz" */
    const char *upload; /* filetype of an upload that becomes it: "ddgz"; NULL = none */
    enum image_role role;
    int rank; /* of several roots in one image the lowest is taken */
};

extern const struct image_type image_types[];
extern const int image_types_count;

/** By name, or by what an upload says; NULL = not known, and of no use. */
const struct image_type *image_type_find(const char *name);
const struct image_type *image_type_of_upload(const char *filetype);
