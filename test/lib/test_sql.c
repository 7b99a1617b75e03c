/* One value out of a database: see test_sql.h. */
#include "test/lib/test_sql.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Connections know what they have prepared by its place: each text has one for good. */
static struct known {
    struct db_statement statement;
    struct known *next;
} * all;

static const struct db_statement *statement_of(const char *sql)
{
    struct known *known = all;
    while (known && strcmp(known->statement.sql, sql) != 0)
        known = known->next;
    if (known)
        return &known->statement;
    known = malloc(sizeof(*known));
    assert_non_null(known);
    *known = (struct known){{"ask", strdup(sql)}, all};
    assert_non_null(known->statement.sql);
    all = known;
    return &known->statement;
}

const char *test_sql(struct db *db, const char *sql, struct arena *arena)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct error err = {0};
    if (db_query(db, statement_of(sql), DB_NO_PARAMS, &rows, &err))
        fail_msg("%s: %s", sql, err.text);
    return rows.count && db_text(&rows, 0, 0) ? arena_strdup(arena, db_text(&rows, 0, 0)) : "";
}
