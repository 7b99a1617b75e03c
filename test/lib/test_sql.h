/* One value out of a database, for tests. */
#pragma once

#include "src/db/db.h"

/**
 * Of the first row and column, in the arena; "" for no row and for null. A failure is the test's.
 * Called from one thread.
 */
const char *test_sql(struct db *db, const char *sql, struct arena *arena);
