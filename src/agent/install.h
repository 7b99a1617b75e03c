/*
 * Installs an operating system: disks, image, settings, boot loader; told to the region step by
 * step in curtin's names. Blocking; root of the ephemeral system. Source: docs/deploy.md.
 */
#pragma once

#include "src/agent/inventory.h"
#include "src/agent/talk.h"
#include "src/agent/task.h"

/**
 * All of it, to the point where the machine may be rebooted into it (task->kexec afterwards: its
 * kernel is loaded), or, in memory, be switched to INSTALL_ROOT. A failure was told as an event.
 * Errors: those of the steps.
 */
#define INSTALL_ROOT "/target" /* where the system stands meanwhile, and after one in memory */
enum error_code install_run(struct talk *talk, struct task *task, const struct inventory *inventory,
                            struct error *err);
