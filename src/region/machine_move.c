/* Machines' moves between statuses: see machine_move.h. */
#include "src/region/machine_move.h"

#include "src/model/machine_status.h"
#include "src/region/event_store.h"
#include "src/region/setting.h"

/* Where it comes back to: not a status that passes, nor one of the rescue's. */
static bool stays(int status)
{
    return machine_status_failed(status) < 0 && status != MACHINE_RESCUE_MODE &&
           status != MACHINE_FAILED_ENTERING_RESCUE_MODE &&
           status != MACHINE_FAILED_EXITING_RESCUE_MODE;
}

/* Seconds as text, NULL when the status has no limit or limits are off. */
static enum error_code limit_of(struct db *db, int status, struct arena *arena, const char **limit,
                                struct error *err)
{
    int64_t minutes = 0;
    *limit = NULL;
    if (machine_status_failed(status) < 0)
        return ERR_OK;
    enum error_code code = setting_int(db, "node_timeout", arena, &minutes, err);
    if (!code && minutes > 0)
        *limit = db_number(arena, minutes * 60);
    return code;
}

enum error_code machine_move(struct db *db, struct machine *machine,
                             const struct machine_move *move, struct arena *arena,
                             struct error *err)
{
    DB_STATEMENT(
        machine_move_row,
        "UPDATE node SET status = $3::int, previous_status = $4::int, error_description = $5, "
        "status_limit_s = $6::int, status_expires = now() + $6::int * interval '1 s', "
        "commissioned = CASE WHEN $3::int = 4 OR ($2::int = 1 AND $3::int = 21) THEN "
        "coalesce(commissioned, now()) ELSE commissioned END, "
        "deployed = CASE WHEN $3::int = 6 THEN coalesce(deployed, now()) "
        "WHEN $3::int NOT IN (12, 14) THEN deployed END, "
        "netboot = $3::int <> 6 OR ephemeral_deploy, "
        "booted = CASE WHEN $7::bool THEN NULL ELSE booted END, "
        "updated = now() WHERE id = $1 AND status = $2::int");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *limit;
    int from = machine->status;
    /* tests behind commissioning end where commissioning would have */
    int previous = stays(from) ? from
                   : from == MACHINE_COMMISSIONING && move->to == MACHINE_TESTING
                       ? MACHINE_READY
                       : machine->previous_status;
    enum error_code code = limit_of(db, move->to, arena, &limit, err);
    if (!code)
        code = fsm_move(&machine_status_fsm, &machine->status, move->to, err);
    if (!code)
        code =
            db_query(db, &machine_move_row,
                     DB_PARAMS(db_number(arena, machine->id), db_number(arena, from),
                               db_number(arena, move->to), db_number(arena, previous),
                               move->error ? move->error : "", limit, move->homeless ? "t" : "f"),
                     &rows, err);
    if (code)
        return code;
    if (!rows.affected)
        return error_set(err, ERR_CONFLICT, "%s is not %s any more", machine->hostname,
                         machine_status_name(from));
    machine->previous_status = previous;
    struct event event = {
        .type = "NODE_CHANGED_STATUS",
        .system_id = machine->system_id,
        .username = move->username,
        .description = arena_printf(arena, "From '%s' to '%s'", machine_status_name(from),
                                    machine_status_name(move->to)),
    };
    return event_add(db, &event, arena, err);
}

enum error_code machine_move_alive(struct db *db, const struct machine *machine,
                                   struct arena *arena, struct error *err)
{
    DB_STATEMENT(machine_move_alive_row,
                 "UPDATE node SET heard = now(), "
                 "status_expires = now() + status_limit_s * interval '1 s' WHERE id = $1 AND "
                 "(heard IS NULL OR heard < booted OR heard < now() - interval '30 s')");
    return db_query(db, &machine_move_alive_row, DB_PARAMS(db_number(arena, machine->id)), NULL,
                    err);
}
