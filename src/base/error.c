/* Errors and assertions: see error.h. */
#include "src/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int http, exit_status;
    bool retryable;
} table[ERR_COUNT] = {
#define X(name, text, http, status, retry) {text, http, status, retry},
    ERROR_TABLE(X)
#undef X
};

/* The analyzer's view of these is for their callers. */
#undef error_set
#undef error_errno
#undef error_wrap

enum error_code error_set(struct error *err, enum error_code code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return code;
}

enum error_code error_errno(struct error *err, const char *format, ...)
{
    int number = errno;
    enum error_code code = number == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (!err)
        return code;
    char text[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(err, code, "%.400s: %s", text, strerror(number));
}

enum error_code error_wrap(struct error *err, const char *format, ...)
{
    if (!err)
        return ERR_INTERNAL;
    char text[2 * sizeof(err->text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(err->text), format, args);
    va_end(args);
    size_t used = strlen(text);
    snprintf(text + used, sizeof(text) - used, ": %s", err->text);
    return error_set(err, err->code, "%s", text);
}

const char *error_name(enum error_code code)
{
    ASSERT(code >= 0 && code < ERR_COUNT);
    return table[code].text;
}

int error_http_status(enum error_code code)
{
    ASSERT(code >= 0 && code < ERR_COUNT);
    return table[code].http;
}

int error_exit_status(enum error_code code)
{
    ASSERT(code >= 0 && code < ERR_COUNT);
    return table[code].exit_status;
}

bool error_retryable(enum error_code code)
{
    ASSERT(code >= 0 && code < ERR_COUNT);
    return table[code].retryable;
}

enum error_code error_named(const char *name)
{
    for (int code = ERR_OK + 1; name && code < ERR_COUNT; code++)
        if (!strcmp(table[code].text, name))
            return (enum error_code)code;
    return ERR_INTERNAL;
}

void error_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "Assertion failed: %s, %s:%d, %s\n", condition, file, line, function);
    abort();
}
