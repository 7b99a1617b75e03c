/*
 * Makes what was on a machine's disks unreadable, all disks of it. Blocking; root of the ephemeral
 * system. Source: docs/deploy.md, erasing.
 */
#pragma once

#include "src/agent/inventory.h"
#include "src/agent/talk.h"
#include "src/agent/task.h"

/**
 * secure: by the disk's own command where it has one. Else, quick: the first and last MiB of the
 * disk; otherwise zeros over all of it. Signs of life are sent meanwhile.
 * Errors: IO; all disks are tried before the first error is returned.
 */
enum error_code erase_run(struct talk *talk, const struct task *task,
                          const struct inventory *inventory, struct error *err);
