/* Runs of scripts: see script_set.h. */
#include "src/region/script_set.h"

#include <string.h>

#include "src/base/json_out.h"
#include "src/model/script.h"
#include "src/region/script_hardware.h"
#include "src/region/script_parameter.h"
#include "src/region/script_sql.h"

enum { RESULTS_MOST = 1024, WANTED_MOST = 64 };

/* Words with commas between them as an array; "" and "none" are an empty one. */
static const char *words_of(const char *text, struct arena *arena, struct error *err)
{
    const char *words[WANTED_MOST];
    int count = 0;
    if (!strcmp(text, "none"))
        text = "";
    while (*text) {
        text += strspn(text, ", ");
        size_t size = strcspn(text, ", ");
        if (size && count == WANTED_MOST) {
            error_set(err, ERR_BAD_INPUT, "At most %d scripts may be named.", WANTED_MOST);
            return NULL;
        }
        if (size)
            words[count++] = arena_strndup(arena, text, size);
        text += size;
    }
    return db_array(arena, words, count);
}

/* Every word names a script or a tag of this type. */
static enum error_code check_words(struct db *db, int type, const char *words, struct arena *arena,
                                   struct error *err)
{
    DB_STATEMENT(script_set_words,
                 "SELECT w FROM unnest($2::text[]) w WHERE NOT EXISTS (SELECT FROM script s WHERE "
                 "s.type = $1 AND (s.name = w OR s.id::text = w OR w = ANY (s.tags))) LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &script_set_words, DB_PARAMS(db_number(arena, type), words), &rows, err);
    if (!code && rows.count)
        return error_set(err, ERR_BAD_INPUT, "'%.100s' names no %s and no tag of one.",
                         db_text(&rows, 0, 0), script_type_name(type));
    return code;
}

/* rows: id, name, hardware_type, parameters, newest version. */
static enum error_code find_scripts(struct db *db, const struct script_choice *choice,
                                    struct arena *arena, struct db_rows *rows, struct error *err)
{
    DB_STATEMENT(
        script_set_scripts,
        "SELECT s.id, s.name, s.parameters, (SELECT max(v.id) FROM script_version v "
        "WHERE v.script_id = s.id) FROM script s WHERE s.type = $1 AND ((s.type = 0 AND "
        "s.is_default AND 'noauto' <> ALL (s.tags) AND NOT ('bmc-config' = ANY (s.tags) AND EXISTS "
        "(SELECT FROM node n WHERE n.id = $3 AND (n.script_options ->> 'skip_bmc_config')::bool))) "
        "OR CASE WHEN $2::text[] IS NULL THEN CASE "
        "s.type WHEN 0 THEN 'noauto' <> ALL (s.tags) AND NOT s.is_default WHEN 2 THEN "
        "'commissioning' = ANY (s.tags) "
        "ELSE false END ELSE s.name = ANY ($2::text[]) OR s.id::text = ANY ($2::text[]) OR "
        "s.tags && $2::text[] END) ORDER BY s.name");
    const char *words = NULL;
    enum error_code code = ERR_OK;
    if (choice->wanted) {
        words = words_of(choice->wanted, arena, err);
        code = words ? check_words(db, choice->type, words, arena, err) : ERR_BAD_INPUT;
    }
    return code ? code
                : db_query(db, &script_set_scripts,
                           DB_PARAMS(db_number(arena, choice->type), words,
                                     db_number(arena, choice->node_id)),
                           rows, err);
}

/* The results as rows to insert: [{"script_id":1,"name":"x","version":2,"parameters":{}}, ...] */
static enum error_code plan(const struct script_choice *choice, const struct db_rows *scripts,
                            json_t *results, struct error *err)
{
    for (int i = 0; i < scripts->count; i++) {
        __attribute__((cleanup(json_decrefp))) json_t *asked =
            json_loads(db_text(scripts, i, 2), 0, NULL);
        __attribute__((cleanup(json_decrefp))) json_t *given = NULL;
        enum error_code code =
            script_parameter_choose(db_text(scripts, i, 1), asked, choice->parameters, &given, err);
        if (code)
            return code;
        json_array_append_new(
            results, json_pack("{s:I, s:s, s:I, s:O}", "script_id",
                               (json_int_t)db_int(scripts, i, 0), "name", db_text(scripts, i, 1),
                               "version", (json_int_t)db_int(scripts, i, 3), "parameters", given));
    }
    return ERR_OK;
}

/* The set with its results, and the node's mark on it. */
static enum error_code insert(struct db *db, const struct script_choice *choice,
                              const json_t *results, struct arena *arena, int64_t *set_id,
                              struct error *err)
{
    DB_STATEMENT(
        script_set_insert,
        "WITH made AS (INSERT INTO script_set (node_id, type) SELECT $1, $2::int WHERE "
        "jsonb_array_length($3::jsonb) > 0 RETURNING id), filled AS (INSERT INTO script_result "
        "(script_set_id, name, script_id, script_version_id, parameters) SELECT made.id, r.name, "
        "r.script_id, r.version, r.parameters FROM made, jsonb_to_recordset($3::jsonb) AS r "
        "(name text, script_id bigint, version bigint, parameters jsonb)) "
        "UPDATE node SET commissioning_set_id = CASE $2::int WHEN 0 THEN (SELECT id FROM made) "
        "ELSE commissioning_set_id END, testing_set_id = CASE $2::int WHEN 2 THEN (SELECT id FROM "
        "made) ELSE testing_set_id END, release_set_id = CASE $2::int WHEN 3 THEN (SELECT id FROM "
        "made) ELSE release_set_id END WHERE id = $1 RETURNING coalesce((SELECT id FROM made), "
        "0)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &script_set_insert,
                 DB_PARAMS(db_number(arena, choice->node_id), db_number(arena, choice->type),
                           json_out_dump(arena, results)),
                 &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Machine matches the given query.");
    if (!code)
        *set_id = db_int(&rows, 0, 0);
    return code;
}

/* Old runs are forgotten beyond what people look at. */
static enum error_code forget_old(struct db *db, const struct script_choice *choice,
                                  struct arena *arena, struct error *err)
{
    DB_STATEMENT(script_set_forget,
                 "DELETE FROM script_set WHERE id IN (SELECT id FROM script_set WHERE node_id = $1 "
                 "AND type = $2::int ORDER BY id DESC OFFSET 10)");
    return db_query(db, &script_set_forget,
                    DB_PARAMS(db_number(arena, choice->node_id), db_number(arena, choice->type)),
                    NULL, err);
}

enum error_code script_set_start(struct db *db, const struct script_choice *choice,
                                 struct arena *arena, int64_t *set_id, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows scripts = {0};
    __attribute__((cleanup(json_decrefp))) json_t *results = json_array();
    *set_id = 0;
    enum error_code code = find_scripts(db, choice, arena, &scripts, err);
    if (!code)
        code = plan(choice, &scripts, results, err);
    if (!code)
        code = insert(db, choice, results, arena, set_id, err);
    if (!code)
        code = forget_old(db, choice, arena, err);
    if (!code)
        code = script_set_expand(db, *set_id, arena, err);
    return code ? code : script_hardware_skip(db, choice->node_id, arena, err);
}

enum error_code script_set_expand(struct db *db, int64_t set_id, struct arena *arena,
                                  struct error *err)
{
    /*
     * A parameter whose value is "all" is the row's only one of its kind (script_parameter_choose
     * sees to it), so a row becomes as many rows as there are things.
     */
    DB_STATEMENT(
        script_set_expand_rows,
        "WITH wide AS (SELECT r.*, p.key, p.value ->> 'type' AS kind FROM script_result r, "
        "jsonb_each(r.parameters) p WHERE r.script_set_id = $1 AND r.status = 0 AND p.value ->> "
        "'type' IN ('storage', 'interface') AND p.value ->> 'value' = 'all'), things AS ("
        "SELECT 'storage' AS kind, d.id, jsonb_build_object('id', d.id, 'name', d.name, 'model', "
        "d.model, 'serial', d.serial, 'id_path', d.id_path, 'path', coalesce(nullif(d.id_path, "
        "''), '/dev/' || d.name)) AS thing FROM block_device d JOIN script_set s ON s.node_id = "
        "d.node_id WHERE s.id = $1 AND d.type = 'physical' UNION ALL SELECT 'interface', i.id, "
        "jsonb_build_object('id', i.id, 'name', i.name, 'mac_address', i.mac, 'vendor', i.vendor, "
        "'product', i.product) FROM interface i JOIN script_set s ON s.node_id = i.node_id WHERE "
        "s.id = $1 AND i.type = 'physical'), added AS (INSERT INTO script_result (script_set_id, "
        "name, script_id, script_version_id, instance, parameters) SELECT w.script_set_id, w.name, "
        "w.script_id, w.script_version_id, t.thing ->> 'name', w.parameters || "
        "jsonb_build_object(w.key, "
        "w.parameters -> w.key || jsonb_build_object('value', t.thing)) FROM wide w JOIN things t "
        "USING (kind) ORDER BY w.id, t.id LIMIT $2::int RETURNING 1) "
        "DELETE FROM script_result WHERE id IN (SELECT w.id FROM wide w WHERE EXISTS (SELECT FROM "
        "things t WHERE t.kind = w.kind))");
    if (!set_id)
        return ERR_OK;
    return db_query(db, &script_set_expand_rows,
                    DB_PARAMS(db_number(arena, set_id), db_number(arena, RESULTS_MOST)), NULL, err);
}

enum error_code script_set_current(struct db *db, int64_t node_id, int type, struct arena *arena,
                                   int64_t *set_id, struct error *err)
{
    DB_STATEMENT(script_set_of_node,
                 "SELECT coalesce(CASE $2::int WHEN 0 THEN commissioning_set_id WHEN 1 THEN "
                 "installation_set_id WHEN 2 THEN testing_set_id ELSE release_set_id END, 0) FROM "
                 "node WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &script_set_of_node,
                 DB_PARAMS(db_number(arena, node_id), db_number(arena, type)), &rows, err);
    *set_id = !code && rows.count ? db_int(&rows, 0, 0) : 0;
    return code;
}

enum error_code script_set_abort(struct db *db, int64_t node_id, struct arena *arena,
                                 struct error *err)
{
    DB_STATEMENT(script_set_abort_rows,
                 "UPDATE script_result r SET status = $2::int, ended = now(), updated = now() FROM "
                 "node n WHERE n.id = $1 AND r.script_set_id IN (n.commissioning_set_id, "
                 "n.testing_set_id, n.release_set_id) AND " SCRIPT_OPEN_SQL("r.status"));
    return db_query(db, &script_set_abort_rows,
                    DB_PARAMS(db_number(arena, node_id), db_number(arena, SCRIPT_ABORTED)), NULL,
                    err);
}
