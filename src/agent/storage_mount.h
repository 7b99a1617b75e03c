/*
 * The mounts of a storage plan, now below a folder and later by fstab. Blocking; root of the
 * ephemeral system.
 */
#pragma once

#include "src/agent/storage_make.h"

/** Mount all file systems of disks below root, parents first; the other way round, as far as it
 * goes. */
enum error_code storage_mount_all(const struct storage_work *work, const char *root,
                                  struct error *err);
void storage_mount_undo(const struct storage_work *work, const char *root);

/** The lines of /etc/fstab, in the arena of the log. */
const char *storage_mount_fstab(const struct storage_work *work);
