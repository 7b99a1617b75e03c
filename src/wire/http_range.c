/* The Range header: see http_range.h. */
#include "src/wire/http_range.h"

#include <stdlib.h>
#include <string.h>

/* A number of at most 18 digits; NULL is no number. */
static const char *read_number(const char *at, uint64_t *number)
{
    size_t digits = strspn(at, "0123456789");
    if (!digits || digits > 18)
        return NULL;
    *number = strtoull(at, NULL, 10);
    return at + digits;
}

enum http_range http_range_read(const char *header, uint64_t size, uint64_t *first, uint64_t *last)
{
    const char *at = header ? header : "";
    if (strncmp(at, "bytes=", 6) != 0)
        return HTTP_RANGE_NONE;
    at += 6;
    *last = size ? size - 1 : 0;
    if (*at == '-') { /* the last so many */
        uint64_t count;
        at = read_number(at + 1, &count);
        if (!at || *at)
            return HTTP_RANGE_NONE;
        *first = count < size ? size - count : 0;
        return count && size ? HTTP_RANGE_GOOD : HTTP_RANGE_BAD;
    }
    at = read_number(at, first);
    if (!at || *at++ != '-')
        return HTTP_RANGE_NONE;
    if (*at) {
        uint64_t end;
        at = read_number(at, &end);
        if (!at || *at || end < *first)
            return HTTP_RANGE_NONE;
        if (end < *last)
            *last = end;
    }
    return *first < size ? HTTP_RANGE_GOOD : HTTP_RANGE_BAD;
}
