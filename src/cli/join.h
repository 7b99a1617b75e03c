/*
 * `gantry cluster join TOKEN --config FILE`: makes a key on this host, has the cluster sign it, and
 * leaves what gantry-rackd or gantry-regiond needs where it looks. names: join_run
 */
#pragma once

#include "src/cli/cli.h"

/** Nothing but the key is written unless the cluster accepted. Errors: BAD_INPUT, FORBIDDEN,
 * UNAVAILABLE. */
enum error_code join_run(struct cli *cli, int argc, char **argv, struct error *err);
