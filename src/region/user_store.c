/* People in the database: see user_store.h. */
#include "src/region/user_store.h"

#include "src/region/token_store.h"
#include "src/wire/digest.h"

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

enum error_code user_store_create(struct db *db, const struct user_new *user, struct arena *arena,
                                  int64_t *id, struct error *err)
{
    DB_STATEMENT(user_create, "INSERT INTO account (username, email, password, is_superuser) "
                              "VALUES ($1, $2, $3, $4) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    char *stored = arena_alloc(arena, DIGEST_PASSWORD);
    digest_password(user->password, stored);
    enum error_code code = db_query(
        db, &user_create, DB_PARAMS(user->username, user->email, stored, truth(user->is_superuser)),
        &rows, err);
    if (!code)
        *id = db_int(&rows, 0, 0);
    return code;
}

struct admin_work {
    const struct seal_ring *ring;
    const struct user_new *user;
    struct arena *arena;
    struct token token;
};

static enum error_code create_admin(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(user_find_id, "SELECT id FROM account WHERE username = $1");
    struct admin_work *work = subject;
    struct token_for whose = {.name = "MAAS consumer"};
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &user_find_id, DB_PARAMS(work->user->username), &rows, err);
    if (!code && rows.count)
        whose.account_id = db_int(&rows, 0, 0);
    else if (!code)
        code = user_store_create(db, work->user, work->arena, &whose.account_id, err);
    if (!code)
        code = token_store_create(db, work->ring, &whose, work->arena, &work->token, err);
    return code;
}

enum error_code user_store_create_admin(struct db *db, const struct seal_ring *ring,
                                        const struct user_new *user, struct arena *arena,
                                        const char **key, struct error *err)
{
    struct admin_work work = {ring, user, arena, {0}};
    enum error_code code = db_transact(db, DB_WRITE, create_admin, &work, err);
    if (!code)
        *key = arena_printf(arena, "%s:%s:%s", work.token.consumer_key, work.token.token_key,
                            work.token.secret);
    return code;
}
