/* Files that users keep with the region: the actions of files/. Source: MAAS API 2.0, files. */
#include <string.h>

#include "src/region/routes.h"
#include "src/region/value_sql.h"
#include "src/wire/digest.h"

enum { NAME_CHARACTERS = 255, CONTENT_BYTES = 16 << 20, FILES_MOST = 1000 };

#define CONTENT_SQL VALUE_BASE64_SQL("content")

/* All but the name is NULL when it was not asked for. */
struct stored {
    const char *name, *key, *content;
};

static void write_file(struct api_request *request, struct json_out *out,
                       const struct stored *stored)
{
    struct arena *arena = request->arena;
    json_out_open_object(out, NULL);
    json_out_text(out, "filename", stored->name);
    json_out_text(out, "anon_resource_uri",
                  arena_printf(arena, "/MAAS/api/2.0/files/?op=get_by_key&key=%s", stored->key));
    json_out_text(out, "resource_uri",
                  arena_printf(arena, "/MAAS/api/2.0/files/%s/", form_encode(arena, stored->name)));
    if (stored->content)
        json_out_text(out, "content", stored->content);
    json_out_close_object(out);
}

static const char *owner_of(const struct api_request *request)
{
    return db_number(request->arena, request->user->id);
}

enum error_code files_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(file_list, "SELECT filename, key FROM stored_file WHERE owner_id = $1 "
                            "AND starts_with(filename, $2) ORDER BY filename");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *prefix = api_param(request, "prefix");
    enum error_code code = db_query(request->db, &file_list,
                                    DB_PARAMS(owner_of(request), prefix ? prefix : ""), &rows, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    for (int i = 0; i < rows.count; i++)
        write_file(request, out,
                   &(struct stored){db_text(&rows, i, 0), db_text(&rows, i, 1), NULL});
    json_out_close_list(out);
    return ERR_OK;
}

/* The one file of the request, whatever its part is called. */
static enum error_code read_upload(struct api_request *request, const struct api_file **file,
                                   struct error *err)
{
    if (api_file_count(request) != 1)
        return error_set(err, ERR_BAD_INPUT, "Exactly one file must be supplied");
    *file = api_file_at(request, 0);
    return (*file)->size <= CONTENT_BYTES
               ? ERR_OK
               : error_set(err, ERR_TOO_LARGE, "A file has at most %d bytes.", CONTENT_BYTES);
}

static enum error_code need_name(struct api_request *request, const char **name, struct error *err)
{
    *name = api_param(request, "filename");
    if (!*name || !**name)
        return error_set(err, ERR_BAD_INPUT, "Filename not supplied");
    return strlen(*name) <= NAME_CHARACTERS
               ? ERR_OK
               : error_set(err, ERR_BAD_INPUT, "A file's name has at most %d characters.",
                           NAME_CHARACTERS);
}

enum error_code files_create(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(file_keep,
                 "INSERT INTO stored_file (owner_id, filename, content) SELECT $1, $2, "
                 "decode($3, 'base64') WHERE (SELECT count(*) FROM stored_file WHERE owner_id = $1 "
                 "AND filename <> $2) < $4::int ON CONFLICT (owner_id, filename) DO UPDATE SET "
                 "content = excluded.content, updated = now()");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const struct api_file *file = NULL;
    const char *name;
    enum error_code code = need_name(request, &name, err);
    if (!code)
        code = read_upload(request, &file, err);
    if (code)
        return code;
    code = db_query(request->db, &file_keep,
                    DB_PARAMS(owner_of(request), name,
                              digest_base64(request->arena, file->bytes, file->size),
                              db_number(request->arena, FILES_MOST)),
                    &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_BAD_INPUT, "A user has at most %d files.", FILES_MOST);
    if (!code)
        api_reply_text(reply, 201, "%s", "");
    return code;
}

/* row: filename, key, content in base64. */
static enum error_code find(struct api_request *request, const char *name, struct db_rows *rows,
                            struct error *err)
{
    DB_STATEMENT(file_find, "SELECT filename, key, " CONTENT_SQL
                            " FROM stored_file WHERE owner_id = $1 AND filename = $2");
    enum error_code code =
        db_query(request->db, &file_find, DB_PARAMS(owner_of(request), name), rows, err);
    return !code && !rows->count ? error_set(err, ERR_NOT_FOUND, "File not found") : code;
}

static void reply_bytes(struct api_request *request, struct api_reply *reply, const char *base64)
{
    size_t size;
    const char *bytes = digest_base64_parse(request->arena, base64, strlen(base64), &size);
    ASSERT(bytes);
    api_reply_bytes(reply, "application/octet-stream", bytes, size);
}

enum error_code files_get(struct api_request *request, struct api_reply *reply, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *name;
    enum error_code code = need_name(request, &name, err);
    if (!code)
        code = find(request, name, &rows, err);
    if (!code)
        reply_bytes(request, reply, db_text(&rows, 0, 2));
    return code;
}

enum error_code files_get_by_key(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    DB_STATEMENT(file_of_key,
                 "SELECT encode(content, 'base64') FROM stored_file WHERE key::text = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *key;
    enum error_code code = api_need(request, "key", &key, err);
    if (!code)
        code = db_query(request->db, &file_of_key, DB_PARAMS(key), &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "File not found");
    if (!code)
        reply_bytes(request, reply, db_text(&rows, 0, 0));
    return code;
}

enum error_code file_read_one(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = find(request, api_path(request, "filename"), &rows, err);
    if (!code)
        write_file(
            request, api_reply_json(reply),
            &(struct stored){db_text(&rows, 0, 0), db_text(&rows, 0, 1), db_text(&rows, 0, 2)});
    return code;
}

static enum error_code remove_file(struct api_request *request, struct api_reply *reply,
                                   const char *name, struct error *err)
{
    DB_STATEMENT(file_remove, "DELETE FROM stored_file WHERE owner_id = $1 AND filename = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &file_remove, DB_PARAMS(owner_of(request), name), &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_NOT_FOUND, "File not found");
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}

enum error_code files_delete(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    const char *name;
    enum error_code code = need_name(request, &name, err);
    return code ? code : remove_file(request, reply, name, err);
}

enum error_code file_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return remove_file(request, reply, api_path(request, "filename"), err);
}
