/*
 * Configuration files: ini, every key checked against a schema, errors with file, line and what was
 * expected. Order of strength: flags (--set section.key=value), GANTRY_SECTION_KEY, file, default.
 * Read once at start, before threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum config_type {
    CONFIG_TEXT,   /* const char * */
    CONFIG_PATH,   /* const char *, absolute */
    CONFIG_INT,    /* int, low..high */
    CONFIG_BOOL,   /* bool: yes/no, true/false, on/off, 1/0 */
    CONFIG_CHOICE, /* int: index into choices */
    CONFIG_IP,     /* const char *, a dotted quad or "" */
    CONFIG_NET,    /* const char *, "a.b.c.d/n" or "" */
};

struct config_key {
    const char *section, *name;
    enum config_type type;
    size_t offset;          /* of the field in the struct that is filled */
    const char *fallback;   /* default as text; NULL = must be given */
    long low, high;         /* CONFIG_INT */
    const char *choices[6]; /* CONFIG_CHOICE, NULL-terminated */
    const char *help;       /* one line for --help and the docs */
};

/**
 * Fill *into by the schema (count rows). sets: count of "section.key=value" texts from flags.
 * path may not exist only when must_exist is false. Texts live in the arena.
 * Errors: BAD_INPUT "FILE:LINE: ...: expected ...", NOT_FOUND, IO.
 */
struct config_source {
    const char *path;
    bool must_exist;
    const char *const *sets;
    int sets_count;
    bool partial; /* the schema knows only a part of the file: skip other keys */
};
enum error_code config_load(const struct config_key *schema, int count,
                            const struct config_source *source, struct arena *arena, void *into,
                            struct error *err);

/** The schema as commented ini text on stdout: `PROGRAM --help-config`. */
void config_print(const struct config_key *schema, int count);
