/*
 * Reads the doc texts of the action and control tables: a first line that sums up, more lines, and
 * ":param NAME: text" lines whose text may go on in indented lines. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "src/base/arena.h"

enum { DOC_TEXT_PARAMS = 64 };

struct doc_text_param {
    const char *name, *text; /* text on one line */
    bool needed;             /* the text says "(needed)" or "Required" */
};

struct doc_text {
    const char *summary; /* first line */
    const char *more;    /* what follows it, without the parameters; "" if nothing */
    int params_count;
    struct doc_text_param params[DOC_TEXT_PARAMS];
};

/** Texts live in the arena. Parameters past DOC_TEXT_PARAMS are left out. */
void doc_text_read(const char *doc, struct arena *arena, struct doc_text *text);

/** The parameter of this name, or NULL. */
const struct doc_text_param *doc_text_find(const struct doc_text *text, const char *name);

/** text in lines of at most width characters, each behind indent blanks but the first. */
void doc_text_wrap(FILE *out, const char *text, int indent, int width);
