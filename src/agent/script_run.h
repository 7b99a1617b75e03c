/*
 * Runs the scripts that the region has for this machine until none is left, and tells how each
 * ended. Blocking; never on a loop. Source: MAAS API 2.0, metadata service, maas-scripts.
 */
#pragma once

#include "src/agent/talk.h"
#include "src/agent/task.h"

/**
 * Fetch, run, report; again until the region says 204. What a script does to fail is in its result:
 * it is no error here. Packages that scripts need come from where packages says. Needs tar in the
 * root.
 * Errors: BAD_INPUT (the archive), IO, those of talk_exchange.
 */
enum error_code script_run_all(struct talk *talk, const struct task_packages *packages,
                               struct error *err);
