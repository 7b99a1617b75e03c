/* The table of commands that are neither control commands nor API actions: cli_commands of cli.h.
 */
#pragma once

#include "src/cli/cli.h"

/** The row whose words argv begins with, the longest one; *words is their number. NULL: none. */
const struct cli_command *commands_find(int argc, char **argv, int *words);
