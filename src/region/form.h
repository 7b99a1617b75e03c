/*
 * Parameters of one request, from a query string, a form body (urlencoded, multipart) or a JSON
 * object. All text is foreign: bounded by LIMIT_PARAMS, free of NUL. Everything lies in the arena.
 * Source: URL standard 5.1, RFC 7578, RFC 2046 5.1, RFC 8259.
 */
#pragma once

#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"

struct form_param {
    const char *name, *value;
};

/** One uploaded part; bytes are already decoded (base64 parts of MAAS's CLI). */
struct api_file {
    const char *name, *filename;
    const char *bytes; /* NUL follows */
    size_t size;
};

struct form {
    struct arena *arena;
    struct form_param *params;
    int params_count, params_room;
    struct api_file *files;
    int files_count, files_room;
};

/** Add what bytes hold to the form. Errors: BAD_INPUT (malformed), TOO_LARGE (too many). */
enum error_code form_urlencoded(struct form *form, const char *bytes, size_t size,
                                struct error *err);
enum error_code form_json(struct form *form, const char *bytes, size_t size, struct error *err);

/** content_type is the request's whole header: it names the boundary. */
enum error_code form_multipart(struct form *form, const char *content_type, const char *bytes,
                               size_t size, struct error *err);

/**
 * Choose by content_type (NULL and unknown types add nothing: the caller has the raw body).
 * Errors: as above.
 */
enum error_code form_body(struct form *form, const char *content_type, const char *bytes,
                          size_t size, struct error *err);

/** Add one; the texts are kept, not copied. Errors: TOO_LARGE. */
enum error_code form_add(struct form *form, const char *name, const char *value, struct error *err);

/** First value, or NULL. */
const char *form_find(const struct form *form, const char *name);

/** Take the first parameter of this name out; its value, or NULL. */
const char *form_take(struct form *form, const char *name);

/**
 * Percent-decode size bytes into the arena; plus_is_space for forms, not for paths. NULL when a
 * byte is zero after decoding. A % without two hex digits stays as it is, as browsers keep it.
 */
char *form_decode(struct arena *arena, const char *bytes, size_t size, int plus_is_space);

/** The opposite: all but letters, digits and -._~ as %XX, as it may stand in a path or a query. */
char *form_encode(struct arena *arena, const char *text);
