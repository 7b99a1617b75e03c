/*
 * Field tables: one description of a struct that serves JSON out, SQL row mapping, forms and
 * tables of the CLI. A table is the whole truth about its struct. Any thread.
 */
#pragma once

#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/json_out.h"

enum field_type {
    FIELD_BOOL,    /* bool */
    FIELD_INT,     /* int64_t */
    FIELD_REAL,    /* double */
    FIELD_TEXT,    /* const char *, NULL = null */
    FIELD_JSON,    /* const char *, JSON text as it is, NULL = null */
    FIELD_OPT_INT, /* struct field_opt_int */
};

struct field_opt_int {
    bool set;
    int64_t value;
};

enum field_flags {
    FIELD_NO_JSON = 1 << 0, /* never leaves the program: secrets, internal ids */
    FIELD_WRITE = 1 << 1,   /* a create or update form may give it */
    FIELD_COLUMN = 1 << 2,  /* shown in the CLI's table by default */
};

struct field {
    const char *name; /* in JSON, as SQL column and as form parameter */
    enum field_type type;
    size_t offset;
    unsigned flags;
    const char *help;
};

#define FIELD(structure, member, type, flags, help)             \
    {                                                           \
#member, type, offsetof(structure, member), flags, help \
    }

/** Write the fields of *object (without FIELD_NO_JSON) into the object that is open in out. */
void field_write_json(const struct field *fields, int count, const void *object,
                      struct json_out *out);

/**
 * Fill one member from text, as PostgreSQL or a form writes it; NULL = SQL null. Texts are copied
 * to the arena. Errors: BAD_INPUT "name: expected ...".
 */
enum error_code field_set(const struct field *field, void *object, const char *text,
                          struct arena *arena, struct error *err);

/** The row with this name, or NULL. */
const struct field *field_find(const struct field *fields, int count, const char *name);
