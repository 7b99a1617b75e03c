/* `gantry status` for people: a verdict with advice, then one row per member, VIP and rack. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "src/cli/cli.h"

/** report: the reply of control command "status". Members it lacks are left out or shown as "-". */
void status_print(struct cli *cli, json_t *report, FILE *out);

/** A JSON value as one cell: text as it is, null "", objects and lists as compact JSON. */
const char *status_text(const json_t *value, struct arena *arena);
