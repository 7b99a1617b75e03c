/*
 * Images of whole disks: they bring their partitions and boot loader, and are written over the
 * plan's first disk. Blocking; root of the ephemeral system. Source: docs/deploy.md, whole disks.
 */
#pragma once

#include "src/agent/storage_make.h"

/** *device is the disk of the plan; what stood at its ends is gone. Errors: BAD_INPUT (there is
 * none), NOT_FOUND, CONFLICT, IO. */
enum error_code install_disk_prepare(const struct storage_work *work, const char **device,
                                     struct error *err);

/**
 * The image is written: mount at root the file system of it that holds a system, the first one that
 * has /etc/os-release. *found false: there is none that this kernel can read. Errors: IO.
 */
enum error_code install_disk_mount(const char *device, const char *root, struct tool_log *log,
                                   bool *found, struct error *err);

/** The opposite; nothing mounted is fine. */
void install_disk_unmount(const char *root);
