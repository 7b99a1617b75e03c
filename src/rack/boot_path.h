/*
 * The names that machines ask a rack for, by TFTP or HTTP: made safe, and sorted into files, images
 * and loader configurations. Pure; any thread.
 */
#pragma once

#include "src/base/address.h"
#include "src/base/error.h"

enum { BOOT_PATH_BYTES = 256 }; /* longest name, with the NUL */

enum boot_path_kind {
    BOOT_PATH_FILE,             /* a loader: path is its name */
    BOOT_PATH_IMAGE,            /* path is the name below images/ */
    BOOT_PATH_BLOB,             /* path is blobs/ and 64 hexadecimal digits */
    BOOT_PATH_IPXE,             /* ipxe.cfg: the script that asks for the next one */
    BOOT_PATH_IPXE_MAC,         /* ipxe.cfg-MAC */
    BOOT_PATH_PXELINUX_MAC,     /* pxelinux.cfg/01-MAC */
    BOOT_PATH_PXELINUX_DEFAULT, /* pxelinux.cfg/default: who asks is known by the address alone */
    BOOT_PATH_GRUB,             /* grub/grub.cfg */
    BOOT_PATH_GRUB_MAC,         /* grub/grub.cfg-MAC */
};

struct boot_path {
    enum boot_path_kind kind;
    char path[BOOT_PATH_BYTES]; /* relative, of [A-Za-z0-9._:+@~/-], no "..", no segment begins "."
                                 */
    struct mac mac;             /* of the kinds that end in _MAC */
};

/**
 * Sort a name of size bytes as it came. Slashes at the front count for nothing, several count as
 * one. Errors: BAD_INPUT (NUL, backslash, "..", hidden or strange characters, too long), NOT_FOUND
 * (no name at all).
 */
enum error_code boot_path_read(const char *name, size_t size, struct boot_path *path,
                               struct error *err);
