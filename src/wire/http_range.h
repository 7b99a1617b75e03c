/* The Range header of HTTP, as far as files are served in parts. Pure. Source: RFC 9110 14. */
#pragma once

#include <stdint.h>

enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_GOOD, HTTP_RANGE_BAD };

/**
 * The bytes first..last of a file of size bytes that a header (NULL = absent) asks for. One range;
 * several, or what is malformed, count as none: all of the file is the answer. BAD: it lies behind
 * the end (status 416).
 */
enum http_range http_range_read(const char *header, uint64_t size, uint64_t *first, uint64_t *last);
