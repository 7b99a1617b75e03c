/*
 * Writes JSON straight into a spool, without building a tree: lists of thousands of machines.
 * Keeps commas and nesting right, and asserts that what was opened is closed. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "src/base/arena.h"
#include "src/base/spool.h"

/** A tree as JSON text without spaces, in the arena. */
char *json_out_dump(struct arena *arena, const json_t *value);

enum { JSON_OUT_DEPTH = 32 };

struct json_out {
    struct spool *spool;
    int depth;
    bool more[JSON_OUT_DEPTH]; /* this level has an element already */
};

void json_out_init(struct json_out *out, struct spool *spool);

/** Everything is closed again; asserts it. */
void json_out_end(struct json_out *out);

/** key NULL inside a list or at the top. */
void json_out_open_object(struct json_out *out, const char *key);
void json_out_close_object(struct json_out *out);
void json_out_open_list(struct json_out *out, const char *key);
void json_out_close_list(struct json_out *out);

/** One value. A NULL text is null. Invalid UTF-8 bytes become U+FFFD. */
void json_out_text(struct json_out *out, const char *key, const char *text);
void json_out_text_n(struct json_out *out, const char *key, const char *text, size_t size);
void json_out_int(struct json_out *out, const char *key, int64_t value);
void json_out_real(struct json_out *out, const char *key, double value);
void json_out_bool(struct json_out *out, const char *key, bool value);
void json_out_null(struct json_out *out, const char *key);

/** A value that is JSON text already (from the database's jsonb); NULL is null. */
void json_out_raw(struct json_out *out, const char *key, const char *json);
