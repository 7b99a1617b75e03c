/*
 * `gantry cluster join TOKEN --config rackd.conf`: makes a key on this host, has the cluster sign
 * it, and leaves certificate, key, CA and the list of regions where gantry-rackd looks for them.
 * names: join_run
 */
#pragma once

#include "src/cli/cli.h"

/** Nothing is written unless the cluster accepted. Errors: BAD_INPUT, FORBIDDEN, UNAVAILABLE. */
enum error_code join_run(struct cli *cli, int argc, char **argv, struct error *err);
