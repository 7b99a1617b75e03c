/*
 * What is imported from a source: releases, architectures, kernels. Only what the source offers can
 * be selected; one that was never read is read behind the commit (api_after).
 * Source: MAAS API 2.0 12.1.
 */
#include <string.h>

#include "src/region/api_reply.h"
#include "src/region/field_form.h"
#include "src/region/image_source.h"
#include "src/region/image_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"

/* What is wanted. Lists as SQL arrays, NULL = not said. All of it lives in the request's arena. */
struct selection {
    const char *source, *id; /* id NULL: a new one */
    const char *os, *release;
    const char *arches, *subarches, *labels;
    struct image_source reading; /* when the source has to be read for it */
    struct stream_products products;
    struct api_request *request;
    struct api_reply *reply;
};

static enum error_code answer(struct api_request *request, struct api_reply *reply,
                              const char *source, const char *id, struct error *err)
{
    DB_STATEMENT(boot_selection_one, "SELECT to_json(r) FROM (" BOOT_SELECTION_SQL
                                     ") r WHERE boot_source_id = $1::bigint AND id = $2::bigint");
    struct rows_one one = {&boot_selection_one, "BootSourceSelection"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(source, id), err);
}

static const char *source_of(const struct api_request *request)
{
    return field_form_id(api_path(request, "boot_source_id"));
}

/* Values given one by one or with commas; NULL when there is none. */
static const char *list_of(struct api_request *request, const char *name)
{
    int count = 0, used = 0;
    const char *const *values = api_param_list(request, name, &count);
    const char **words, *word;
    size_t room = 1;
    for (int i = 0; i < count; i++)
        room += strlen(values[i]);
    words = ARENA_ARRAY(request->arena, const char *, room);
    for (int i = 0; i < count; i++)
        for (const char *at = values[i]; (word = arena_word(request->arena, &at, ", "));)
            words[used++] = word;
    return used ? db_array(request->arena, words, used) : NULL;
}

static struct selection *read_form(struct api_request *request, const char *id)
{
    struct selection *selection = ARENA_NEW(request->arena, struct selection);
    *selection = (struct selection){
        .source = source_of(request),
        .id = id,
        .os = api_param(request, "os"),
        .release = api_param(request, "release"),
        .arches = list_of(request, "arches"),
        .subarches = list_of(request, "subarches"),
        .labels = list_of(request, "labels"),
    };
    return selection;
}

/* Is each of it offered? With the values that a present selection has for what is not said. */
static enum error_code check_offer(struct db *db, struct selection *selection, struct error *err)
{
    DB_STATEMENT(
        boot_selection_offer,
        "WITH wish AS (SELECT coalesce($3, s.os) AS os, coalesce($4, s.release) AS release, "
        "coalesce($5::text[], s.arches, '{*}') AS arches, "
        "coalesce($6::text[], s.subarches, '{*}') AS subarches, "
        "coalesce($7::text[], s.labels, '{*}') AS labels FROM (SELECT) one LEFT JOIN "
        "boot_source_selection s ON s.id = $2::bigint AND s.boot_source_id = $1::bigint), "
        "offer AS (SELECT o.* FROM boot_source_offer o, wish w WHERE "
        "o.boot_source_id = $1::bigint AND o.os = w.os AND o.release = w.release) "
        "SELECT w.os, w.release, EXISTS (SELECT FROM offer), "
        "(SELECT string_agg(x, ', ') FROM unnest(w.arches) x WHERE x <> '*' AND x <> ALL "
        "(SELECT arch FROM offer)), "
        "(SELECT string_agg(x, ', ') FROM unnest(w.subarches) x WHERE x <> '*' AND x <> ALL "
        "(SELECT subarch FROM offer)), "
        "(SELECT string_agg(x, ', ') FROM unnest(w.labels) x WHERE x <> '*' AND x <> ALL "
        "(SELECT label FROM offer)) FROM wish w");
    static const char *const fields[] = {"arches", "subarches", "labels"};
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct api_reply *reply = selection->reply;
    enum error_code code =
        db_query(db, &boot_selection_offer,
                 DB_PARAMS(selection->source, selection->id, selection->os, selection->release,
                           selection->arches, selection->subarches, selection->labels),
                 &rows, err);
    if (code)
        return code;
    if (!db_bool(&rows, 0, 2))
        api_field_error(reply, "os",
                        "OS %.60s with release %.60s has no available images for download",
                        db_text(&rows, 0, 0), db_text(&rows, 0, 1));
    for (int i = 0; i < 3 && db_bool(&rows, 0, 2); i++)
        if (!db_is_null(&rows, 0, 3 + i))
            api_field_error(reply, fields[i], "No available images to download for %.100s",
                            db_text(&rows, 0, 3 + i));
    return api_fields_valid(reply, err);
}

