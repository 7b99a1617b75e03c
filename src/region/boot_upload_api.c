/*
 * Uploads of images, whole or in parts. Source: MAAS API 2.0 12.2.
 */
#include <ctype.h>
#include <string.h>

#include "src/model/image_type.h"
#include "src/region/api_reply.h"
#include "src/region/boot_resource.h"
#include "src/region/field_form.h"
#include "src/region/http.h"
#include "src/region/image_upload.h"
#include "src/region/routes.h"
#include "src/wire/digest.h"

struct upload {
    const char *os, *release, *arch, *subarch, *title, *base_image;
    const struct image_type *type;
    const char *sha256, *size; /* as parameters */
    const char *content;       /* NULL: it comes in parts */
    size_t content_size;
    const char *resource_id, *file_id; /* once they have rows */
};

/* Letters, digits and a few marks: it becomes part of paths. */
static bool is_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._+-", *p))
            return false;
    return *text && strlen(text) <= 100;
}

/* "os/release"; a bare name is a custom image's. */
static void read_name(struct api_request *request, struct api_reply *reply, struct upload *upload)
{
    const char *name = api_param(request, "name");
    if (!field_form_need(reply, "name", name ? name : "") || !name)
        return;
    const char *slash = strchr(name, '/');
    upload->os = slash ? arena_strndup(request->arena, name, (size_t)(slash - name)) : "custom";
    upload->release = slash ? slash + 1 : name;
    if (!is_name(upload->os) || !is_name(upload->release))
        api_field_error(reply, "name",
                        "'%.100s': expected a name of letters, digits, '.', '_', '+' and '-', or "
                        "OS/NAME.",
                        name);
}

static void read_architecture(struct api_request *request, struct api_reply *reply,
                              struct upload *upload)
{
    const char *text = api_param(request, "architecture");
    if (!field_form_need(reply, "architecture", text ? text : "") || !text)
        return;
    const char *slash = strchr(text, '/');
    upload->arch = slash ? arena_strndup(request->arena, text, (size_t)(slash - text)) : text;
    upload->subarch = slash ? slash + 1 : "generic";
    if (!is_name(upload->arch) || !is_name(upload->subarch))
        api_field_error(reply, "architecture", "'%.60s' is not a valid architecture.", text);
}

static void read_file(struct api_request *request, struct api_reply *reply, struct upload *upload)
{
    const char *filetype = api_param(request, "filetype");
    int64_t size = -1;
    upload->type = image_type_of_upload(filetype && *filetype ? filetype : "tgz");
    if (!upload->type)
        api_field_error(reply, "filetype", "'%.40s' is not a valid filetype.", filetype);
    upload->content = api_content(request, "content", &upload->content_size);
    if (upload->content) {
        char *sha256 = arena_alloc(request->arena, DIGEST_TEXT);
        digest_sha256_text(upload->content, upload->content_size, sha256);
        const char *said = api_param(request, "sha256");
        if (said && *said && strcasecmp(said, sha256) != 0)
            api_field_error(reply, "sha256", "The content has another: %s", sha256);
        if (!upload->content_size)
            api_field_error(reply, "content", "The submitted file is empty.");
        upload->sha256 = sha256;
        upload->size = db_number(request->arena, (int64_t)upload->content_size);
        return;
    }
    uint8_t digest[DIGEST_BYTES];
    const char *sha256 = api_param(request, "sha256");
    if (field_form_need(reply, "sha256", sha256 ? sha256 : "")) {
        char *text = arena_alloc(request->arena, DIGEST_TEXT);
        if (!digest_hex_parse(sha256, digest, sizeof(digest)))
            api_field_error(reply, "sha256", "Expected 64 hexadecimal digits.");
        else
            digest_hex(digest, sizeof(digest), text);
        upload->sha256 = text;
    }
    if (field_form_need(reply, "size",
                        api_param(request, "size") ? api_param(request, "size") : "") &&
        (api_param_int(request, "size", &size, NULL) || size < 1 || size > (int64_t)1 << 44))
        api_field_error(reply, "size", "Enter a whole number from 1 to 17592186044416.");
    upload->size = db_number(request->arena, size);
}

