/* Files on their way in: see image_upload.h. */
#include "src/region/image_upload.h"

#include <string.h>

#include "src/region/blob_files.h"
#include "src/region/blob_store.h"
#include "src/wire/digest.h"

/* Parts are kept in pieces of this size, whatever they came in. */
#define PIECE "4194304"

static enum error_code check_room(struct db *db, const struct image_upload_part *part,
                                  struct arena *arena, bool *whole, const char **start,
                                  struct error *err)
{
    DB_STATEMENT(image_upload_find,
                 "SELECT f.received, f.size, EXISTS (SELECT FROM blob_copy c WHERE "
                 "c.sha256 = f.sha256) FROM boot_resource_file f JOIN boot_resource_set s "
                 "ON s.id = f.set_id WHERE f.id = $1::bigint AND s.resource_id = $2::bigint "
                 "AND f.path IS NULL FOR UPDATE OF f");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &image_upload_find, DB_PARAMS(part->file_id, part->resource_id), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No BootResourceFile matches the given query.");
    if (db_bool(&rows, 0, 2))
        return error_set(err, ERR_BAD_INPUT, "Cannot upload to a complete file.");
    if (!part->size)
        return error_set(err, ERR_BAD_INPUT, "Missing content.");
    int64_t received = db_int(&rows, 0, 0), size = db_int(&rows, 0, 1);
    if (part->size > (uint64_t)(size - received))
        return error_set(err, ERR_BAD_INPUT, "Too much data received.");
    *whole = received + (int64_t)part->size == size;
    *start = db_number(arena, received);
    return ERR_OK;
}

enum error_code image_upload_take(struct db *db, const struct image_upload_part *part,
                                  struct arena *arena, bool *whole, struct error *err)
{
    DB_STATEMENT(image_upload_keep,
                 "INSERT INTO boot_upload_chunk (file_id, start, bytes) SELECT $1::bigint, "
                 "$2::bigint + g * " PIECE ", substring($3::bytea FROM (g * " PIECE " + 1)::int "
                 "FOR " PIECE ") FROM generate_series(0, (length($3::bytea) - 1) / " PIECE ") g");
    DB_STATEMENT(image_upload_count,
                 "UPDATE boot_resource_file SET received = received + $2::bigint "
                 "WHERE id = $1::bigint");
    const char *start = NULL;
    enum error_code code = check_room(db, part, arena, whole, &start, err);
    if (code)
        return code;
    char *hex = arena_alloc(arena, part->size * 2 + 3);
    strcpy(hex, "\\x");
    digest_hex(part->bytes, part->size, hex + 2);
    code = db_query(db, &image_upload_keep, DB_PARAMS(part->file_id, start, hex), NULL, err);
    return code ? code
                : db_query(db, &image_upload_count,
                           DB_PARAMS(part->file_id, db_number(arena, (int64_t)part->size)), NULL,
                           err);
}

/* ---- putting together ---- */

struct finishing {
    const struct image_upload_place *place;
    const char *file_id;
    struct arena *arena;
    struct blob_writer writer;
    bool open;
    const char *sha256;
    int64_t size;
};

static enum error_code put_piece(void *subject, const struct db_rows *rows, struct error *err)
{
    struct finishing *finishing = subject;
    const char *hex = db_text(rows, 0, 0);
    size_t size = strlen(hex) / 2;
    struct arena *arena = arena_new();
    uint8_t *bytes = arena_alloc(arena, size + 1);
    ASSERT(digest_hex_parse(hex, bytes, size));
    enum error_code code = blob_writer_put(&finishing->writer, bytes, size, err);
    arena_free(arena);
    return code;
}

static enum error_code read_pieces(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(image_upload_file, "SELECT sha256, size FROM boot_resource_file WHERE "
                                    "id = $1::bigint AND path IS NULL AND received = size");
    DB_STATEMENT(image_upload_pieces,
                 "SELECT encode(bytes, 'hex') FROM boot_upload_chunk WHERE file_id = $1::bigint "
                 "ORDER BY start");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct finishing *finishing = subject;
    if (finishing->open) /* another run of the transaction */
        blob_writer_drop(&finishing->writer);
    finishing->open = false;
    enum error_code code =
        db_query(db, &image_upload_file, DB_PARAMS(finishing->file_id), &rows, err);
    if (!code && !rows.count)
        code = error_set(err, ERR_NOT_FOUND, "there is no such upload");
    if (!code)
        code = blob_writer_open(&finishing->writer, finishing->place->folder, err);
    if (code)
        return code;
    finishing->open = true;
    finishing->sha256 = arena_strdup(finishing->arena, db_text(&rows, 0, 0));
    finishing->size = db_int(&rows, 0, 1);
    return db_each(db, &image_upload_pieces, DB_PARAMS(finishing->file_id), put_piece, finishing,
                   err);
}

DB_STATEMENT(image_upload_forget, "DELETE FROM boot_upload_chunk WHERE file_id = $1::bigint");

static enum error_code note(struct db *db, void *subject, struct error *err)
{
    const struct finishing *finishing = subject;
    enum error_code code = blob_store_note(db, finishing->place->region, finishing->sha256,
                                           finishing->size, finishing->arena, err);
    return code ? code
                : db_query(db, &image_upload_forget, DB_PARAMS(finishing->file_id), NULL, err);
}

static enum error_code start_over(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(image_upload_restart,
                 "UPDATE boot_resource_file SET received = 0 WHERE id = $1::bigint");
    const struct finishing *finishing = subject;
    enum error_code code =
        db_query(db, &image_upload_restart, DB_PARAMS(finishing->file_id), NULL, err);
    return code ? code
                : db_query(db, &image_upload_forget, DB_PARAMS(finishing->file_id), NULL, err);
}

enum error_code image_upload_finish(struct db *db, const struct image_upload_place *place,
                                    const char *file_id, struct arena *arena, struct error *err)
{
    struct finishing finishing = {
        .place = place, .file_id = file_id, .arena = arena, .writer.fd = -1};
    enum error_code code = db_transact(db, DB_READ, read_pieces, &finishing, err);
    if (!code && finishing.writer.size != finishing.size) /* another region was faster */
        code = error_set(err, ERR_NOT_FOUND, "there is no such upload");
    if (code) {
        if (finishing.open)
            blob_writer_drop(&finishing.writer);
        return code;
    }
    code = blob_writer_keep(&finishing.writer, finishing.sha256, err);
    if (!code)
        return db_transact(db, DB_WRITE, note, &finishing, err);
    if (code != ERR_CORRUPT)
        return code;
    code = db_transact(db, DB_WRITE, start_over, &finishing, err);
    return code ? code
                : error_set(err, ERR_BAD_INPUT, "Saved content does not match given SHA256 value.");
}

enum error_code image_upload_left(struct db *db, struct db_rows *rows, struct error *err)
{
    DB_STATEMENT(image_upload_whole,
                 "SELECT f.id FROM boot_resource_file f WHERE f.path IS NULL AND "
                 "f.received = f.size AND f.size > 0 AND NOT EXISTS (SELECT FROM blob_copy c "
                 "WHERE c.sha256 = f.sha256) LIMIT 16");
    return db_query(db, &image_upload_whole, DB_NO_PARAMS, rows, err);
}