static enum error_code write_row(struct db *db, const struct selection *selection, const char **id,
                                 struct error *err)
{
    DB_STATEMENT(boot_selection_create,
                 "INSERT INTO boot_source_selection (boot_source_id, os, release, arches, "
                 "subarches, labels) VALUES ($1, $2, $3, coalesce($4::text[], '{*}'), "
                 "coalesce($5::text[], '{*}'), coalesce($6::text[], '{*}')) RETURNING id");
    DB_STATEMENT(boot_selection_change,
                 "UPDATE boot_source_selection SET os = coalesce($2, os), "
                 "release = coalesce($3, release), arches = coalesce($4::text[], arches), "
                 "subarches = coalesce($5::text[], subarches), "
                 "labels = coalesce($6::text[], labels), updated = now() "
                 "WHERE boot_source_id = $1::bigint AND id = $7::bigint RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *const values[] = {selection->source, selection->os,        selection->release,
                                  selection->arches, selection->subarches, selection->labels,
                                  selection->id};
    bool is_new = !selection->id;
    enum error_code code = db_query(db, is_new ? &boot_selection_create : &boot_selection_change,
                                    (struct db_params){is_new ? 6 : 7, values}, &rows, err);
    if (!code && rows.count)
        *id = arena_strdup(selection->request->arena, db_text(&rows, 0, 0));
    else if (!code)
        code = error_set(err, ERR_NOT_FOUND, "No BootSourceSelection matches the given query.");
    return code;
}

static enum error_code keep(struct db *db, void *subject, struct error *err)
{
    struct selection *selection = subject;
    const char *id = NULL;
    enum error_code code = check_offer(db, selection, err);
    if (!code)
        code = write_row(db, selection, &id, err);
    if (code == ERR_CONFLICT) {
        api_field_error(selection->reply, "__all__",
                        "Boot source selection with this Boot source, Os and Release already "
                        "exists.");
        return api_fields_valid(selection->reply, err);
    }
    return code ? code : answer(selection->request, selection->reply, selection->source, id, err);
}

static enum error_code keep_with_offers(struct db *db, void *subject, struct error *err)
{
    struct selection *selection = subject;
    api_reply_begin(selection->reply, selection->request->arena);
    enum error_code code = image_source_note(db, &selection->reading, &selection->products, NULL,
                                             selection->request->arena, err);
    return code ? code : keep(db, selection, err);
}

/* Behind the commit: it takes as long as the mirror does. */
static enum error_code read_first(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct selection *selection = request->after_subject;
    selection->request = request;
    selection->reply = reply;
    enum error_code code =
        image_source_read(&selection->reading, request->arena, &selection->products, err);
    if (code)
        return error_set(err, ERR_UNAVAILABLE, "The source cannot be read: %.400s",
                         arena_strdup(request->arena, err->text));
    return db_transact(request->db, DB_WRITE, keep_with_offers, selection, err);
}

static enum error_code select_from(struct api_request *request, struct api_reply *reply,
                                   struct selection *selection, struct error *err)
{
    DB_STATEMENT(boot_source_was_read,
                 "SELECT read IS NOT NULL FROM boot_source WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    selection->request = request;
    selection->reply = reply;
    enum error_code code =
        image_source_find(request->db, selection->source, request->arena, &selection->reading, err);
    code = code ? code
                : db_query(request->db, &boot_source_was_read, DB_PARAMS(selection->source), &rows,
                           err);
    if (code)
        return code;
    if (db_bool(&rows, 0, 0))
        return keep(request->db, selection, err);
    api_after(request, read_first, selection);
    return ERR_OK;
}

enum error_code boot_selections_read(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    DB_STATEMENT(boot_selection_list, "SELECT to_json(r) FROM (" BOOT_SELECTION_SQL
                                      ") r WHERE boot_source_id = $1::bigint ORDER BY id");
    struct image_source source;
    enum error_code code =
        image_source_find(request->db, source_of(request), request->arena, &source, err);
    return code ? code
                : rows_reply_list(request, reply, &boot_selection_list,
                                  DB_PARAMS(source_of(request)), err);
}

enum error_code boot_selections_create(struct api_request *request, struct api_reply *reply,
                                       struct error *err)
{
    struct selection *selection = read_form(request, NULL);
    field_form_need(reply, "os", selection->os ? selection->os : "");
    field_form_need(reply, "release", selection->release ? selection->release : "");
    enum error_code code = api_fields_valid(reply, err);
    return code ? code : select_from(request, reply, selection, err);
}

enum error_code boot_selection_read(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    return answer(request, reply, source_of(request), field_form_id(api_path(request, "id")), err);
}

enum error_code boot_selection_update(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    const char *id = field_form_id(api_path(request, "id"));
    enum error_code code = answer(request, reply, source_of(request), id, err); /* is it there? */
    if (code)
        return code;
    api_reply_begin(reply, request->arena);
    return select_from(request, reply, read_form(request, id), err);
}

enum error_code boot_selection_delete(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    DB_STATEMENT(boot_selection_delete_row, "DELETE FROM boot_source_selection WHERE "
                                            "boot_source_id = $1::bigint AND id = $2::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &boot_selection_delete_row,
                 DB_PARAMS(source_of(request), field_form_id(api_path(request, "id"))), &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_NOT_FOUND, "No BootSourceSelection matches the given query.");
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
