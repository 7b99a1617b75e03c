/* One value out of a database: see test_sql.h. */
#include "test/lib/test_sql.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

const char *test_sql(struct db *db, const char *sql, struct arena *arena)
{
    struct db_statement *statement = ARENA_NEW(arena, struct db_statement);
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct error err;
    *statement = (struct db_statement){"ask", arena_strdup(arena, sql)};
    if (db_query(db, statement, DB_NO_PARAMS, &rows, &err))
        fail_msg("%s", err.text);
    return rows.count && db_text(&rows, 0, 0) ? arena_strdup(arena, db_text(&rows, 0, 0)) : "";
}
