/*
 * What a machine's disks become when nobody said more than the name of a layout: curtin's storage
 * configuration, version 1. The same disks give the same plan. Pure; any thread.
 * Source: MAAS's storage layouts flat and lvm; curtin's documentation, topic storage.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"

enum { STORAGE_LAYOUT_LEAST_MIB = 2048 }; /* a smaller boot disk is refused */

struct storage_layout {
    const char *name; /* "flat", "lvm" */
    bool uefi;        /* else BIOS: a place for GRUB instead of an EFI partition */
    const char *disk, *serial, *id_path; /* the boot disk: "vda"; the others may be NULL */
    uint64_t size_bytes;
    uint64_t root_bytes;        /* of the partition that holds the system; 0 = the rest */
    uint64_t volume_bytes;      /* lvm: of the logical volume; 0 = all of its group */
    const char *group, *volume; /* lvm: names; NULL = "vgroot", "lvroot" */
};

/** Is it the name of a layout that is made here? */
bool storage_layout_is_known(const char *name);

/**
 * *storage is {"version": 1, "config": [...]}, the caller's.
 * Errors: BAD_INPUT (a layout that is not made here), CONFLICT (disk too small for it).
 */
enum error_code storage_layout_make(const struct storage_layout *layout, json_t **storage,
                                    struct error *err);
