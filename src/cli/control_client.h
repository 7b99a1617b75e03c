/* Asks the regiond of this host over its control socket; see src/model/control_command.h. */
#pragma once

#include <jansson.h>

#include "src/cli/cli.h"

/**
 * Send one request (an object with "command"; the reference is taken) and wait for the last line of
 * the reply, which the caller releases. Each progress line is handed to progress (may be NULL).
 * Errors: UNAVAILABLE (no regiond there, it went away), FORBIDDEN (not allowed to use the socket),
 * CORRUPT, or what regiond answered.
 */
enum error_code control_client_ask(struct cli *cli, json_t *request,
                                   void (*progress)(const char *text), json_t **reply,
                                   struct error *err);
