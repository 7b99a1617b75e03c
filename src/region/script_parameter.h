/*
 * Parameters of scripts: what a script asks for and what a person gave become values that are safe
 * to hand to it. Pure; any thread. Source: MAAS API 2.0, scripts, parameter types.
 */
#pragma once

#include <jansson.h>

#include "src/base/error.h"

/**
 * asked: {"storage": {"type": "storage", "default": ..., "required": ..., "choices": [...], "min":
 * ..., "max": ...}}, checked by script_header_parse. given: texts by "SCRIPT_NAME" and "NAME", the
 * first counting more; NULL = none. *values is {"storage": {"type": "storage", "value": "all",
 * "argument_format": ...}}; a storage or interface without a value is "all". Not given, without a
 * default and not required: left out. The caller owns *values.
 * Errors: BAD_INPUT "runtime: expected ...".
 */
enum error_code script_parameter_choose(const char *script, const json_t *asked,
                                        const json_t *given, json_t **values, struct error *err);
