/*
 * Certificates of people, for the systems that are installed for them: the actions of
 * account/prefs/sslkeys/. Source: MAAS API 2.0, sslkeys.
 */
#include <string.h>

#include "src/region/event_store.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/wire/certificate.h"

enum { KEY_BYTES = 64 << 10 };

#define SSLKEY_SQL                                                                                \
    "SELECT to_json(o) FROM (SELECT k.id, k.key, '/MAAS/api/2.0/account/prefs/sslkeys/' || k.id " \
    "|| '/' AS resource_uri FROM ssl_key k WHERE "

DB_STATEMENT(sslkey_one, SSLKEY_SQL "k.id::text = $1) o");

enum error_code sslkeys_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(sslkey_list, SSLKEY_SQL "k.account_id = $1) o ORDER BY o.id");
    return rows_reply_list(request, reply, &sslkey_list,
                           DB_PARAMS(db_number(request->arena, request->user->id)), err);
}

static enum error_code note(struct api_request *request, const char *what, const char *id,
                            struct error *err)
{
    return event_audit(request, "AUTHORISATION",
                       arena_printf(request->arena, "%s SSL key %s.", what, id), err);
}

enum error_code sslkeys_create(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    DB_STATEMENT(sslkey_create, "INSERT INTO ssl_key (account_id, key) VALUES ($1, $2) "
                                "ON CONFLICT DO NOTHING RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *text;
    enum error_code code = api_need_text(request, "key", &text, err);
    if (code)
        return code;
    const char *key = arena_trim(request->arena, text);
    if (strlen(key) > KEY_BYTES || !certificate_is_pem(key))
        api_field_error(reply, "key", "Invalid SSL key: expected a certificate in PEM form.");
    code = api_fields_valid(reply, err);
    if (!code)
        code = db_query(request->db, &sslkey_create,
                        DB_PARAMS(db_number(request->arena, request->user->id), key), &rows, err);
    if (!code && !rows.count) {
        api_field_error(reply, "key", "This key has already been added for this user.");
        code = api_fields_valid(reply, err);
    }
    if (!code)
        code = note(request, "Created", db_text(&rows, 0, 0), err);
    if (code)
        return code;
    struct rows_one one = {&sslkey_one, "SSLKey"};
    code = rows_reply_one(request, reply, &one, DB_PARAMS(db_text(&rows, 0, 0)), err);
    reply->status = 201;
    return code;
}

/* There is one, and it is the caller's. */
static enum error_code check_own(struct api_request *request, struct error *err)
{
    DB_STATEMENT(sslkey_owner, "SELECT account_id FROM ssl_key WHERE id::text = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &sslkey_owner, DB_PARAMS(api_path(request, "id")), &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "No SSLKey matches the given query.");
    if (!code && db_int(&rows, 0, 0) != request->user->id)
        return error_set(err, ERR_FORBIDDEN, "Can't touch a key of another user.");
    return code;
}

enum error_code sslkey_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct rows_one one = {&sslkey_one, "SSLKey"};
    enum error_code code = check_own(request, err);
    return code ? code
                : rows_reply_one(request, reply, &one, DB_PARAMS(api_path(request, "id")), err);
}

enum error_code sslkey_delete(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    DB_STATEMENT(sslkey_remove, "DELETE FROM ssl_key WHERE id::text = $1");
    enum error_code code = check_own(request, err);
    if (!code)
        code = db_query(request->db, &sslkey_remove, DB_PARAMS(api_path(request, "id")), NULL, err);
    if (!code)
        code = note(request, "Deleted", api_path(request, "id"), err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
