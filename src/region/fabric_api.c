/* Fabrics: networks that are not connected. Source: MAAS API 2.0, fabrics. */
#include <string.h>

#include "src/base/container.h"
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"

enum { DEFAULT_FABRIC = 0 };

struct fabric {
    int64_t id;
    const char *name, *description, *class_type;
};

static const struct field fields[] = {
    FIELD(struct fabric, id, FIELD_INT, 0, "its number"),
    FIELD(struct fabric, name, FIELD_TEXT, FIELD_WRITE, "its name"),
    FIELD(struct fabric, description, FIELD_TEXT, FIELD_WRITE, "for people"),
    FIELD(struct fabric, class_type, FIELD_TEXT, FIELD_WRITE, "what it is made of"),
};

static enum error_code find(struct api_request *request, struct fabric *fabric, struct error *err)
{
    DB_STATEMENT(fabric_find, "SELECT id, coalesce(name, '') AS name, description, "
                              "coalesce(class_type, '') AS class_type FROM fabric f "
                              "WHERE id = $1::bigint OR " FABRIC_NAME_SQL(
                                  "f") " = $2 "
                                       "ORDER BY (id = $1::bigint) DESC NULLS LAST LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *key = api_path(request, "id");
    enum error_code code =
        db_query(request->db, &fabric_find, DB_PARAMS(field_form_id(key), key), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Fabric matches the given query.");
    db_map(&rows, 0, fields, COUNT_OF(fields), fabric, request->arena);
    return ERR_OK;
}

static enum error_code read_form(struct api_request *request, struct api_reply *reply,
                                 struct fabric *fabric, bool is_new, struct error *err)
{
    struct field_form form = {fields, COUNT_OF(fields)};
    field_form_read(request, reply, &form, fabric);
    const char *number = strncmp(fabric->name, "fabric-", 7) ? "" : fabric->name + 7;
    bool reserved = *number && !number[strspn(number, "0123456789")];
    if (reserved && !is_new && !strcmp(number, db_number(request->arena, fabric->id)))
        fabric->name = ""; /* that is what it is called anyway */
    else if (reserved)
        api_field_error(reply, "name", "Reserved fabric name.");
    if (*fabric->name)
        field_form_name(reply, "name", fabric->name);
    return api_fields_valid(reply, err);
}

static enum error_code taken(struct api_reply *reply, struct error *err)
{
    api_field_error(reply, "name", "Fabric with this Name already exists.");
    return api_fields_valid(reply, err);
}

static enum error_code answer(struct api_request *request, struct api_reply *reply, int64_t id,
                              struct error *err)
{
    DB_STATEMENT(fabric_read, "SELECT to_json(f) FROM (" FABRIC_SQL ") f WHERE id = $1");
    struct rows_one one = {&fabric_read, "Fabric"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(db_number(request->arena, id)), err);
}

enum error_code fabrics_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(fabric_list, "SELECT to_json(f) FROM (" FABRIC_SQL ") f ORDER BY id");
    return rows_reply_list(request, reply, &fabric_list, DB_NO_PARAMS, err);
}

enum error_code fabrics_create(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    DB_STATEMENT(fabric_create,
                 "WITH made AS (INSERT INTO fabric (name, description, class_type) VALUES "
                 "(nullif($1, ''), $2, nullif($3, '')) RETURNING id), untagged AS (INSERT INTO "
                 "vlan (fabric_id, vid) SELECT id, 0 FROM made) SELECT id FROM made");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct fabric fabric = {.name = "", .description = "", .class_type = ""};
    enum error_code code = read_form(request, reply, &fabric, true, err);
    if (!code)
        code = db_query(request->db, &fabric_create,
                        DB_PARAMS(fabric.name, fabric.description, fabric.class_type), &rows, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, db_int(&rows, 0, 0), err);
}

enum error_code fabric_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct fabric fabric;
    enum error_code code = find(request, &fabric, err);
    return code ? code : answer(request, reply, fabric.id, err);
}

enum error_code fabric_update(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    DB_STATEMENT(fabric_update, "UPDATE fabric SET name = nullif($2, ''), description = $3, "
                                "class_type = nullif($4, ''), updated = now() WHERE id = $1");
    struct fabric fabric;
    enum error_code code = find(request, &fabric, err);
    if (!code)
        code = read_form(request, reply, &fabric, false, err);
    if (!code)
        code = db_query(request->db, &fabric_update,
                        DB_PARAMS(db_number(request->arena, fabric.id), fabric.name,
                                  fabric.description, fabric.class_type),
                        NULL, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, fabric.id, err);
}

/* What still stands in it, in words; *text is NULL when nothing does. */
static enum error_code remains(struct api_request *request, int64_t id, const char **text,
                               struct error *err)
{
    DB_STATEMENT(
        fabric_remains,
        "SELECT (SELECT 'subnets are still present: ' || string_agg(s.name || ' (' || s.cidr || "
        "')', ', ' ORDER BY s.cidr) FROM subnet s JOIN vlan v ON v.id = s.vlan_id WHERE "
        "v.fabric_id = $1), (SELECT 'interfaces are still connected: ' || string_agg(i.name || ' "
        "on ' || n.hostname, ', ' ORDER BY n.hostname, i.name) FROM interface i JOIN node n ON "
        "n.id = i.node_id JOIN vlan v ON v.id = i.vlan_id WHERE v.fabric_id = $1)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &fabric_remains,
                                    DB_PARAMS(db_number(request->arena, id)), &rows, err);
    if (!code)
        *text = arena_strdup(request->arena, db_text(&rows, 0, db_is_null(&rows, 0, 0) ? 1 : 0));
    return code;
}

enum error_code fabric_delete(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    DB_STATEMENT(fabric_delete, "DELETE FROM fabric WHERE id = $1");
    struct fabric fabric;
    const char *text = NULL;
    enum error_code code = find(request, &fabric, err);
    if (!code && fabric.id == DEFAULT_FABRIC)
        return error_set(err, ERR_BAD_INPUT,
                         "This fabric is the default fabric, it cannot be deleted.");
    if (!code)
        code = remains(request, fabric.id, &text, err);
    if (!code && text)
        return error_set(err, ERR_BAD_INPUT, "Can't delete fabric; the following %s", text);
    if (!code)
        code = db_query(request->db, &fabric_delete,
                        DB_PARAMS(db_number(request->arena, fabric.id)), NULL, err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
