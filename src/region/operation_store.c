/* Long work on machines as rows: see operation_store.h. */
#include "src/region/operation_store.h"

#include "src/model/operation_kind.h"
#include "src/model/power_driver.h"

static bool can_switch(const struct machine *machine)
{
    const struct power_driver *driver = power_driver_find(machine->power_type);
    return driver && driver->switches;
}

enum error_code operation_cancel(struct db *db, int64_t node_id, const char *why,
                                 struct arena *arena, struct error *err)
{
    DB_STATEMENT(operation_cancel_row, "UPDATE operation SET ended = now(), error = $2 "
                                       "WHERE node_id = $1 AND ended IS NULL");
    return db_query(db, &operation_cancel_row, DB_PARAMS(db_number(arena, node_id), why), NULL,
                    err);
}

enum error_code operation_begin(struct db *db, const struct machine *machine,
                                const struct operation_begin *begin, bool *begun,
                                struct arena *arena, struct error *err)
{
    DB_STATEMENT(operation_insert,
                 "INSERT INTO operation (node_id, kind, step, username, not_before, params) VALUES "
                 "($1, $2, $3, coalesce($4, ''), now() + $5::int * interval '1 s', "
                 "CASE WHEN $6::int = 0 THEN '{}' ELSE jsonb_build_object('again', $6::int) END)");
    const struct operation_kind *kind = operation_kind_find(begin->kind);
    ASSERT(kind);
    *begun = can_switch(machine);
    enum error_code code = operation_cancel(db, machine->id, "superseded", arena, err);
    if (code || !*begun)
        return code;
    return db_query(db, &operation_insert,
                    DB_PARAMS(db_number(arena, machine->id), kind->name,
                              operation_kind_next(kind, NULL), begin->username,
                              db_number(arena, begin->delay_s), db_number(arena, begin->again)),
                    NULL, err);
}

/* q: nobody is at it; e: an order of older work to the same machine is still on its way. */
#define DUE(patience)                                                                 \
    "q.ended IS NULL AND q.not_before <= now() - " patience "::int * interval '1 s' " \
    "AND (q.claimed_until IS NULL OR q.claimed_until < now()) AND NOT EXISTS "        \
    "(SELECT FROM operation e WHERE e.node_id = q.node_id AND e.ended IS NOT NULL "   \
    "AND e.claimed_until > now())"

enum error_code operation_is_due(struct db *db, int patience_s, bool *due, struct arena *arena,
                                 struct error *err)
{
    DB_STATEMENT(operation_due, "SELECT EXISTS (SELECT FROM operation q WHERE " DUE("$1") ")");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &operation_due, DB_PARAMS(db_number(arena, patience_s)), &rows, err);
    *due = !code && db_bool(&rows, 0, 0);
    return code;
}

enum error_code operation_claim(struct db *db, const struct operation_claim *claim,
                                struct operation *list, int *count, struct arena *arena,
                                struct error *err)
{
    DB_STATEMENT(
        operation_claim_rows,
        "WITH o AS (UPDATE operation SET worker = $1, "
        "claimed_until = now() + $2::int * interval '1 s', "
        "order_id = coalesce(order_id, gen_random_uuid()) WHERE id IN "
        "(SELECT q.id FROM operation q WHERE " DUE(
            "$4") " ORDER BY q.not_before LIMIT $3 "
                  "FOR UPDATE SKIP LOCKED) RETURNING *) " MACHINE_STORE_COLUMNS
                  ", o.id, o.kind, o.step, o.order_id, o.attempt FROM node n JOIN o ON o.node_id = "
                  "n.id ORDER BY o.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &operation_claim_rows,
                 DB_PARAMS(claim->worker, db_number(arena, claim->claim_s),
                           db_number(arena, claim->most), db_number(arena, claim->patience_s)),
                 &rows, err);
    *count = code ? 0 : rows.count;
    for (int i = 0; i < *count; i++)
        list[i] = (struct operation){
            .machine = machine_store_row(&rows, i, arena),
            .id = arena_strdup(arena, db_text(&rows, i, MACHINE_STORE_NEXT)),
            .kind = arena_strdup(arena, db_text(&rows, i, MACHINE_STORE_NEXT + 1)),
            .step = arena_strdup(arena, db_text(&rows, i, MACHINE_STORE_NEXT + 2)),
            .order_id = arena_strdup(arena, db_text(&rows, i, MACHINE_STORE_NEXT + 3)),
            .attempt = (int)db_int(&rows, i, MACHINE_STORE_NEXT + 4),
        };
    return code;
}

