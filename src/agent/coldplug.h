/*
 * Makes the hardware visible before it is counted: loads the modules of all devices, takes the
 * interfaces up so that they tell their link, waits until no new disks appear. Blocking.
 */
#pragma once

#include "src/agent/tree.h"

/** Best effort: what fails is logged. The tree is this system's. */
void coldplug_run(const struct tree *tree);
