/*
 * Disks by the names that outlive a boot, in a system without udev. Blocking.
 */
#pragma once

#include "src/agent/inventory.h"

/**
 * Make /dev/disk/by-id/... below root ("" for this system) for each disk that has an id_path, as
 * udev would: the region and people know a disk by that. A name that is there stays. What fails is
 * logged.
 */
void disk_links_make(const struct inventory *inventory, const char *root);
