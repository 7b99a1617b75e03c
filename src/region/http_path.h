/*
 * The target of a request, taken apart: segments of the path, percent-decoded, and the query.
 * Several slashes count as one and the last one may be missing. Source: RFC 3986 3.3, 3.4.
 */
#pragma once

#include <stdbool.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum { HTTP_PATH_SEGMENTS = 16, HTTP_PATH_BYTES = 8192 };

struct http_path {
    const char *path;  /* raw, without the query */
    const char *query; /* raw, "" when there is none */
    const char *segments[HTTP_PATH_SEGMENTS];
    int count;
    const char *op; /* of a last segment "op-NAME", which is then no segment; else NULL */
};

/** Errors: BAD_INPUT (a NUL, "." or ".." as segment, too long), NOT_FOUND (too deep). */
enum error_code http_path_parse(const char *target, struct arena *arena, struct http_path *path,
                                struct error *err);
