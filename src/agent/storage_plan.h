/*
 * What an installation shall make of a machine's disks: curtin's storage configuration, version 1,
 * checked as a whole before the first byte is written. Pure; any thread.
 * Source: curtin's documentation, topic storage; docs/deploy.md.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum { STORAGE_ITEMS = 512, STORAGE_TEXT = 255, STORAGE_PARTITIONS = 128 };

enum storage_type {
    STORAGE_DISK,
    STORAGE_PARTITION,
    STORAGE_FORMAT,
    STORAGE_MOUNT,
    STORAGE_VOLGROUP,
    STORAGE_LOGICAL, /* lvm_partition */
    STORAGE_TYPES,
};

/** One thing to make. Texts are NULL where the plan does not say. */
struct storage_item {
    enum storage_type type;
    const char *id;
    struct storage_item *on;  /* partition: disk; format: volume; mount: format (NULL: none);
                                 logical volume: its group */
    struct storage_item **in; /* of a group: what it is made of */
    int in_count;
    const char *serial, *path, *name; /* disk: which; group and logical volume: name */
    const char *uuid, *label, *fstype, *options;
    const char *flag;    /* of a partition: "boot" (EFI), "bios_grub", "swap", "lvm", "raid" */
    const char *spec;    /* of a mount without a volume: "tmpfs" */
    uint64_t size_bytes; /* 0 = the rest */
    int number;          /* of a partition, from 1 */
    bool grub_device;    /* of a disk: the BIOS boots it */
    const char *device;  /* block device once made, for whoever makes it */
};

struct storage_plan {
    struct storage_item *items;
    int count;
};

/**
 * Everything lives in the arena. Each item stands behind those it refers to; there is one mount of
 * "/", each volume is used once, numbers of partitions ascend.
 * Errors: BAD_INPUT "storage: ID: ..." (also for types and table forms that are not made here).
 */
enum error_code storage_plan_parse(const json_t *json, struct arena *arena,
                                   struct storage_plan *plan, struct error *err);

/** The mount at this path, or NULL. */
struct storage_item *storage_plan_mount(const struct storage_plan *plan, const char *path);

/** Which mount a file lies in: the one with the longest path that path begins with. */
struct storage_item *storage_plan_mount_of(const struct storage_plan *plan, const char *path);

/** Mounts in the order in which they can be made (parents first), at most STORAGE_ITEMS. */
int storage_plan_mounts(const struct storage_plan *plan, struct storage_item **mounts);
