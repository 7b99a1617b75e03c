/*
 * Rescue mode: people log into the ephemeral system by SSH, as root with their keys. Blocking until
 * the machine is switched off. Source: docs/deploy.md, rescue mode.
 */
#pragma once

#include "src/agent/talk.h"
#include "src/agent/task.h"

/** Returns only when it cannot be started. Errors: BAD_INPUT (no keys), IO, those of the talk. */
enum error_code rescue_run(struct talk *talk, const struct task *task, struct error *err);
