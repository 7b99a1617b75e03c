/*
 * --wait: stay with a machine until what was begun on it has ended, and tell how it goes. Blocking,
 * one thread.
 */
#pragma once

#include <jansson.h>

#include "src/cli/cli.h"
#include "src/cli/profile.h"

/**
 * *machine is what the action answered: it becomes what the machine is at the end. Progress goes to
 * stderr. Regions that do not answer for a while are waited for. Errors: BAD_INPUT (the answer is
 * no machine), INTERNAL (it failed, with why), what the API answered, UNAVAILABLE.
 */
enum error_code machine_wait(struct cli *cli, const struct profile *profile, json_t **machine,
                             struct error *err);
