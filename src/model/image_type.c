/* Kinds of image files: see image_type.h. */
#include "src/model/image_type.h"

#include <string.h>

#include "src/base/container.h"

const struct image_type image_types[] = {
    {"boot-kernel", NULL, IMAGE_KERNEL, 0},
    {"boot-initrd", NULL, IMAGE_INITRD, 0},
    {"boot-dtb", NULL, IMAGE_DTB, 0},
    {"squashfs", "squashfs", IMAGE_SQUASHFS, 0},
    {"root-raw.zst", NULL, IMAGE_ROOT, 0}, /* a file system, not a disk */
    {"root-tgz", "tgz", IMAGE_ROOT, 1},
    {"root-tbz", "tbz", IMAGE_ROOT, 2},
    {"root-txz", "txz", IMAGE_ROOT, 3},
    {"root-dd", "ddtgz", IMAGE_ROOT, 4}, /* a whole disk, as all that follow */
    {"root-dd.tar", "ddtar", IMAGE_ROOT, 5},
    {"root-dd.raw", "ddraw", IMAGE_ROOT, 6},
    {"root-dd.gz", "ddgz", IMAGE_ROOT, 7},
    {"root-dd.bz2", "ddbz2", IMAGE_ROOT, 8},
    {"root-dd.xz", "ddxz", IMAGE_ROOT, 9},
    {"root-dd.tar.bz2", "ddtbz", IMAGE_ROOT, 10},
    {"root-dd.tar.xz", "ddtxz", IMAGE_ROOT, 11},
    {"root-image.gz", NULL, IMAGE_ROOT, 12},
    {"archive.tar.xz", NULL, IMAGE_LOADER, 0},
};
const int image_types_count = (int)COUNT_OF(image_types);

const struct image_type *image_type_find(const char *name)
{
    for (int i = 0; i < image_types_count; i++)
        if (!strcmp(image_types[i].name, name))
            return &image_types[i];
    return NULL;
}

const struct image_type *image_type_of_upload(const char *filetype)
{
    for (int i = 0; i < image_types_count; i++)
        if (image_types[i].upload && !strcmp(image_types[i].upload, filetype))
            return &image_types[i];
    return NULL;
}
