/* Browser sessions: see session_store.h. */
#include "src/region/session_store.h"

#include <string.h>

#include "src/wire/digest.h"

static void digest_of(const char *cookie, char digest[DIGEST_TEXT])
{
    digest_sha256_text(cookie, strlen(cookie), digest);
}

enum error_code session_store_create(struct db *db, struct session_new *session,
                                     struct arena *arena, struct error *err)
{
    DB_STATEMENT(session_create,
                 "WITH login AS (UPDATE account SET last_login = now() WHERE id = $2) "
                 "INSERT INTO session (digest, account_id, csrf, expires) "
                 "VALUES ($1, $2, $3, now() + make_interval(secs => $4::bigint))");
    char digest[DIGEST_TEXT];
    char *cookie = arena_alloc(arena, SESSION_COOKIE_CHARS + 1);
    char *csrf = arena_alloc(arena, SESSION_COOKIE_CHARS + 1);
    digest_random_text(cookie, SESSION_COOKIE_CHARS);
    digest_random_text(csrf, SESSION_COOKIE_CHARS);
    digest_of(cookie, digest);
    session->cookie = cookie;
    session->csrf = csrf;
    return db_query(db, &session_create,
                    DB_PARAMS(digest, db_number(arena, session->account_id), csrf,
                              db_number(arena, session->length_s)),
                    NULL, err);
}

enum error_code session_store_find(struct db *db, const char *cookie, struct arena *arena,
                                   struct session *session, bool *found, struct error *err)
{
    DB_STATEMENT(session_find,
                 "SELECT a.id, a.username, a.email, a.is_superuser, a.is_active, s.csrf "
                 "FROM session s JOIN account a ON a.id = s.account_id "
                 "WHERE s.digest = $1 AND s.expires > now()");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    char digest[DIGEST_TEXT];
    digest_of(cookie, digest);
    enum error_code code = db_query(db, &session_find, DB_PARAMS(digest), &rows, err);
    *found = !code && rows.count;
    if (!*found)
        return code;
    session->user = (struct api_user){
        .id = db_int(&rows, 0, 0),
        .username = arena_strdup(arena, db_text(&rows, 0, 1)),
        .email = arena_strdup(arena, db_text(&rows, 0, 2)),
        .is_superuser = db_bool(&rows, 0, 3),
    };
    session->is_active = db_bool(&rows, 0, 4);
    session->csrf = arena_strdup(arena, db_text(&rows, 0, 5));
    return ERR_OK;
}

enum error_code session_store_delete(struct db *db, const char *cookie, struct error *err)
{
    DB_STATEMENT(session_delete, "DELETE FROM session WHERE digest = $1");
    char digest[DIGEST_TEXT];
    digest_of(cookie, digest);
    return db_query(db, &session_delete, DB_PARAMS(digest), NULL, err);
}

enum error_code session_store_sweep(struct db *db, struct error *err)
{
    DB_STATEMENT(session_sweep, "DELETE FROM session WHERE expires < now()");
    return db_query(db, &session_sweep, DB_NO_PARAMS, NULL, err);
}
