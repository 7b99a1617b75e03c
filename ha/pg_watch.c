/* The supervisor's look at a running PostgreSQL: see pg_watch.h. */
#include "ha/pg_watch.h"

#include "ha/pg_receiver.h"

/* What it writes waits for the own disk alone; nobody is told that it is safe. */
DB_STATEMENT(watch_local, "SELECT set_config('synchronous_commit', 'local', false)");

/* A transaction that writes and flushes a record of the log. */
DB_STATEMENT(watch_write, "SELECT pg_logical_emit_message(true, 'gantry', 'watch'),"
                          " (pg_current_wal_flush_lsn() - '0/0')::bigint");
DB_STATEMENT(watch_replayed, "SELECT coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint");

static enum error_code look(struct pg_watch *watch, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct pg_receiver receiver = {0, false};
    enum error_code code = db_query(watch->db, &watch_local, DB_NO_PARAMS, NULL, err);
    code = code ? code
                : db_query(watch->db, watch->primary ? &watch_write : &watch_replayed, DB_NO_PARAMS,
                           &rows, err);
    if (code)
        return code;
    watch->lsn = (uint64_t)db_int(&rows, 0, watch->primary ? 1 : 0);
    if (!watch->primary) {
        code = pg_receiver_look(watch->db, &receiver, err);
        watch->streams = receiver.streams;
        watch->warmed = !code && watch->warm[0] && pg_watch_dial(watch->warm);
        return code;
    }
    code = pg_replicas_check(watch->db, NULL, err);
    return code ? code : pg_replicas_read(watch->db, watch->replicas, &watch->replicas_count, err);
}

void pg_watch_run(struct pg_watch *watch)
{
    watch->code = look(watch, &watch->err);
}

bool pg_watch_dial(const char *conninfo)
{
    struct db *db = db_new(conninfo);
    bool taken = !db_ready(db, NULL);
    db_free(db);
    return taken;
}