enum error_code operation_renew(struct db *db, const char *worker, const char *ids, int claim_s,
                                struct arena *arena, struct error *err)
{
    DB_STATEMENT(operation_renew_rows,
                 "UPDATE operation SET claimed_until = now() + $3::int * interval '1 s' "
                 "WHERE id = ANY ($2::uuid[]) AND worker = $1 AND claimed_until IS NOT NULL");
    return db_query(db, &operation_renew_rows, DB_PARAMS(worker, ids, db_number(arena, claim_s)),
                    NULL, err);
}

enum error_code operation_check(struct db *db, const struct operation *operation,
                                enum operation_standing *standing, struct error *err)
{
    DB_STATEMENT(operation_check_row,
                 "UPDATE operation SET claimed_until = CASE WHEN ended IS NULL THEN claimed_until "
                 "END WHERE id = $1 AND order_id = $2 RETURNING ended IS NULL");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &operation_check_row,
                                    DB_PARAMS(operation->id, operation->order_id), &rows, err);
    *standing = code || !rows.count    ? OPERATION_PASSED
                : db_bool(&rows, 0, 0) ? OPERATION_CURRENT
                                       : OPERATION_ENDED;
    return code;
}

enum error_code operation_next(struct db *db, struct operation *operation, const char *step,
                               struct arena *arena, struct error *err)
{
    DB_STATEMENT(operation_next_row, "UPDATE operation SET step = $2, attempt = 0, error = NULL, "
                                     "order_id = gen_random_uuid() WHERE id = $1 "
                                     "RETURNING order_id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &operation_next_row, DB_PARAMS(operation->id, step), &rows, err);
    if (code)
        return code;
    ASSERT(rows.count == 1);
    operation->step = step;
    operation->order_id = arena_strdup(arena, db_text(&rows, 0, 0));
    operation->attempt = 0;
    return ERR_OK;
}

enum error_code operation_retry(struct db *db, const struct operation *operation,
                                const struct operation_retry *retry, struct arena *arena,
                                struct error *err)
{
    DB_STATEMENT(operation_retry_row,
                 "UPDATE operation SET attempt = attempt + 1, error = $2, claimed_until = NULL, "
                 "not_before = now() + $3::int * interval '1 s', "
                 "order_id = CASE WHEN $4::bool THEN order_id END WHERE id = $1");
    return db_query(db, &operation_retry_row,
                    DB_PARAMS(operation->id, retry->why, db_number(arena, retry->delay_s),
                              retry->same_order ? "true" : "false"),
                    NULL, err);
}

enum error_code operation_end(struct db *db, const struct operation *operation, const char *why,
                              struct error *err)
{
    DB_STATEMENT(operation_end_row, "UPDATE operation SET ended = now(), claimed_until = NULL, "
                                    "error = $2 WHERE id = $1");
    return db_query(db, &operation_end_row, DB_PARAMS(operation->id, why), NULL, err);
}

enum error_code operation_sweep(struct db *db, struct error *err)
{
    DB_STATEMENT(operation_forget,
                 "DELETE FROM operation WHERE id IN (SELECT id FROM operation WHERE "
                 "ended < now() - interval '30 days' ORDER BY ended LIMIT 1000)");
    return db_query(db, &operation_forget, DB_NO_PARAMS, NULL, err);
}
