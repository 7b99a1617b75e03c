/*
 * The text of a notification: a template in which {name} stands for a member of its context and {{
 * and }} for braces. Any thread. Source: MAAS API 2.0, notifications (Python's str.format).
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "src/base/arena.h"

/**
 * The message with what its names stand for, in the arena; NULL when a brace is left alone, a name
 * is none of the values', or it is longer than 64 KiB. Of {name.part}, {name[part]}, {name!r} and
 * {name:format} the value of name is shown as it is; objects and lists are shown as JSON.
 */
const char *notification_text(const char *message, const json_t *values, struct arena *arena);
