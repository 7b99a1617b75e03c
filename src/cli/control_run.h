/* The commands of the control table (src/model/control_command.h): cluster, status and so on. */
#pragma once

#include <jansson.h>

#include "src/cli/cli.h"
#include "src/model/control_command.h"

/** The row whose words argv begins with, the longest one; *words is their number. NULL: none. */
const struct control_command *control_run_find(int argc, char **argv, int *words);

/** True when a row begins with this word. */
bool control_run_is_group(const char *word);

/** Carry out "cluster init --name x": argv begins with the command's words. */
enum error_code control_run(struct cli *cli, int argc, char **argv, struct error *err);

/**
 * "--name value", "--name=value" and "--name-file FILE" (the parameter is the file's text) into
 * members of request, by the parameters that the row's doc knows.
 * Errors: BAD_INPUT (unknown, given twice, a needed one missing), those of reading a file.
 */
enum error_code control_run_parse(struct cli *cli, const struct control_command *command, int argc,
                                  char **argv, json_t *request, struct error *err);
