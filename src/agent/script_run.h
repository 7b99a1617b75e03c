/*
 * Runs the scripts that the region has for this machine until none is left, and tells how each
 * ended. Blocking; never on a loop. Source: MAAS API 2.0, metadata service, maas-scripts.
 */
#pragma once

#include "src/agent/talk.h"
#include "src/agent/task.h"

/** Where packages come from; and for tests, zero = as it is in the ephemeral system: */
struct script_run_setup {
    const struct task_packages *packages;
    const char *folder, *apt_get; /* where scripts are started; the program */
    unsigned alive_s;             /* the region hears of the machine at least so often */
};

/**
 * Fetch, run, report; again until the region says 204. What a script does to fail is in its result:
 * it is no error here. Packages are installed while other scripts run and while the region hears
 * that the machine is alive. Needs tar in the root.
 * Errors: BAD_INPUT (the archive), IO, those of talk_exchange.
 */
enum error_code script_run_all(struct talk *talk, const struct script_run_setup *setup,
                               struct error *err);
