/*
 * See pg_position.h. What the receiver says it has got is left out: it counts the bytes of a record
 * that is not complete, and after a restart it is forgotten; every record that was acknowledged is
 * whole on disk.
 */
#include "ha/pg_position.h"

#include <stdio.h>
#include <unistd.h>

#include "ha/pg_control.h"
#include "ha/pg_wal_files.h"

DB_STATEMENT(position_standby,
             "SELECT pg_is_in_recovery(), c.timeline_id, (c.redo_lsn - '0/0')::bigint,"
             " coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint, s.system_identifier,"
             " (SELECT count(*) FROM pg_stat_wal_receiver)"
             " FROM pg_control_checkpoint() c, pg_control_system() s");

static enum error_code ask(struct db *db, struct pg_control *control, uint64_t *replayed,
                           struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &position_standby, DB_NO_PARAMS, &rows, err);
    if (code)
        return code;
    if (!db_bool(&rows, 0, 0) || db_int(&rows, 0, 5))
        return error_set(err, ERR_CONFLICT, "its log is being written to");
    control->redo.timeline = (uint32_t)db_int(&rows, 0, 1);
    control->redo.lsn = (uint64_t)db_int(&rows, 0, 2);
    *replayed = (uint64_t)db_int(&rows, 0, 3);
    control->system_id = (uint64_t)db_int(&rows, 0, 4);
    return ERR_OK;
}

/* The newest timeline it knows, when that begins past place; 0 = it does not. */
static uint32_t newest_beyond(const struct pg_files *files, struct pg_wal_place place)
{
    struct pg_wal_history history;
    uint32_t newest = pg_files_newest(files);
    if (newest <= place.timeline || pg_wal_files_history(files->data_dir, newest, &history, NULL) ||
        history.count < 2)
        return 0;
    return history.entries[history.count - 2].end > place.lsn ? newest : 0;
}

void pg_position_forget_beyond(const struct pg_files *files, struct pg_wal_place place)
{
    char path[LIMIT_PATH + 64];
    uint32_t beyond;
    while ((beyond = newest_beyond(files, place))) {
        snprintf(path, sizeof(path), "%s/pg_wal/%08X.history", files->data_dir, beyond);
        if (unlink(path))
            return; /* it stays short of it, and is not promoted */
    }
    pg_files_forget(files);
}

enum error_code pg_position_take(const struct pg_files *files, struct db *db,
                                 struct pg_position_taken *taken, struct error *err)
{
    struct pg_control control = {0};
    uint64_t replayed = 0;
    enum error_code code =
        db ? ask(db, &control, &replayed, err)
           : pg_control_read(files->settings->pg_bin_dir, files->data_dir, &control, err);
    code = code ? code
                : pg_wal_files_end(files->data_dir, control.redo, control.system_id, &taken->place,
                                   err);
    if (!code && replayed > taken->place.lsn)
        code = error_set(err, ERR_CORRUPT, "%s: what was replayed is not in the log any more",
                         files->data_dir);
    taken->system_id = control.system_id;
    taken->incomplete = !code && !db && taken->place.lsn < control.consistent_lsn;
    taken->short_of = !code && newest_beyond(files, taken->place) != 0;
    return code;
}
