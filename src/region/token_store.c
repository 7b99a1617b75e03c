/* API keys in the database: see token_store.h. */
#include "src/region/token_store.h"

#include <string.h>

#include "src/region/oauth.h"
#include "src/wire/digest.h"

#define DEFAULT_NAME "MAAS consumer"

static const char *purpose_of(struct arena *arena, const char *token_key)
{
    return arena_printf(arena, "token %s", token_key);
}

enum error_code token_store_check(struct db *db, const struct seal_ring *ring,
                                  const struct oauth *oauth, struct arena *arena,
                                  struct token_owner *owner, struct error *err)
{
    DB_STATEMENT(token_check,
                 "SELECT t.secret, t.system_id, a.id, a.username, a.email, a.is_superuser, "
                 "a.is_active FROM api_token t LEFT JOIN account a ON a.id = t.account_id "
                 "WHERE t.token_key = $1 AND t.consumer_key = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    char *secret = NULL;
    enum error_code code =
        db_query(db, &token_check, DB_PARAMS(oauth->token_key, oauth->consumer_key), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_UNAUTHORIZED, "Authorization Error: Invalid API key.");
    code = seal_open(ring, purpose_of(arena, oauth->token_key), db_text(&rows, 0, 0), arena,
                     &secret, err);
    if (code)
        return error_wrap(err, "secret of an API key");
    if (!digest_equal_text(secret, oauth->secret))
        return error_set(err, ERR_UNAUTHORIZED, "Authorization Error: Invalid API key.");
    *owner = (struct token_owner){.system_id = arena_strdup(arena, db_text(&rows, 0, 1))};
    if (owner->system_id)
        return ERR_OK;
    owner->user = (struct api_user){
        .id = db_int(&rows, 0, 2),
        .username = arena_strdup(arena, db_text(&rows, 0, 3)),
        .email = arena_strdup(arena, db_text(&rows, 0, 4)),
        .is_superuser = db_bool(&rows, 0, 5),
    };
    owner->is_active = db_bool(&rows, 0, 6);
    return ERR_OK;
}

enum error_code token_store_create(struct db *db, const struct seal_ring *ring,
                                   const struct token_for *whose, struct arena *arena,
                                   struct token *token, struct error *err)
{
    DB_STATEMENT(token_create,
                 "INSERT INTO api_token (token_key, consumer_key, secret, name, account_id, "
                 "system_id) VALUES ($1, $2, $3, $4, $5, $6)");
    char *consumer_key = arena_alloc(arena, TOKEN_KEY_CHARS + 1);
    char *token_key = arena_alloc(arena, TOKEN_KEY_CHARS + 1);
    char *secret = arena_alloc(arena, TOKEN_SECRET_CHARS + 1);
    digest_random_text(consumer_key, TOKEN_KEY_CHARS);
    digest_random_text(token_key, TOKEN_KEY_CHARS);
    digest_random_text(secret, TOKEN_SECRET_CHARS);
    *token = (struct token){consumer_key, token_key, secret,
                            whose->name && *whose->name ? whose->name : DEFAULT_NAME};
    const char *account = whose->system_id ? NULL : db_number(arena, whose->account_id);
    const char *sealed = seal_close(ring, purpose_of(arena, token_key), secret, arena);
    return db_query(
        db, &token_create,
        DB_PARAMS(token_key, consumer_key, sealed, token->name, account, whose->system_id), NULL,
        err);
}

static enum error_code token_of(const struct db_rows *rows, int row, const struct seal_ring *ring,
                                struct arena *arena, struct token *token, struct error *err)
{
    char *secret = NULL;
    token->consumer_key = arena_strdup(arena, db_text(rows, row, 0));
    token->token_key = arena_strdup(arena, db_text(rows, row, 1));
    token->name = arena_strdup(arena, db_text(rows, row, 3));
    enum error_code code = seal_open(ring, purpose_of(arena, token->token_key),
                                     db_text(rows, row, 2), arena, &secret, err);
    token->secret = secret;
    return code ? error_wrap(err, "secret of an API key") : code;
}

enum error_code token_store_list(struct db *db, const struct seal_ring *ring,
                                 const struct token_for *whose, struct arena *arena,
                                 struct token_list *list, struct error *err)
{
    DB_STATEMENT(token_list,
                 "SELECT consumer_key, token_key, secret, name FROM api_token "
                 "WHERE (account_id = $1 OR system_id = $2) AND ($3::text IS NULL OR name = $3) "
                 "ORDER BY id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *account = whose->system_id ? NULL : db_number(arena, whose->account_id);
    enum error_code code =
        db_query(db, &token_list, DB_PARAMS(account, whose->system_id, whose->name), &rows, err);
    list->count = code ? 0 : rows.count;
    list->tokens = ARENA_ARRAY(arena, struct token, (size_t)list->count + 1);
    for (int i = 0; i < list->count && !code; i++)
        code = token_of(&rows, i, ring, arena, &list->tokens[i], err);
    return code;
}

enum error_code token_store_ensure(struct db *db, const struct seal_ring *ring,
                                   const struct token_for *whose, struct arena *arena,
                                   struct token *token, struct error *err)
{
    struct token_list list;
    struct token_for named = *whose;
    if (!named.name || !*named.name)
        named.name = DEFAULT_NAME;
    enum error_code code = token_store_list(db, ring, &named, arena, &list, err);
    if (code || !list.count)
        return code ? code : token_store_create(db, ring, &named, arena, token, err);
    *token = list.tokens[list.count - 1];
    return ERR_OK;
}

static enum error_code one_changed(enum error_code code, const struct db_rows *rows,
                                   struct error *err)
{
    if (!code && !rows->affected)
        return error_set(err, ERR_NOT_FOUND, "No Token matches the given query.");
    return code;
}

enum error_code token_store_delete(struct db *db, const char *account_id, const char *token_key,
                                   struct error *err)
{
    DB_STATEMENT(token_delete, "DELETE FROM api_token WHERE account_id = $1 AND token_key = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    return one_changed(db_query(db, &token_delete, DB_PARAMS(account_id, token_key), &rows, err),
                       &rows, err);
}

enum error_code token_store_rename(struct db *db, const char *account_id, const char *token_key,
                                   const char *name, struct error *err)
{
    DB_STATEMENT(token_rename,
                 "UPDATE api_token SET name = $3 WHERE account_id = $1 AND token_key = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    return one_changed(
        db_query(db, &token_rename, DB_PARAMS(account_id, token_key, name), &rows, err), &rows,
        err);
}
