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

static enum error_code read_applied(struct db *db, struct db_rows *rows, struct error *err)
{
    DB_STATEMENT(migrate_read, "SELECT number FROM schema_migration ORDER BY number");
    return db_query(db, &migrate_read, DB_NO_PARAMS, rows, err);
}

static bool has(const struct db_rows *applied, int number)
{
    for (int i = 0; i < applied->count; i++)
        if (db_int(applied, i, 0) == number)
            return true;
    return false;
}

struct step {
    const struct migration *migration;
    bool done_before;
};

static enum error_code apply(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(migrate_note, "INSERT INTO schema_migration (number, name) VALUES ($1, $2)");
    struct step *step = subject;
    __attribute__((cleanup(db_rows_close))) struct db_rows applied = {0};
    char number[16];
    snprintf(number, sizeof(number), "%d", step->migration->number);
    enum error_code code = read_applied(db, &applied, err);
    step->done_before = !code && has(&applied, step->migration->number);
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
    __attribute__((cleanup(db_rows_close))) struct db_rows have = {0};
    int known = migrations[migrations_count - 1].number;
    enum error_code code =
        db_script(db,
                  "SET client_min_messages = error;"
                  "CREATE TABLE IF NOT EXISTS schema_migration (number integer PRIMARY KEY, "
                  "name text NOT NULL, applied timestamptz NOT NULL DEFAULT now());"
                  "RESET client_min_messages",
                  err);
    if (!code)
        code = read_applied(db, &have, err);
    int last = !code && have.count ? (int)db_int(&have, have.count - 1, 0) : 0;
    if (!code && last > known)
        return error_set(err, ERR_CONFLICT,
                         "the database has schema %d, this program knows %d: upgrade it", last,
                         known);
    for (int i = 0; !code && i < migrations_count; i++) {
        struct step step = {.migration = &migrations[i]};
        if (has(&have, migrations[i].number))
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
