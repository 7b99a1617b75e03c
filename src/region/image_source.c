/* Mirrors of images: see image_source.h. */
#include "src/region/image_source.h"

#include <string.h>

#include "src/region/setting.h"
#include "src/region/signed_text.h"
#include "src/wire/digest.h"

enum { ANSWER_MS = 120000, LOADED_MAX = 64 };

/* ---- rows ---- */

static enum error_code find_proxy(struct db *db, struct arena *arena, const char **proxy,
                                  struct error *err)
{
    bool direct = false;
    enum error_code code = setting_proxy(db, arena, proxy, err);
    code = code ? code : setting_bool(db, "boot_images_no_proxy", arena, &direct, err);
    if (direct)
        *proxy = NULL;
    return code;
}

static void take_row(const struct db_rows *rows, int row, const char *proxy, struct arena *arena,
                     struct image_source *source)
{
    const char *url = db_text(rows, row, 1), *hex = db_text(rows, row, 3);
    bool slash = *url && url[strlen(url) - 1] == '/';
    *source = (struct image_source){
        .id = db_int(rows, row, 0),
        .url = arena_printf(arena, "%s%s", url, slash ? "" : "/"),
        .keyring_filename = arena_strdup(arena, db_text(rows, row, 2)),
        .keyring_size = strlen(hex) / 2,
        .proxy = proxy,
    };
    char *bytes = arena_alloc(arena, source->keyring_size + 1);
    digest_hex_parse(hex, (uint8_t *)bytes, source->keyring_size);
    source->keyring = bytes;
}

#define SOURCE_COLUMNS                                                                \
    "SELECT id, url, nullif(keyring_filename, ''), encode(keyring_data, 'hex') FROM " \
    "boot_source "

enum error_code image_source_load(struct db *db, struct arena *arena, struct image_source **sources,
                                  int *count, struct error *err)
{
    DB_STATEMENT(image_source_all, SOURCE_COLUMNS "ORDER BY id LIMIT 64");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *proxy;
    enum error_code code = find_proxy(db, arena, &proxy, err);
    code = code ? code : db_query(db, &image_source_all, DB_NO_PARAMS, &rows, err);
    *sources = ARENA_ARRAY(arena, struct image_source, LOADED_MAX);
    *count = code ? 0 : rows.count;
    for (int i = 0; i < *count; i++)
        take_row(&rows, i, proxy, arena, &(*sources)[i]);
    return code;
}

