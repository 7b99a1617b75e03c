/* Machines that are not heard of: see machine_watch.h. */
#include "src/region/machine_watch.h"

#include <inttypes.h>

#include "src/region/event_store.h"
#include "src/region/operation_store.h"

enum { STARTS_MOST = 100 }; /* at one look */

/* One that was started and has said nothing since. */
struct silent {
    struct machine machine;
    const char *kind, *rack;
    int again;
    int64_t for_s;
    bool told; /* what to boot, since it was powered on */
    bool disk; /* to its own disk */
};

static const char *why_again(const struct silent *silent, machine_watch_lost_s *lost_s,
                             struct arena *arena)
{
    int patience_s = silent->disk ? MACHINE_WATCH_DISK_S : MACHINE_WATCH_LOST_S;
    bool lost = *silent->rack && lost_s(silent->rack) >= MACHINE_WATCH_RACK_LOST_S;
    if (lost && silent->for_s >= patience_s)
        return arena_printf(arena, "nothing heard of it for %" PRId64 " s, and nothing of its rack",
                            silent->for_s);
    if (silent->told && !silent->disk && silent->for_s >= MACHINE_WATCH_SILENT_S)
        return arena_printf(arena, "it was told what to boot %" PRId64 " s ago, and is silent",
                            silent->for_s);
    return NULL;
}

static enum error_code start_again(const struct machine_life *life, const struct silent *silent,
                                   const char *why, struct error *err)
{
    bool begun;
    struct operation_begin begin = {.kind = silent->kind, .again = silent->again + 1};
    struct event event = {
        .type = "NODE_STARTED_AGAIN", .system_id = silent->machine.system_id, .description = why};
    enum error_code code =
        operation_begin(life->db, &silent->machine, &begin, &begun, life->arena, err);
    return code || !begun ? code : event_add(life->db, &event, life->arena, err);
}

enum error_code machine_watch_look(const struct machine_life *life, machine_watch_lost_s *lost_s,
                                   struct error *err)
{
    /* commissioning, deploying, disk erasing, entering rescue mode, testing */
    DB_STATEMENT(
        machine_watch_silent, MACHINE_STORE_COLUMNS
        ", o.kind, coalesce((o.params ->> 'again')::int, 0), "
        "extract(epoch FROM now() - greatest(o.ended, n.booted))::bigint, "
        "coalesce(n.booted > o.ended, false), n.status = 9 AND NOT n.netboot, "
        "coalesce(CASE WHEN n.booted > o.ended THEN n.boot_rack ELSE (SELECT r.system_id FROM "
        "interface i JOIN vlan v ON v.id = i.vlan_id JOIN node r ON r.id = v.primary_rack_id "
        "WHERE i.id = n.boot_interface_id) END, '') FROM node n JOIN LATERAL "
        "(SELECT kind, params, ended, error FROM operation WHERE node_id = n.id "
        "ORDER BY started DESC LIMIT 1) o ON o.ended IS NOT NULL AND o.error IS NULL "
        "WHERE n.status IN (1, 9, 14, 17, 21) AND o.kind <> 'off' "
        "AND greatest(o.ended, n.booted) < now() - $1::int * interval '1 s' "
        "AND coalesce(n.heard, '-infinity') < greatest(o.ended, n.booted) "
        "AND coalesce((o.params ->> 'again')::int, 0) < $2::int "
        "AND (SELECT since FROM duty_clock) < now() - $1::int * interval '1 s' "
        "ORDER BY n.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct arena *arena = life->arena;
    int starts = 0;
    enum error_code code = db_query(
        life->db, &machine_watch_silent,
        DB_PARAMS(db_number(arena, MACHINE_WATCH_LOST_S), db_number(arena, MACHINE_WATCH_MOST)),
        &rows, err);
    for (int i = 0; i < rows.count && starts < STARTS_MOST && !code; i++) {
        struct silent silent = {
            .machine = machine_store_row(&rows, i, arena),
            .kind = arena_strdup(arena, db_text(&rows, i, MACHINE_STORE_NEXT)),
            .again = (int)db_int(&rows, i, MACHINE_STORE_NEXT + 1),
            .for_s = db_int(&rows, i, MACHINE_STORE_NEXT + 2),
            .told = db_bool(&rows, i, MACHINE_STORE_NEXT + 3),
            .disk = db_bool(&rows, i, MACHINE_STORE_NEXT + 4),
            .rack = arena_strdup(arena, db_text(&rows, i, MACHINE_STORE_NEXT + 5)),
        };
        const char *why = why_again(&silent, lost_s, arena);
        if (!why)
            continue;
        code = start_again(life, &silent, why, err);
        starts++;
    }
    return code;
}
