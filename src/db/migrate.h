/*
 * Numbered migrations of the one schema. Version N-1 of the programs runs beside N.
 * names: db_migrate
 */
#pragma once

#include "src/db/db.h"

struct migration {
    int number; /* ascending; a number that is still missing may come later */
    const char *name, *sql;
};

/** Made at build time from src/db/migrations/NNNN_name.sql. */
extern const struct migration migrations[];
extern const int migrations_count;

/**
 * Apply what is missing, each in a transaction of its own, under an advisory lock.
 * applied (may be NULL) hears of each. Errors: those of the SQL, wrapped with the migration's name;
 * CONFLICT when the database is newer than this program.
 */
enum error_code db_migrate(struct db *db, void (*applied)(const struct migration *migration),
                           struct error *err);
