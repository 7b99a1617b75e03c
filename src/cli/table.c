/* Text tables on a terminal: see table.h. */
#include "src/cli/table.h"

#include <ctype.h>
#include <string.h>

#include "src/base/error.h"

static const char *clean(struct arena *arena, const char *text)
{
    if (!text || !*text)
        return "-";
    char *copy = arena_strdup(arena, text);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return copy;
}

void table_init(struct table *table, struct arena *arena, const char *const *headings, int columns)
{
    ASSERT(columns > 0 && columns <= TABLE_COLUMNS);
    *table = (struct table){.arena = arena, .columns = columns};
    table_add(table, headings);
    for (int i = 0; i < columns; i++) {
        char *heading = arena_strdup(arena, table->cells[i]);
        for (char *p = heading; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        table->cells[i] = heading;
    }
}

void table_add(struct table *table, const char *const *cells)
{
    if (table->rows == table->room) {
        table->room = table->room ? table->room * 2 : 32;
        const char **larger =
            ARENA_ARRAY(table->arena, const char *, (size_t)table->room *(size_t)table->columns);
        if (table->rows)
            memcpy(larger, table->cells,
                   sizeof(*larger) * (size_t)table->rows * (size_t)table->columns);
        table->cells = larger;
    }
    const char **row = table->cells + (size_t)table->rows * (size_t)table->columns;
    for (int i = 0; i < table->columns; i++)
        row[i] = clean(table->arena, cells[i]);
    table->rows++;
}

/** Characters, not bytes: continuation bytes of UTF-8 are not counted. */
static int width_of(const char *text)
{
    int width = 0;
    for (const char *p = text; *p; p++)
        width += ((unsigned char)*p & 0xc0) != 0x80;
    return width;
}

void table_print(const struct table *table, FILE *out)
{
    int widths[TABLE_COLUMNS] = {0};
    for (int r = 0; r < table->rows; r++)
        for (int c = 0; c < table->columns; c++) {
            int width = width_of(table->cells[r * table->columns + c]);
            if (width > widths[c])
                widths[c] = width;
        }
    for (int r = 0; r < table->rows; r++)
        for (int c = 0; c < table->columns; c++) {
            const char *cell = table->cells[r * table->columns + c];
            int pad = c + 1 < table->columns ? widths[c] - width_of(cell) + 2 : 0;
            fprintf(out, "%s%*s", cell, pad, c + 1 < table->columns ? "" : "\n");
        }
}
