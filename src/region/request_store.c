/* Exactly once: see request_store.h. */
#include "src/region/request_store.h"

#include <string.h>

#include "src/wire/digest.h"
#include "src/wire/seal.h"

/* Answers of writes are small; a larger one is kept by its status alone. */
enum { KEPT_BYTES = 1 << 20 };

/* Some answers are keys: all are sealed. */
static const char *purpose_of(struct arena *arena, const char *id)
{
    return arena_printf(arena, "answer %s", id);
}

static enum error_code open_body(const struct request_claim *claim, const char *sealed,
                                 struct api_reply *reply, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    enum error_code code = seal_open(claim->ring, purpose_of(reply->arena, claim->id), sealed,
                                     reply->arena, &text, err);
    if (code)
        return error_wrap(err, "the answer of %s", claim->id);
    char *bytes = digest_base64_parse(reply->arena, text, strlen(text), &size);
    ASSERT(bytes);
    api_reply_bytes(reply, reply->content_type, bytes, size);
    return ERR_OK;
}

static enum error_code answer_again(struct db *db, const struct request_claim *claim,
                                    struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(request_repeat,
                 "UPDATE request SET created = created WHERE id = $1 "
                 "RETURNING subject, status, content_type, convert_from(result, 'UTF8')");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &request_repeat, DB_PARAMS(claim->id), &rows, err);
    if (code)
        return code;
    if (!rows.count) /* swept between the two statements */
        return error_set(err, ERR_BUSY, "The request met another one; try again.");
    if (strcmp(db_text(&rows, 0, 0), claim->subject))
        return error_set(err, ERR_CONFLICT, "This X-Request-Id was used for another request.");
    if (db_is_null(&rows, 0, 1)) /* see api_after */
        return error_set(err, ERR_BUSY, "The request is still being carried out; try again.");
    const char *sealed = db_text(&rows, 0, 3);
    api_reply_bytes(reply, arena_strdup(reply->arena, db_text(&rows, 0, 2)), "", 0);
    code = sealed ? open_body(claim, sealed, reply, err) : ERR_OK;
    reply->status = (int)db_int(&rows, 0, 1);
    return code;
}

enum error_code request_store_claim(struct db *db, struct request_claim *claim,
                                    struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(request_claim,
                 "INSERT INTO request (id, subject) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &request_claim, DB_PARAMS(claim->id, claim->subject), &rows, err);
    claim->repeated = !code && rows.affected == 0;
    return claim->repeated ? answer_again(db, claim, reply, err) : code;
}

enum error_code request_store_keep(struct db *db, const struct request_claim *claim,
                                   struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(request_keep, "UPDATE request SET status = $2, content_type = $3, "
                               "result = convert_to($4, 'UTF8') WHERE id = $1");
    struct spool *body = &reply->body;
    bool kept = body->fd < 0 && body->used && body->used <= KEPT_BYTES;
    const char *text =
        kept ? seal_close(claim->ring, purpose_of(reply->arena, claim->id),
                          digest_base64(reply->arena, body->bytes, body->used), reply->arena)
             : NULL;
    return db_query(
        db, &request_keep,
        DB_PARAMS(claim->id, db_number(reply->arena, reply->status), reply->content_type, text),
        NULL, err);
}

enum error_code request_store_forget(struct db *db, const char *id, struct error *err)
{
    DB_STATEMENT(request_forget, "DELETE FROM request WHERE id = $1");
    return db_query(db, &request_forget, DB_PARAMS(id), NULL, err);
}

enum error_code request_store_sweep(struct db *db, struct error *err)
{
    DB_STATEMENT(request_sweep,
                 "DELETE FROM request WHERE id IN (SELECT id FROM request "
                 "WHERE created < now() - interval '1 day' ORDER BY created LIMIT 1000)");
    return db_query(db, &request_sweep, DB_NO_PARAMS, NULL, err);
}
