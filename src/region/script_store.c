/* Scripts as rows: see script_store.h. */
#include "src/region/script_store.h"

#include <string.h>

#include "src/base/json_out.h"
#include "src/region/script_default.h"
#include "src/wire/digest.h"

enum error_code script_store_find(struct db *db, const char *name_or_id, struct arena *arena,
                                  struct script *script, struct error *err)
{
    DB_STATEMENT(script_find, "SELECT id, name, type, is_default FROM script "
                              "WHERE name = $1 OR id::text = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &script_find, DB_PARAMS(name_or_id), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Script matches the given query.");
    *script = (struct script){db_int(&rows, 0, 0), arena_strdup(arena, db_text(&rows, 0, 1)),
                              (int)db_int(&rows, 0, 2), db_bool(&rows, 0, 3)};
    return ERR_OK;
}

static const char *array_of(const json_t *list, struct arena *arena)
{
    size_t count = json_array_size(list);
    const char **texts = ARENA_ARRAY(arena, const char *, count + 1);
    if (!list)
        return NULL;
    for (size_t i = 0; i < count; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    return db_array(arena, texts, (int)count);
}

static const char *json_of(const json_t *value, struct arena *arena)
{
    return value ? json_out_dump(arena, value) : NULL;
}

static const char *number_of(int64_t number, struct arena *arena)
{
    return number < 0 ? NULL : db_number(arena, number);
}

static const char *flag_of(int flag)
{
    return flag < 0 ? NULL : flag ? "true" : "false";
}

static const char *text_of(const struct script_text *text, struct arena *arena)
{
    return digest_base64(arena, text->bytes, text->size);
}

/* The parameters of both statements from $4 on. */
#define HEADER_PARAMS(header, arena)                                              \
    (header)->title, (header)->description, array_of((header)->tags, arena),      \
        number_of((header)->type, arena), number_of((header)->hardware, arena),   \
        number_of((header)->parallel, arena), json_of((header)->results, arena),  \
        json_of((header)->parameters, arena), json_of((header)->packages, arena), \
        number_of((header)->timeout_s, arena), flag_of((header)->destructive),    \
        flag_of((header)->may_reboot), flag_of((header)->recommission),           \
        flag_of((header)->apply_netconf), array_of((header)->for_hardware, arena)

enum error_code script_store_create(struct db *db, const struct script_header *header,
                                    const struct script_text *text, struct arena *arena,
                                    int64_t *id, struct error *err)
{
    DB_STATEMENT(
        script_create,
        "WITH made AS (INSERT INTO script (name, title, description, tags, type, hardware_type, "
        "parallel, results, parameters, packages, timeout_s, destructive, may_reboot, "
        "recommission, apply_configured_networking, for_hardware) VALUES ($1, coalesce($4, ''), "
        "coalesce($5, ''), coalesce($6::text[], '{}'), $7::int, coalesce($8::int, 0), "
        "coalesce($9::int, 0), coalesce($10::jsonb, '{}'), coalesce($11::jsonb, '{}'), "
        "coalesce($12::jsonb, '{}'), coalesce($13::int, 0), coalesce($14::bool, false), "
        "coalesce($15::bool, false), coalesce($16::bool, false), coalesce($17::bool, false), "
        "coalesce($18::text[], '{}')) RETURNING id) INSERT INTO script_version (script_id, "
        "content, comment) SELECT id, decode($2, 'base64'), $3 FROM made RETURNING script_id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        db, &script_create,
        DB_PARAMS(header->name, text_of(text, arena), text->comment, HEADER_PARAMS(header, arena)),
        &rows, err);
    if (!code)
        *id = db_int(&rows, 0, 0);
    return code;
}

enum error_code script_store_update(struct db *db, int64_t id, const struct script_header *header,
                                    const struct script_text *text, struct arena *arena,
                                    struct error *err)
{
    DB_STATEMENT(
        script_update,
        "WITH added AS (INSERT INTO script_version (script_id, content, comment) "
        "SELECT $1, decode($2, 'base64'), $3 WHERE $2 IS NOT NULL) "
        "UPDATE script SET name = coalesce($19, name), title = coalesce($4, title), description = "
        "coalesce($5, description), tags = coalesce($6::text[], tags), type = coalesce($7::int, "
        "type), hardware_type = coalesce($8::int, hardware_type), parallel = coalesce($9::int, "
        "parallel), results = coalesce($10::jsonb, results), parameters = coalesce($11::jsonb, "
        "parameters), packages = coalesce($12::jsonb, packages), timeout_s = coalesce($13::int, "
        "timeout_s), destructive = coalesce($14::bool, destructive), may_reboot = "
        "coalesce($15::bool, may_reboot), recommission = coalesce($16::bool, recommission), "
        "apply_configured_networking = coalesce($17::bool, apply_configured_networking), "
        "for_hardware = coalesce($18::text[], for_hardware), updated = now() WHERE id = $1");
    return db_query(db, &script_update,
                    DB_PARAMS(db_number(arena, id), text ? text_of(text, arena) : NULL,
                              text ? text->comment : NULL, HEADER_PARAMS(header, arena),
                              header->name),
                    NULL, err);
}

enum error_code script_store_delete(struct db *db, int64_t id, struct arena *arena,
                                    struct error *err)
{
    DB_STATEMENT(script_delete, "DELETE FROM script WHERE id = $1");
    return db_query(db, &script_delete, DB_PARAMS(db_number(arena, id)), NULL, err);
}

enum error_code script_store_revert(struct db *db, int64_t id, int64_t to, struct arena *arena,
                                    struct error *err)
{
    DB_STATEMENT(script_revert,
                 "WITH wanted AS (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id DESC) "
                 "AS back FROM script_version WHERE script_id = $1) v WHERE CASE WHEN $2::bigint "
                 "> 0 THEN id = $2::bigint ELSE back = 1 - $2::bigint END), gone AS (DELETE FROM "
                 "script_version WHERE script_id = $1 AND id > (SELECT id FROM wanted)) "
                 "SELECT id FROM wanted");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        db, &script_revert, DB_PARAMS(db_number(arena, id), db_number(arena, to)), &rows, err);
    if (code)
        return code;
    return rows.count ? ERR_OK
                      : error_set(err, ERR_NOT_FOUND, "There is no version %lld to go back to.",
                                  (long long)to);
}

