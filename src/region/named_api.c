/* What zones, resource pools and spaces have in common: see named_api.h. */
#include "src/region/named_api.h"

#include <string.h>

#include "src/base/container.h"
#include "src/region/field_form.h"
#include "src/region/rows_reply.h"

struct named {
    int64_t id;
    const char *name, *description;
};

static const struct field fields[] = {
    FIELD(struct named, id, FIELD_INT, 0, "its number"),
    FIELD(struct named, name, FIELD_TEXT, FIELD_WRITE, "its name"),
    FIELD(struct named, description, FIELD_TEXT, FIELD_WRITE, "for people"),
};

static enum error_code find(const struct named_kind *kind, struct api_request *request,
                            struct named *named, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *key = api_path(request, kind->key);
    const char *id = kind->by_id ? field_form_id(key) : NULL;
    enum error_code code = db_query(request->db, &kind->find, DB_PARAMS(id, key), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No %s matches the given query.", kind->model);
    db_map(&rows, 0, fields, COUNT_OF(fields), named, request->arena);
    return ERR_OK;
}

static enum error_code read_form(const struct named_kind *kind, struct api_request *request,
                                 struct api_reply *reply, struct named *named, struct error *err)
{
    const char *before = named->name;
    struct field_form form = {fields, COUNT_OF(fields)};
    field_form_read(request, reply, &form, named);
    if (field_form_name(reply, "name", named->name) && kind->reserved_name &&
        !strcmp(named->name, kind->reserved_name))
        api_field_error(reply, "name", "Reserved name.");
    if (before && named->id == kind->fixed_id &&
        (kind->reserved_name || strcmp(before, named->name)))
        api_field_error(reply, "name", "%s", kind->not_renamed);
    return api_fields_valid(reply, err);
}

static enum error_code taken(const struct named_kind *kind, struct api_reply *reply,
                             struct error *err)
{
    api_field_error(reply, "name", "%s with this Name already exists.", kind->model);
    return api_fields_valid(reply, err);
}

static enum error_code answer(const struct named_kind *kind, struct api_request *request,
                              struct api_reply *reply, int64_t id, struct error *err)
{
    struct rows_one one = {&kind->read, kind->model};
    return rows_reply_one(request, reply, &one, DB_PARAMS(db_number(request->arena, id)), err);
}

enum error_code named_list(const struct named_kind *kind, struct api_request *request,
                           struct api_reply *reply, struct error *err)
{
    return rows_reply_list(request, reply, &kind->list, DB_NO_PARAMS, err);
}

enum error_code named_create(const struct named_kind *kind, struct api_request *request,
                             struct api_reply *reply, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct named named = {.description = ""};
    enum error_code code = read_form(kind, request, reply, &named, err);
    if (!code)
        code = db_query(request->db, &kind->create, DB_PARAMS(named.name, named.description), &rows,
                        err);
    if (code == ERR_CONFLICT)
        return taken(kind, reply, err);
    return code ? code : answer(kind, request, reply, db_int(&rows, 0, 0), err);
}

enum error_code named_read(const struct named_kind *kind, struct api_request *request,
                           struct api_reply *reply, struct error *err)
{
    struct named named = {0};
    enum error_code code = find(kind, request, &named, err);
    return code ? code : answer(kind, request, reply, named.id, err);
}

enum error_code named_update(const struct named_kind *kind, struct api_request *request,
                             struct api_reply *reply, struct error *err)
{
    struct named named = {0};
    enum error_code code = find(kind, request, &named, err);
    if (!code)
        code = read_form(kind, request, reply, &named, err);
    if (!code)
        code =
            db_query(request->db, &kind->update,
                     DB_PARAMS(db_number(request->arena, named.id), named.name, named.description),
                     NULL, err);
    if (code == ERR_CONFLICT)
        return taken(kind, reply, err);
    return code ? code : answer(kind, request, reply, named.id, err);
}

enum error_code named_delete(const struct named_kind *kind, struct api_request *request,
                             struct api_reply *reply, struct error *err)
{
    struct named named = {0};
    enum error_code code = find(kind, request, &named, err);
    bool gone = code == ERR_NOT_FOUND && kind->gone_is_fine;
    if (code && !gone)
        return code;
    if (!gone && named.id == kind->fixed_id)
        return error_set(err, ERR_BAD_INPUT, "%s", kind->not_deleted);
    if (!gone)
        code = db_query(request->db, &kind->remove, DB_PARAMS(db_number(request->arena, named.id)),
                        NULL, err);
    if (!gone && code == ERR_CONFLICT && kind->in_use)
        return error_set(err, ERR_BAD_INPUT, "%s", kind->in_use);
    if (!gone && code)
        return code;
    api_reply_empty(reply, 204);
    return ERR_OK;
}
