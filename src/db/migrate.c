/* Numbered migrations: see migrate.h. */
#include "src/db/migrate.h"

#include <stdio.h>

/*
 * The advisory lock that keeps two regions from migrating at once; the number has no meaning. It is
 * the session's: a lock taken inside a transaction would come after its snapshot, which then would
 * not see what the one before us did.
 */
#define LOCK_SQL   "SELECT pg_advisory_lock(7230415)"
#define UNLOCK_SQL "SELECT pg_advisory_unlock(7230415)"

static enum error_code count_applied(struct db *db, int *count, struct error *err)
{
    DB_STATEMENT(migrate_count, "SELECT coalesce(max(number), 0) FROM schema_migration");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &migrate_count, DB_NO_PARAMS, &rows, err);
    if (!code)
        *count = (int)db_int(&rows, 0, 0);
    return code;
}

struct step {
    const struct migration *migration;
    bool done_before;
};

static enum error_code apply(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(migrate_note, "INSERT INTO schema_migration (number, name) VALUES ($1, $2)");
    struct step *step = subject;
    char number[16];
    int have = 0;
    snprintf(number, sizeof(number), "%d", step->migration->number);
    enum error_code code = count_applied(db, &have, err);
    step->done_before = !code && have >= step->migration->number;
    if (code || step->done_before)
        return code;
    code = db_script(db, step->migration->sql, err);
    if (!code)
        code = db_query(db, &migrate_note, DB_PARAMS(number, step->migration->name), NULL, err);
    return code;
}

static enum error_code
migrate_locked(struct db *db, void (*applied)(const struct migration *migration), struct error *err)
{
    int have = 0;
    enum error_code code =
        db_script(db,
                  "SET client_min_messages = error;"
                  "CREATE TABLE IF NOT EXISTS schema_migration (number integer PRIMARY KEY, "
                  "name text NOT NULL, applied timestamptz NOT NULL DEFAULT now());"
                  "RESET client_min_messages",
                  err);
    if (!code)
        code = count_applied(db, &have, err);
    if (!code && have > migrations_count)
        return error_set(err, ERR_CONFLICT,
                         "the database has schema %d, this program knows %d: upgrade it", have,
                         migrations_count);
    for (int i = 0; !code && i < migrations_count; i++) {
        struct step step = {.migration = &migrations[i]};
        if (migrations[i].number <= have)
            continue;
        code = db_transact(db, DB_WRITE, apply, &step, err);
        if (code)
            return error_wrap(err, "migration %04d_%s", migrations[i].number, migrations[i].name);
        if (applied && !step.done_before)
            applied(&migrations[i]);
    }
    return code;
}

enum error_code db_migrate(struct db *db, void (*applied)(const struct migration *migration),
                           struct error *err)
{
    enum error_code code = db_script(db, LOCK_SQL, err);
    if (code)
        return code;
    code = migrate_locked(db, applied, err);
    if (!db_lost(db)) /* a lost connection has lost the lock, too */
        db_script(db, UNLOCK_SQL, NULL);
    return code;
}
