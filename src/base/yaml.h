/*
 * YAML documents as JSON values, by libyaml: headers of scripts, answers of other tools. What is
 * foreign is bounded, and what JSON has no word for (anchors, aliases, tags, several documents) is
 * refused. Any thread. Source: YAML 1.1 and 1.2, core schema. The only user of libyaml.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "src/base/error.h"

enum { YAML_BYTES = 256 << 10, YAML_DEPTH = 16, YAML_VALUES = 8192 };

/**
 * The only document of size bytes. Plain scalars become null, booleans (true, false, yes, no, on,
 * off in three cases), whole numbers and decimal fractions where they look like them, else texts;
 * quoted ones and blocks are texts. Keys must be scalars, and none may come twice. An empty
 * document is null. The caller owns the value.
 * Errors: BAD_INPUT "line 3: ...", TOO_LARGE.
 */
enum error_code yaml_parse(const char *bytes, size_t size, json_t **value, struct error *err);