static enum error_code write_rows(struct db *db, struct upload *upload, struct arena *arena,
                                  struct error *err)
{
    DB_STATEMENT(
        boot_upload_resource,
        "INSERT INTO boot_resource (os, release, arch, subarch, title, base_image, kflavor) "
        "VALUES ($1, $2, $3, $4, coalesce($5, ''), $6, 'generic') "
        "ON CONFLICT (coalesce(boot_source_id, 0), os, release, arch, subarch) DO UPDATE SET "
        "title = coalesce($5, boot_resource.title), "
        "base_image = coalesce($6, boot_resource.base_image), updated = now() RETURNING id");
    /* versions are days; a second one of a day gets a number, above those that are left */
    DB_STATEMENT(
        boot_upload_set,
        "WITH day AS (SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AS name), "
        "used AS (SELECT max(CASE WHEN version = day.name THEN 0 ELSE "
        "split_part(version, '.', 2)::int END) + 1 AS n "
        "FROM boot_resource_set, day WHERE resource_id = $1::bigint "
        "AND (version = day.name OR version ~ ('^' || day.name || '[.][0-9]{1,6}$'))), "
        "added AS (INSERT INTO boot_resource_set (resource_id, version, label) SELECT $1::bigint, "
        "day.name || coalesce('.' || used.n, ''), 'uploaded' "
        "FROM day, used RETURNING id) "
        "INSERT INTO boot_resource_file (set_id, filename, filetype, sha256, size) "
        "SELECT id, $2, $2, $3, $4::bigint FROM added RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows resource = {0}, file = {0};
    enum error_code code = db_query(db, &boot_upload_resource,
                                    DB_PARAMS(upload->os, upload->release, upload->arch,
                                              upload->subarch, upload->title, upload->base_image),
                                    &resource, err);
    if (code)
        return code;
    upload->resource_id = arena_strdup(arena, db_text(&resource, 0, 0));
    code =
        db_query(db, &boot_upload_set,
                 DB_PARAMS(upload->resource_id, upload->type->name, upload->sha256, upload->size),
                 &file, err);
    if (!code)
        upload->file_id = arena_strdup(arena, db_text(&file, 0, 0));
    return code;
}

static enum error_code finish(struct api_request *request, const char *file_id, struct error *err)
{
    const struct http_settings *settings = http_settings(request->http);
    struct image_upload_place place = {settings->blobs, settings->region};
    return image_upload_finish(request->db, &place, file_id, request->arena, err);
}

static enum error_code answer_after(struct db *db, void *subject, struct error *err)
{
    struct api_request *request = ((void **)subject)[0];
    struct api_reply *reply = ((void **)subject)[1];
    const struct upload *upload = request->after_subject;
    (void)db;
    api_reply_begin(reply, request->arena);
    reply->status = 201;
    return boot_resource_reply(request, reply, upload->resource_id, err);
}

static enum error_code finish_created(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    const struct upload *upload = request->after_subject;
    void *both[] = {request, reply};
    enum error_code code = finish(request, upload->file_id, err);
    return code ? code : db_transact(request->db, DB_READ, answer_after, both, err);
}

/* Bytes that some region has already need not come again. */
static enum error_code take_content(struct api_request *request, const struct upload *upload,
                                    bool *whole, struct error *err)
{
    struct image_upload_part part = {upload->resource_id, upload->file_id, upload->content,
                                     upload->content_size};
    enum error_code code = image_upload_take(request->db, &part, request->arena, whole, err);
    return code == ERR_BAD_INPUT ? ERR_OK : code;
}

enum error_code boot_resources_create(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    struct upload *upload = ARENA_NEW(request->arena, struct upload);
    bool whole = false;
    *upload = (struct upload){.title = api_param(request, "title"),
                              .base_image = api_param(request, "base_image")};
    read_name(request, reply, upload);
    read_architecture(request, reply, upload);
    read_file(request, reply, upload);
    enum error_code code = api_fields_valid(reply, err);
    code = code ? code : write_rows(request->db, upload, request->arena, err);
    if (!code && upload->content)
        code = take_content(request, upload, &whole, err);
    if (code)
        return code;
    reply->status = 201;
    if (!whole)
        return boot_resource_reply(request, reply, upload->resource_id, err);
    api_after(request, finish_created, upload);
    return ERR_OK;
}

static enum error_code finish_sent(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    enum error_code code = finish(request, request->after_subject, err);
    if (!code)
        api_reply_text(reply, 200, "OK");
    return code;
}

enum error_code boot_resource_upload(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    struct image_upload_part part = {.resource_id = field_form_id(api_path(request, "id")),
                                     .file_id = field_form_id(api_path(request, "file_id"))};
    bool whole = false;
    part.bytes = api_body(request, &part.size);
    enum error_code code = image_upload_take(request->db, &part, request->arena, &whole, err);
    if (code)
        return code;
    api_reply_text(reply, 200, "OK");
    if (whole)
        api_after(request, finish_sent, arena_strdup(request->arena, part.file_id));
    return ERR_OK;
}
