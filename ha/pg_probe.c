/* What the supervisor asks of its PostgreSQL: see pg_probe.h. */
#include "ha/pg_probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* pg_control's timeline is stale after a promote until the next checkpoint: a primary is asked
 * for the file it writes to. */
DB_STATEMENT(
    probe_position,
    "SELECT pg_is_in_recovery(),"
    " CASE WHEN pg_is_in_recovery()"
    "  THEN (SELECT timeline_id FROM pg_control_checkpoint())"
    "  ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,"
    " CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn() - '0/0', 0)"
    "  ELSE pg_current_wal_lsn() - '0/0' END::bigint,"
    " (SELECT system_identifier FROM pg_control_system())");

DB_STATEMENT(probe_provided, "SELECT exists(SELECT FROM pg_roles WHERE rolname = 'api'),"
                             " exists(SELECT FROM pg_database WHERE datname = 'gantry')");

DB_STATEMENT(probe_commit, "SELECT pg_logical_emit_message(true, 'gantry', $1)");

DB_STATEMENT(probe_switch, "SELECT (split_part(line, E'\\t', 2)::pg_lsn - '0/0')::bigint"
                           " FROM regexp_split_to_table(rtrim(pg_read_file($1), E'\\n'), E'\\n')"
                           "  WITH ORDINALITY AS history(line, number)"
                           " WHERE line ~ '^\\d+\\t' ORDER BY number DESC LIMIT 1");

enum error_code pg_probe_position(struct db *db, struct pg_position *position, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &probe_position, DB_NO_PARAMS, &rows, err);
    if (code)
        return code;
    position->in_recovery = db_bool(&rows, 0, 0);
    position->timeline = (uint32_t)db_int(&rows, 0, 1);
    position->lsn = (uint64_t)db_int(&rows, 0, 2);
    position->system_id = (uint64_t)db_int(&rows, 0, 3);
    return ERR_OK;
}

enum error_code pg_probe_provide(struct db *db, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &probe_provided, DB_NO_PARAMS, &rows, err);
    if (!code && !db_bool(&rows, 0, 0))
        code = db_script(db, "CREATE ROLE api LOGIN", err);
    if (!code && !db_bool(&rows, 0, 1))
        code = db_script(db, "CREATE DATABASE gantry OWNER api", err);
    return code;
}

static enum error_code emit(struct db *db, void *subject, struct error *err)
{
    return db_query(db, &probe_commit, DB_PARAMS(subject), NULL, err);
}

enum error_code pg_probe_commit(struct db *db, const char *text, struct error *err)
{
    return db_transact(db, DB_WRITE, emit, (void *)text, err);
}

enum error_code pg_probe_mark(struct db *db, uint64_t epoch, uint32_t timeline,
                              uint64_t *switch_lsn, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    char text[32], history[48];
    snprintf(text, sizeof(text), "epoch %" PRIu64, epoch);
    snprintf(history, sizeof(history), "pg_wal/%08X.history", timeline);
    *switch_lsn = 0;
    enum error_code code = ERR_OK;
    if (timeline > 1)
        code = db_query(db, &probe_switch, DB_PARAMS(history), &rows, err);
    if (!code && rows.count)
        *switch_lsn = (uint64_t)db_int(&rows, 0, 0);
    return code ? code : pg_probe_commit(db, text, err);
}
