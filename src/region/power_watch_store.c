/* Looks at the power of machines in the database: see power_watch_store.h. */
#include "src/region/power_watch_store.h"

#include <stdio.h>
#include <string.h>

#include "src/base/json_out.h"
#include "src/model/machine_status.h"
#include "src/model/power_driver.h"
#include "src/region/event_store.h"

enum { LATELY_S = 240 }; /* an order saw the power so long ago: no look is needed */

void power_watch_look_close(struct power_watch_look *look)
{
    json_decref(look->parameters);
    look->parameters = NULL;
}

/* The types that can be asked, as an SQL array. */
static const char *queryable_types(struct arena *arena)
{
    const char **names = ARENA_ARRAY(arena, const char *, (size_t)power_drivers_count);
    int count = 0;
    for (int i = 0; i < power_drivers_count; i++)
        if (power_drivers[i].queryable)
            names[count++] = power_drivers[i].name;
    return db_array(arena, names, count);
}

/* Columns behind those of machine_power.h: bmc, power_seen, power_failures. */
static void take_look(const struct db_rows *rows, int row, const struct seal_ring *ring,
                      struct arena *arena, struct power_watch_look *look)
{
    struct machine_power power = {0};
    const char *seen = db_text(rows, row, 5);
    *look = (struct power_watch_look){.failures = (int)db_int(rows, row, 6)};
    if (!machine_power_row(rows, row, ring, arena, &power, &look->why))
        look->parameters = json_incref(power.parameters);
    machine_power_close(&power);
    snprintf(look->system_id, sizeof(look->system_id), "%s", power.system_id);
    snprintf(look->type, sizeof(look->type), "%s", power.type);
    snprintf(look->bmc, sizeof(look->bmc), "%s", db_text(rows, row, 4));
    snprintf(look->seen, sizeof(look->seen), "%s", seen ? seen : "");
}

enum error_code power_watch_due(struct db *db, const struct seal_ring *ring,
                                const struct power_watch_wish *wish, struct arena *arena,
                                struct power_watch_looks *looks, struct error *err)
{
    DB_STATEMENT(
        power_watch_list,
        "WITH due AS (SELECT id, " MACHINE_POWER_COLUMNS ", power_due, power_seen, "
        "power_failures, power_failures > 0 AS failing, left(power_type || ' ' || "
        "coalesce(nullif(power_parameters ->> 'power_address', ''), system_id), 300) AS bmc "
        "FROM node n WHERE node_type = 0 AND power_type <> '' AND power_due <= now() "
        "AND power_type = ANY ($1::text[]) AND status <> $2::int "
        "AND (power_seen IS NULL OR power_seen < now() - $3::int * interval '1 s') "
        "AND NOT EXISTS (SELECT FROM operation o WHERE o.node_id = n.id AND o.ended IS NULL)), "
        "each AS (SELECT DISTINCT ON (bmc) * FROM due WHERE bmc <> ALL ($4::text[]) "
        "ORDER BY bmc, power_due, id), "
        "ranked AS (SELECT *, row_number() OVER (PARTITION BY failing ORDER BY power_due, id) "
        "AS place FROM each) "
        "SELECT " MACHINE_POWER_COLUMNS ", bmc, power_seen, power_failures FROM ranked "
        "WHERE place <= CASE WHEN failing THEN $5::int ELSE $6::int END "
        "ORDER BY power_due, id LIMIT $7");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        db, &power_watch_list,
        DB_PARAMS(queryable_types(arena), db_number(arena, MACHINE_BROKEN),
                  db_number(arena, LATELY_S), wish->bmcs, db_number(arena, wish->failing_room),
                  db_number(arena, wish->room), db_number(arena, POWER_SCHEDULE_PLACES)),
        &rows, err);
    looks->count = 0;
    for (int i = 0; i < rows.count && !code; i++)
        take_look(&rows, i, ring, arena, &looks->list[looks->count++]);
    return code;
}

static json_t *outcome_of(const struct power_watch_look *look, unsigned roll)
{
    struct power_schedule_next next =
        power_schedule_after(look->power ? ERR_OK : look->why.code, look->failures, roll);
    const char *power = !next.tells ? NULL : next.is_failure ? "error" : look->power;
    const char *text = look->power ? look->power : look->why.text;
    json_t *outcome =
        json_pack("{ss ss ss* ss* si si sb ss}", "system_id", look->system_id, "type", look->type,
                  "seen", *look->seen ? look->seen : NULL, "state", power, "failures",
                  next.failures, "wait_s", next.wait_s, "saw", look->power != NULL, "text", text);
    if (outcome)
        return outcome;
    /* an error text that was cut within a character */
    struct power_watch_look plain = *look;
    error_set(&plain.why, look->why.code, "%s", error_name(look->why.code));
    return outcome_of(&plain, roll);
}

/* Rows: system_id, state, state before, text. Rare, and never more than looks. */
static enum error_code tell_changes(struct db *db, const struct db_rows *rows, struct arena *arena,
                                    struct error *err)
{
    enum error_code code = ERR_OK;
    for (int i = 0; i < rows->count && !code; i++) {
        bool failed = !strcmp(db_text(rows, i, 1), "error");
        struct event event = {
            .type = failed ? "NODE_POWER_QUERY_FAILED" : "NODE_POWER_QUERIED",
            .system_id = db_text(rows, i, 0),
            .description = failed ? db_text(rows, i, 3)
                                  : arena_printf(arena, "%s (was %s)", db_text(rows, i, 1),
                                                 db_text(rows, i, 2)),
        };
        code = event_add(db, &event, arena, err);
    }
    return code;
}

enum error_code power_watch_record(struct db *db, const struct power_watch_looks *looks,
                                   unsigned roll, struct arena *arena, struct error *err)
{
    DB_STATEMENT(power_watch_write,
                 "WITH told AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS t (system_id text, "
                 "type text, seen timestamptz, state text, failures int, wait_s int, saw boolean, "
                 "text text)), "
                 "before AS (SELECT n.id, n.power_state AS was, t.* FROM told t JOIN node n USING "
                 "(system_id) WHERE system_id = ANY ($2::text[]) AND n.power_type = t.type "
                 "AND n.power_seen IS NOT DISTINCT FROM t.seen AND NOT EXISTS "
                 "(SELECT FROM operation o WHERE o.node_id = n.id AND o.ended IS NULL)), "
                 "written AS (UPDATE node n SET power_due = now() + wait_s * interval '1 s', "
                 "power_failures = failures, power_state = coalesce(state, was), "
                 "power_seen = CASE WHEN saw THEN now() ELSE power_seen END "
                 "FROM before b WHERE n.id = b.id) "
                 "SELECT system_id, state, was, text FROM before WHERE state <> was");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    __attribute__((cleanup(json_decrefp))) json_t *list = json_array();
    const char *ids[POWER_SCHEDULE_PLACES];
    for (int i = 0; i < looks->count; i++) {
        ids[i] = looks->list[i].system_id;
        /* machines that were due together are to part */
        json_array_append_new(list, outcome_of(&looks->list[i], roll + 7919U * (unsigned)i));
    }
    const char *outcomes = json_out_dump(arena, list);
    enum error_code code =
        db_query(db, &power_watch_write, DB_PARAMS(outcomes, db_array(arena, ids, looks->count)),
                 &rows, err);
    return code ? code : tell_changes(db, &rows, arena, err);
}
