/*
 * Errors and assertions of the whole house. Library rooms return errors, the edge logs them once.
 * Any thread.
 */
#pragma once

#include <stdbool.h>

/*
 * The one table of errors: name, text, HTTP status, exit status, may the caller try again.
 * Exit 2 is bad input, 3 refused, 4 not found, 5 conflict, 6 unreachable or busy, 1 the rest.
 */
#define ERROR_TABLE(X)                                  \
    X(OK, "ok", 200, 0, false)                          \
    X(BAD_INPUT, "bad input", 400, 2, false)            \
    X(UNAUTHORIZED, "not authenticated", 401, 3, false) \
    X(FORBIDDEN, "not allowed", 403, 3, false)          \
    X(NOT_FOUND, "not found", 404, 4, false)            \
    X(NOT_ALLOWED, "method not allowed", 405, 2, false) \
    X(CONFLICT, "conflict", 409, 5, false)              \
    X(BUSY, "busy", 409, 6, true)                       \
    X(GONE, "gone", 410, 4, false)                      \
    X(TOO_LARGE, "too large", 413, 2, false)            \
    X(LIMIT, "limit reached", 503, 6, true)             \
    X(UNAVAILABLE, "unavailable", 503, 6, true)         \
    X(TIMEOUT, "timed out", 504, 6, true)               \
    X(UNKNOWN_OUTCOME, "outcome unknown", 503, 6, true) \
    X(IO, "input/output error", 500, 1, false)          \
    X(CORRUPT, "corrupt data", 500, 1, false)           \
    X(INTERNAL, "internal error", 500, 1, false)

enum error_code {
#define X(name, text, http, status, retry) ERR_##name,
    ERROR_TABLE(X)
#undef X
        ERR_COUNT
};

/** What went wrong, for a person; callers wrap outward: "deploy abc: read image: not found". */
struct error {
    enum error_code code;
    char text[512];
};

/** Fill *err (which may be NULL) and return code. The text is cut at the size of the struct. */
enum error_code error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** As error_set with ": " and the text of errno at the end; code ERR_IO, or NOT_FOUND for ENOENT.
 */
enum error_code error_errno(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Put "prefix: " before the text of *err; returns its code. */
enum error_code error_wrap(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__ /* it does not see into error.c: these never return ERR_OK */
#define error_set(err, code, ...) ((void)(error_set)((err), (code), __VA_ARGS__), (code))
#define error_errno(err, ...)     ((void)(error_errno)((err), __VA_ARGS__), ERR_IO)
#define error_wrap(err, ...)      ((void)(error_wrap)((err), __VA_ARGS__), ERR_INTERNAL)
#endif

/** Columns of the table. */
const char *error_name(enum error_code code);
int error_http_status(enum error_code code);
int error_exit_status(enum error_code code);
bool error_retryable(enum error_code code);

/** The error with this name, INTERNAL for an unknown one, NULL and "ok": what another program said
 * of its refusal is never taken for success. */
enum error_code error_named(const char *name);

/** A bug is not an error: print where and abort, in release builds too. */
#define ASSERT(condition) \
    ((condition) ? (void)0 : error_assert_failed(#condition, __FILE__, __LINE__, __func__))
void error_assert_failed(const char *condition, const char *file, int line, const char *function)
    __attribute__((noreturn));