enum error_code image_source_find(struct db *db, const char *id, struct arena *arena,
                                  struct image_source *source, struct error *err)
{
    DB_STATEMENT(image_source_one, SOURCE_COLUMNS "WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *proxy;
    enum error_code code = find_proxy(db, arena, &proxy, err);
    code = code ? code : db_query(db, &image_source_one, DB_PARAMS(id), &rows, err);
    if (!code && !rows.count)
        code = error_set(err, ERR_NOT_FOUND, "No BootSource matches the given query.");
    if (!code)
        take_row(&rows, 0, proxy, arena, source);
    return code;
}

/* ---- the network ---- */

/* One list, as it was signed. */
static enum error_code fetch(struct http_client *client, const struct image_source *source,
                             const char *path, struct arena *arena, struct signed_text *list,
                             struct error *err)
{
    struct http_client_request request = {.url = arena_printf(arena, "%s%s", source->url, path),
                                          .proxy = source->proxy,
                                          .timeout_ms = ANSWER_MS,
                                          .reply_limit = STREAM_BYTES,
                                          .follow = true};
    struct http_client_reply reply;
    char shown[HTTP_CLIENT_SHOWN], *plain = NULL;
    size_t size = 0;
    enum error_code code = http_client_run(client, &request, arena, &reply, err);
    code = code ? code : http_client_expect(&reply, request.url, err);
    if (code)
        return code;
    struct signed_text signed_text = {.text = reply.body,
                                      .size = reply.body_size,
                                      .keyring_file = source->keyring_filename,
                                      .keyring = source->keyring,
                                      .keyring_size = source->keyring_size};
    code = signed_text_open(&signed_text, arena, &plain, &size, err);
    *list = (struct signed_text){.text = plain, .size = size};
    return code ? error_wrap(err, "%s", http_client_show(request.url, shown)) : ERR_OK;
}

static enum error_code read_lists(struct http_client *client, const struct image_source *source,
                                  const struct stream_index *index, struct arena *arena,
                                  struct stream_products *products, struct error *err)
{
    for (int i = 0; i < index->count; i++) {
        const char *path = index->lists[i].path;
        struct signed_text list;
        char shown[HTTP_CLIENT_SHOWN];
        size_t length = strlen(path);
        if (length < 6 || strcmp(path + length - 6, ".sjson") != 0)
            continue; /* what is not signed is not believed */
        enum error_code code = fetch(client, source, path, arena, &list, err);
        if (code)
            return code;
        if (stream_read_products(list.text, list.size, arena, products, err))
            return error_wrap(err, "%s%s", http_client_show(source->url, shown), path);
    }
    return ERR_OK;
}

enum error_code image_source_read(const struct image_source *source, struct arena *arena,
                                  struct stream_products *products, struct error *err)
{
    struct http_client *client = http_client_new();
    struct stream_index *index = ARENA_NEW(arena, struct stream_index);
    struct signed_text list;
    char shown[HTTP_CLIENT_SHOWN];
    *products = (struct stream_products){0};
    enum error_code code = fetch(client, source, "streams/v1/index.sjson", arena, &list, err);
    if (!code && (code = stream_read_index(list.text, list.size, arena, index, err)))
        error_wrap(err, "%sstreams/v1/index.sjson", http_client_show(source->url, shown));
    if (!code)
        code = read_lists(client, source, index, arena, products, err);
    http_client_free(client);
    return code;
}

/* ---- what it offered ---- */

enum { COLUMNS = 7 };

static enum error_code keep_offers(struct db *db, const char *id,
                                   const struct stream_products *products, struct arena *arena,
                                   struct error *err)
{
    DB_STATEMENT(image_offers_forget,
                 "DELETE FROM boot_source_offer WHERE boot_source_id = $1::bigint");
    DB_STATEMENT(image_offers_keep,
                 "INSERT INTO boot_source_offer (boot_source_id, product, os, release, arch, "
                 "subarch, label, title) SELECT $1::bigint, * FROM unnest($2::text[], $3::text[], "
                 "$4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) "
                 "ON CONFLICT DO NOTHING");
    size_t count = (size_t)products->count;
    const char **columns[COLUMNS], *values[COLUMNS + 1] = {id};
    for (int c = 0; c < COLUMNS; c++)
        columns[c] = ARENA_ARRAY(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct stream_product *p = &products->products[i];
        const char *const row[COLUMNS] = {p->name,    p->os,    p->release, p->arch,
                                          p->subarch, p->label, p->title};
        for (int c = 0; c < COLUMNS; c++)
            columns[c][i] = row[c];
    }
    for (int c = 0; c < COLUMNS; c++)
        values[c + 1] = db_array(arena, columns[c], (int)count);
    enum error_code code = db_query(db, &image_offers_forget, DB_PARAMS(id), NULL, err);
    return code ? code
                : db_query(db, &image_offers_keep, (struct db_params){COLUMNS + 1, values}, NULL,
                           err);
}

enum error_code image_source_note(struct db *db, const struct image_source *source,
                                  const struct stream_products *products, const char *problem,
                                  struct arena *arena, struct error *err)
{
    DB_STATEMENT(image_source_was_read,
                 "UPDATE boot_source SET read = CASE WHEN $2::text IS NULL THEN now() ELSE read "
                 "END, problem = coalesce($2, '') WHERE id = $1::bigint");
    const char *id = db_number(arena, source->id);
    enum error_code code = db_query(db, &image_source_was_read, DB_PARAMS(id, problem), NULL, err);
    return code || problem ? code : keep_offers(db, id, products, arena, err);
}
