/* `gantry completion bash|zsh`: a shell script that completes every command, made from the tables.
 */
#pragma once

#include "src/cli/cli.h"

enum error_code completion_run(struct cli *cli, int argc, char **argv, struct error *err);