enum error_code script_store_text(struct db *db, int64_t id, int64_t revision, struct arena *arena,
                                  struct script_text *text, struct error *err)
{
    DB_STATEMENT(script_text,
                 "SELECT encode(content, 'base64'), comment FROM "
                 "script_version WHERE script_id = $1 AND ($2::bigint = 0 OR id = $2::bigint) "
                 "ORDER BY id DESC LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        db, &script_text, DB_PARAMS(db_number(arena, id), db_number(arena, revision)), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Script version matches the given query.");
    const char *base64 = db_text(&rows, 0, 0);
    *text = (struct script_text){.comment = arena_strdup(arena, db_text(&rows, 0, 1))};
    text->bytes = digest_base64_parse(arena, base64, strlen(base64), &text->size);
    ASSERT(text->bytes);
    return ERR_OK;
}

enum error_code script_store_tag(struct db *db, int64_t id, const char *tag, bool lay,
                                 struct arena *arena, struct error *err)
{
    DB_STATEMENT(script_tag,
                 "UPDATE script SET tags = CASE WHEN $3::bool THEN array_append(array_remove(tags, "
                 "$2), $2) ELSE array_remove(tags, $2) END, updated = now() WHERE id = $1");
    return db_query(db, &script_tag, DB_PARAMS(db_number(arena, id), tag, lay ? "true" : "false"),
                    NULL, err);
}

/* A default script becomes what this program says; its text gets a version when it differs. */
static enum error_code put_default(struct db *db, const struct script_default *given,
                                   struct arena *arena, struct error *err)
{
    DB_STATEMENT(
        script_put_default,
        "WITH put AS (INSERT INTO script (name, title, description, tags, type, hardware_type, "
        "parallel, results, parameters, packages, timeout_s, destructive, may_reboot, "
        "recommission, apply_configured_networking, for_hardware, is_default) VALUES ($1, "
        "coalesce($4, ''), coalesce($5, ''), coalesce($6::text[], '{}'), $7::int, "
        "coalesce($8::int, 0), coalesce($9::int, 0), coalesce($10::jsonb, '{}'), "
        "coalesce($11::jsonb, '{}'), coalesce($12::jsonb, '{}'), coalesce($13::int, 0), "
        "coalesce($14::bool, false), coalesce($15::bool, false), coalesce($16::bool, false), "
        "coalesce($17::bool, false), coalesce($18::text[], '{}'), true) ON CONFLICT (name) DO "
        "UPDATE SET title = excluded.title, description = excluded.description, type = "
        "excluded.type, hardware_type = excluded.hardware_type, parallel = excluded.parallel, "
        "results = excluded.results, parameters = excluded.parameters, packages = "
        "excluded.packages, timeout_s = excluded.timeout_s, destructive = excluded.destructive, "
        "may_reboot = excluded.may_reboot, for_hardware = excluded.for_hardware, is_default = "
        "true RETURNING id) INSERT INTO script_version (script_id, content, comment) SELECT "
        "put.id, decode($2, 'base64'), $3 FROM put WHERE decode($2, 'base64') IS DISTINCT FROM "
        "(SELECT v.content FROM script_version v WHERE v.script_id = put.id ORDER BY v.id DESC "
        "LIMIT 1)");
    struct script_header header;
    enum error_code code = script_header_parse(given->text, given->size, arena, &header, err);
    struct script_text text = {given->text, given->size, "Created by gantry " GANTRY_VERSION};
    if (!code)
        code = db_query(db, &script_put_default,
                        DB_PARAMS(given->name, text_of(&text, arena), text.comment,
                                  HEADER_PARAMS(&header, arena)),
                        NULL, err);
    script_header_close(&header);
    return code ? error_wrap(err, "default script %s", given->name) : ERR_OK;
}

/* Those that are as they should be: has[i]. */
static enum error_code look_at_defaults(struct db *db, bool *has, struct error *err)
{
    DB_STATEMENT(script_defaults_seen,
                 "SELECT name, encode(sha256((SELECT v.content FROM script_version v WHERE "
                 "v.script_id = s.id ORDER BY v.id DESC LIMIT 1)), 'hex') FROM script s "
                 "WHERE is_default");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &script_defaults_seen, DB_NO_PARAMS, &rows, err);
    for (int i = 0; i < script_defaults_count && !code; i++) {
        char digest[DIGEST_TEXT];
        digest_sha256_text(script_defaults[i].text, script_defaults[i].size, digest);
        for (int row = 0; row < rows.count; row++)
            has[i] = has[i] || (!strcmp(db_text(&rows, row, 0), script_defaults[i].name) &&
                                !strcmp(db_text(&rows, row, 1), digest));
    }
    return code;
}

enum error_code script_store_put_defaults(struct db *db, struct error *err)
{
    struct arena *arena = arena_new();
    bool *has = ARENA_ARRAY(arena, bool, (size_t)script_defaults_count);
    enum error_code code = look_at_defaults(db, has, err);
    for (int i = 0; i < script_defaults_count && !code; i++)
        if (!has[i])
            code = put_default(db, &script_defaults[i], arena, err);
    arena_free(arena);
    return code;
}
