/* Time limits of statuses: see machine_limit.h. */
#include "src/region/machine_limit.h"

#include <inttypes.h>

#include "src/base/log.h"
#include "src/model/machine_status.h"

static enum error_code move_clock(const struct machine_life *life, struct error *err)
{
    DB_STATEMENT(machine_limit_clock,
                 "WITH before AS (SELECT looked FROM duty_clock), "
                 "late AS (SELECT now() - looked AS gap FROM before WHERE now() - looked > "
                 "$1::int * interval '1 s'), "
                 "put_off AS (UPDATE node SET status_expires = status_expires + late.gap FROM late "
                 "WHERE status_expires IS NOT NULL RETURNING node.id), "
                 "looked AS (UPDATE duty_clock SET looked = now(), "
                 "since = CASE WHEN EXISTS (SELECT FROM late) THEN now() ELSE since END) "
                 "SELECT coalesce(extract(epoch FROM (SELECT gap FROM late)), 0)::bigint, "
                 "(SELECT count(*) FROM put_off)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(life->db, &machine_limit_clock,
                 DB_PARAMS(db_number(life->arena, MACHINE_LIMIT_PAUSE_S)), &rows, err);
    if (!code && db_int(&rows, 0, 1))
        log_info("nobody served for %" PRId64 " s: the time limits of %" PRId64
                 " machines wait as long",
                 db_int(&rows, 0, 0), db_int(&rows, 0, 1));
    return code;
}

enum error_code machine_limit_look(const struct machine_life *life, struct error *err)
{
    DB_STATEMENT(machine_limit_over, MACHINE_STORE_COLUMNS
                 ", n.status_limit_s FROM node n WHERE n.status_expires < now() "
                 "ORDER BY n.status_expires LIMIT 100");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = move_clock(life, err);
    if (!code)
        code = db_query(life->db, &machine_limit_over, DB_NO_PARAMS, &rows, err);
    for (int i = 0; i < rows.count && !code; i++) {
        struct machine machine = machine_store_row(&rows, i, life->arena);
        const char *why = arena_printf(
            life->arena, "%s: nothing was heard of the machine for %" PRId64 " minutes",
            machine_status_name(machine.status), db_int(&rows, i, MACHINE_STORE_NEXT) / 60);
        code = machine_life_fail(life, &machine, "NODE_TIMED_OUT", why, err);
    }
    return code;
}
