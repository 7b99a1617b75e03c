/* People in the database. Runs inside the caller's transaction unless said otherwise. */
#pragma once

#include "src/region/api.h"
#include "src/wire/seal.h"

struct user_new {
    const char *username, *email, *password;
    bool is_superuser;
};

/** Errors: CONFLICT (username taken), BAD_INPUT. Some 50 ms: the password's digest. */
enum error_code user_store_create(struct db *db, const struct user_new *user, struct arena *arena,
                                  int64_t *id, struct error *err);

/**
 * The first administrator and a key for the CLI, in a transaction of its own: for `cluster init`.
 * Runs again safely: an account of that name gets another key. *key is "a:b:c" in the arena.
 */
enum error_code user_store_create_admin(struct db *db, const struct seal_ring *ring,
                                        const struct user_new *user, struct arena *arena,
                                        const char **key, struct error *err);

/** One by name. Errors: NOT_FOUND. */
enum error_code user_store_find(struct db *db, const char *username, struct arena *arena,
                                struct api_user *user, struct error *err);

/**
 * The user whose name and password these are. Some 50 ms. Errors: UNAUTHORIZED (no such user, wrong
 * password), FORBIDDEN (inactive), LIMIT (too many logins at once).
 */
enum error_code user_store_check_password(struct db *db, const char *username, const char *password,
                                          struct arena *arena, struct api_user *user,
                                          struct error *err);

/** All, by name: each(subject, user). */
typedef void user_store_each_function(void *subject, const struct api_user *user);
enum error_code user_store_each(struct db *db, user_store_each_function *each, void *subject,
                                struct error *err);

/** What from owns belongs to the other account now. */
enum error_code user_store_transfer(struct db *db, int64_t from, int64_t to, struct arena *arena,
                                    struct error *err);

/** Errors: CONFLICT (owns machines or the like). */
enum error_code user_store_delete(struct db *db, int64_t id, struct arena *arena,
                                  struct error *err);

/** Is there anybody yet? */
enum error_code user_store_any(struct db *db, bool *any, struct error *err);
