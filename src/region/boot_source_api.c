/*
 * Sources of images and what is selected from them. Source: MAAS API 2.0 12.1.
 */
#include <string.h>

#include "src/region/field_form.h"
#include "src/region/image_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/wire/digest.h"

enum { URL_BYTES = 2048 };

static enum error_code answer(struct api_request *request, struct api_reply *reply, const char *id,
                              struct error *err)
{
    DB_STATEMENT(boot_source_one,
                 "SELECT to_json(r) FROM (" BOOT_SOURCE_SQL ") r WHERE id = $1::bigint");
    struct rows_one one = {&boot_source_one, "BootSource"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

/* What a form says of a source; NULL = it does not. */
struct source_form {
    const char *url, *keyring_filename;
    const char *keyring_hex; /* as the database reads bytes: "\x..." */
};

static void check_url(struct api_reply *reply, const char *url)
{
    bool http = !strncmp(url, "http://", 7) && url[7];
    bool https = !strncmp(url, "https://", 8) && url[8];
    if ((!http && !https) || strlen(url) > URL_BYTES || url[strcspn(url, " \t\r\n\"<>?#")])
        api_field_error(reply, "url", "Enter a valid URL.");
}

/* A file's bytes; of a plain parameter base64, or armour as it is. */
static const char *keyring_hex(struct api_request *request, struct api_reply *reply)
{
    size_t size = 0;
    const char *bytes = api_content(request, "keyring_data", &size);
    if (bytes && !api_file(request, "keyring_data") && strncmp(bytes, "-----BEGIN ", 11) != 0)
        bytes = digest_base64_parse(request->arena, bytes, size, &size);
    else if (!bytes)
        return NULL;
    if (!bytes) {
        api_field_error(reply, "keyring_data", "Expected a file, or base64.");
        return NULL;
    }
    char *hex = arena_alloc(request->arena, size * 2 + 3);
    strcpy(hex, "\\x");
    digest_hex(bytes, size, hex + 2);
    return hex;
}

static void read_form(struct api_request *request, struct api_reply *reply,
                      struct source_form *form)
{
    const char *file = api_param(request, "keyring_filename");
    *form = (struct source_form){api_param(request, "url"), file, keyring_hex(request, reply)};
    if (form->url)
        check_url(reply, form->url);
    if (file && *file && *file != '/')
        api_field_error(reply, "keyring_filename", "Expected an absolute path.");
}

static bool is_empty(const char *text)
{
    return !text || !*text || !strcmp(text, "\\x");
}

static enum error_code taken(struct api_request *request, struct api_reply *reply,
                             enum error_code code, struct error *err)
{
    if (code != ERR_CONFLICT || strcmp(db_constraint(request->db), "boot_source_url_once") != 0)
        return code;
    api_field_error(reply, "url", "Boot source with this Url already exists.");
    return api_fields_valid(reply, err);
}

enum error_code boot_sources_read(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    DB_STATEMENT(boot_source_list, "SELECT to_json(r) FROM (" BOOT_SOURCE_SQL ") r ORDER BY id");
    return rows_reply_list(request, reply, &boot_source_list, DB_NO_PARAMS, err);
}

enum error_code boot_sources_create(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(boot_source_create,
                 "INSERT INTO boot_source (url, keyring_filename, keyring_data) VALUES "
                 "($1, coalesce($2, ''), coalesce($3::bytea, '')) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct source_form form;
    read_form(request, reply, &form);
    if (!form.url)
        api_field_error(reply, "url", "This field is required.");
    if (is_empty(form.keyring_filename) && is_empty(form.keyring_hex))
        api_field_error(reply, "__all__",
                        "One of keyring_data or keyring_filename must be specified.");
    if (!is_empty(form.keyring_filename) && !is_empty(form.keyring_hex))
        api_field_error(reply, "__all__",
                        "Only one of keyring_filename or keyring_data can be specified.");
    enum error_code code = api_fields_valid(reply, err);
    if (!code)
        code = db_query(request->db, &boot_source_create,
                        DB_PARAMS(form.url, form.keyring_filename, form.keyring_hex), &rows, err);
    if (code)
        return taken(request, reply, code, err);
    reply->status = 201;
    return answer(request, reply, db_text(&rows, 0, 0), err);
}

enum error_code boot_source_read(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    return answer(request, reply, field_form_id(api_path(request, "id")), err);
}

enum error_code boot_source_update(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    /* a keyring that is given takes the place of the one there was, whichever kind either is */
    DB_STATEMENT(boot_source_update_row,
                 "UPDATE boot_source SET url = coalesce($2, url), "
                 "keyring_filename = CASE WHEN $4::bytea IS NOT NULL THEN '' "
                 "ELSE coalesce($3, keyring_filename) END, "
                 "keyring_data = CASE WHEN $3::text IS NOT NULL THEN '' "
                 "ELSE coalesce($4::bytea, keyring_data) END, "
                 "read = NULL, problem = '', updated = now() WHERE id = $1::bigint");
    const char *id = field_form_id(api_path(request, "id"));
    struct source_form form;
    read_form(request, reply, &form);
    if (form.keyring_filename && form.keyring_hex)
        api_field_error(reply, "__all__",
                        "Only one of keyring_filename or keyring_data can be specified.");
    else if ((form.keyring_filename && is_empty(form.keyring_filename)) ||
             (form.keyring_hex && is_empty(form.keyring_hex)))
        api_field_error(reply, "__all__",
                        "One of keyring_data or keyring_filename must be specified.");
    enum error_code code = api_fields_valid(reply, err);
    if (!code)
        code =
            db_query(request->db, &boot_source_update_row,
                     DB_PARAMS(id, form.url, form.keyring_filename, form.keyring_hex), NULL, err);
    return code ? taken(request, reply, code, err) : answer(request, reply, id, err);
}

enum error_code boot_source_delete(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    DB_STATEMENT(boot_source_delete_row, "DELETE FROM boot_source WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &boot_source_delete_row,
                                    DB_PARAMS(field_form_id(api_path(request, "id"))), &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_NOT_FOUND, "No BootSource matches the given query.");
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
