/*
 * Makes what a storage plan says: partition tables, volume groups, file systems, mounts. All that
 * was on the disks of the plan is gone afterwards. Blocking; root of the ephemeral system.
 * names: storage_
 */
#pragma once

#include "src/agent/inventory.h"
#include "src/agent/storage_plan.h"
#include "src/agent/tool.h"

struct storage_work {
    struct storage_plan *plan;
    const struct inventory *inventory;
    struct tool_log *log;
    const struct storage_item *image; /* this format comes as an image: it is not made. Or NULL */
};

/**
 * Which disk of the machine an item means: by serial, and by path when several have it or none is
 * named. Errors: NOT_FOUND, CONFLICT (several fit, or it cannot be written).
 */
enum error_code storage_find_disk(const struct inventory *inventory,
                                  const struct storage_item *item,
                                  const struct inventory_disk **disk, struct error *err);

/** Everything but the mounts. Sets device and uuid of the items. */
enum error_code storage_make(const struct storage_work *work, struct error *err);

/** Once nothing is mounted: volume groups are let go, as before a reboot. What fails is logged. */
void storage_release(const struct storage_work *work);

/** Write zeros over the first and the last MiB of a block device. Errors: IO. */
enum error_code storage_blank_ends(const char *device, struct error *err);
