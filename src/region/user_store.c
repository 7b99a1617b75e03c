/* People in the database: see user_store.h. */
#include "src/region/user_store.h"

#include <stdatomic.h>

#include "src/region/token_store.h"
#include "src/wire/digest.h"

/* A password's digest is made to be slow: more than this at once would starve the rest. */
enum { LOGINS_AT_ONCE = 4 };

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
    struct token_for whose = {0};
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

/* Columns: id, username, email, is_superuser. */
static struct api_user user_of(const struct db_rows *rows, struct arena *arena)
{
    return (struct api_user){
        .id = db_int(rows, 0, 0),
        .username = arena ? arena_strdup(arena, db_text(rows, 0, 1)) : db_text(rows, 0, 1),
        .email = arena ? arena_strdup(arena, db_text(rows, 0, 2)) : db_text(rows, 0, 2),
        .is_superuser = db_bool(rows, 0, 3),
    };
}

enum error_code user_store_find(struct db *db, const char *username, struct arena *arena,
                                struct api_user *user, struct error *err)
{
    DB_STATEMENT(user_find,
                 "SELECT id, username, email, is_superuser FROM account WHERE username = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &user_find, DB_PARAMS(username), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No User matches the given query.");
    *user = user_of(&rows, arena);
    return ERR_OK;
}

/* Also for a name that nobody has: how long it takes must not tell. */
static enum error_code password_fits(const char *password, const char *stored, bool *fits,
                                     struct error *err)
{
    static atomic_int at_work;
    static const char nobody[] = "scrypt$16384$8$1$00000000000000000000000000000000$"
                                 "00000000000000000000000000000000"
                                 "00000000000000000000000000000000";
    enum error_code code = ERR_OK;
    if (atomic_fetch_add(&at_work, 1) < LOGINS_AT_ONCE)
        *fits = digest_password_fits(password, stored ? stored : nobody) && stored;
    else
        code = error_set(err, ERR_LIMIT, "Too many logins at once.");
    atomic_fetch_sub(&at_work, 1);
    return code;
}

enum error_code user_store_check_password(struct db *db, const char *username, const char *password,
                                          struct arena *arena, struct api_user *user,
                                          struct error *err)
{
    DB_STATEMENT(user_password, "SELECT id, username, email, is_superuser, password, is_active "
                                "FROM account WHERE username = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    bool fits = false;
    enum error_code code = db_query(db, &user_password, DB_PARAMS(username), &rows, err);
    if (!code)
        code = password_fits(password, rows.count ? db_text(&rows, 0, 4) : NULL, &fits, err);
    if (code)
        return code;
    if (!fits)
        return error_set(err, ERR_UNAUTHORIZED,
                         "Please enter a correct username and password. Note that both fields may "
                         "be case-sensitive.");
    if (!db_bool(&rows, 0, 5))
        return error_set(err, ERR_FORBIDDEN, "This account is inactive.");
    *user = user_of(&rows, arena);
    return ERR_OK;
}

struct each {
    user_store_each_function *function;
    void *subject;
};

static enum error_code on_row(void *subject, const struct db_rows *rows, struct error *err)
{
    const struct each *each = subject;
    struct api_user user = user_of(rows, NULL);
    (void)err;
    each->function(each->subject, &user);
    return ERR_OK;
}

enum error_code user_store_each(struct db *db, user_store_each_function *function, void *subject,
                                struct error *err)
{
    DB_STATEMENT(user_list, "SELECT id, username, email, is_superuser FROM account "
                            "ORDER BY username");
    struct each each = {function, subject};
    return db_each(db, &user_list, DB_NO_PARAMS, on_row, &each, err);
}

enum error_code user_store_delete(struct db *db, int64_t id, struct arena *arena, struct error *err)
{
    DB_STATEMENT(user_delete, "DELETE FROM account WHERE id = $1");
    return db_query(db, &user_delete, DB_PARAMS(db_number(arena, id)), NULL, err);
}

enum error_code user_store_any(struct db *db, bool *any, struct error *err)
{
    DB_STATEMENT(user_any, "SELECT EXISTS (SELECT FROM account)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &user_any, DB_NO_PARAMS, &rows, err);
    if (!code)
        *any = db_bool(&rows, 0, 0);
    return code;
}

enum error_code user_store_transfer(struct db *db, int64_t from, int64_t to, struct arena *arena,
                                    struct error *err)
{
    DB_STATEMENT(user_transfer, "SELECT account_transfer($1, $2)");
    return db_query(db, &user_transfer, DB_PARAMS(db_number(arena, from), db_number(arena, to)),
                    NULL, err);
}
