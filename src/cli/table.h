/* Text tables on a terminal: columns as wide as their longest cell. One thread. */
#pragma once

#include <stdio.h>

#include "src/base/arena.h"

enum { TABLE_COLUMNS = 16 };

struct table {
    struct arena *arena;
    int columns, rows, room;
    const char **cells; /* row by row, the heading first */
};

/** headings: columns texts, at most TABLE_COLUMNS. */
void table_init(struct table *table, struct arena *arena, const char *const *headings, int columns);

/** One row of cells; NULL and "" become "-"; control characters become "?". Texts are copied. */
void table_add(struct table *table, const char *const *cells);

/** Headings in capitals, cells left-aligned with two spaces between, no blanks at line ends. */
void table_print(const struct table *table, FILE *out);
