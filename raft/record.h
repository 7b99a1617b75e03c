/*
 * Facts as bytes: little-endian numbers and counted texts, described by tables, so that the same
 * table writes and reads a record in a log entry and in a snapshot. Reading is strict: one value
 * has one form. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum record_type {
    RECORD_U32,    /* uint32_t, high = largest value allowed (0 = any) */
    RECORD_U64,    /* uint64_t */
    RECORD_CHOICE, /* int, 0..high */
    RECORD_FLAG,   /* bool */
    RECORD_NAME,   /* char[size]: letters, digits, ".", "-", "_"; not empty */
    RECORD_TEXT,   /* char[size]: printable ASCII, may be empty */
    RECORD_BYTES,  /* uint8_t[size] */
    RECORD_NEST,   /* a struct with a table of its own */
};

struct record_field {
    const char *name;
    enum record_type type;
    size_t offset, size;
    uint32_t high;
    const struct record_table *nest;
};

struct record_table {
    const struct record_field *fields;
    int count;
};

/* Bytes being written; grows. Zero it before use, record_out_free after. */
struct record_out {
    uint8_t *bytes;
    size_t size, capacity;
};

/* Bytes being read; wrong is the name of the first field that was not as it must be. */
struct record_in {
    const uint8_t *bytes;
    size_t left;
    const char *wrong;
};

void record_put(struct record_out *out, const struct record_table *table, const void *record);
void record_put_number(struct record_out *out, uint64_t value, int bytes);
void record_out_free(struct record_out *out);

/** Fill *record; false when bytes are missing or a value is not allowed, then in->wrong says where.
 */
bool record_take(struct record_in *in, const struct record_table *table, void *record);

/** The same of a program of another version: fields that do not follow any more are left as they
 * are, bytes that follow after the last are not looked at. */
bool record_take_known(struct record_in *in, const struct record_table *table, void *record);
uint64_t record_take_number(struct record_in *in, int bytes, const char *name);

/** May text stand in a RECORD_NAME (RECORD_TEXT) field of size bytes? */
bool record_is_name(const char *text, size_t size);
bool record_is_text(const char *text, size_t size);

/** Would the record survive writing and reading? Errors: BAD_INPUT with the field's name. */
enum error_code record_check(const struct record_table *table, const void *record,
                             struct error *err);

/* clang-format off */
#define RECORD_OF(owner, member, kind) {#member, kind, offsetof(struct owner, member), sizeof(((struct owner *)0)->member), 0, NULL}
#define RECORD_UP_TO(owner, member, kind, most) {#member, kind, offsetof(struct owner, member), sizeof(((struct owner *)0)->member), most, NULL}
#define RECORD_IN(owner, member, table) {#member, RECORD_NEST, offsetof(struct owner, member), sizeof(((struct owner *)0)->member), 0, table}
/* clang-format on */
#define RECORD_TABLE(fields)                              \
    {                                                     \
        fields, (int)(sizeof(fields) / sizeof(fields[0])) \
    }
