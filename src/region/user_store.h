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
