/* Prints what an API action answered: JSON as it is, or as tables that a person reads. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "src/cli/cli.h"

/**
 * A list becomes a table with the subject's columns, an object becomes lines "name value"; what
 * notifications name is filled into their messages.
 */
void api_output_print(struct cli *cli, const char *subject, json_t *value, FILE *out);

/**
 * The text of an error answer: a form's {"field": ["message"]} becomes "field: message; ...", other
 * texts stay, cut at a sensible length. Lives in the arena.
 */
const char *api_output_error(struct arena *arena, const char *body);

/** Our code for a status that is no success. */
enum error_code api_output_code(int http_status);
