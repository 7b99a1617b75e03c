/*
 * API keys in the database: of people and of machines. Secrets are sealed under the cluster's
 * key, bound to their token key. Runs inside the caller's transaction. Pool threads.
 */
#pragma once

#include "src/region/api.h"
#include "src/wire/seal.h"

enum { TOKEN_KEY_CHARS = 18, TOKEN_SECRET_CHARS = 32 };

struct token {
    const char *consumer_key, *token_key, *secret, *name;
};

/** A list in the arena. */
struct token_list {
    struct token *tokens;
    int count;
};

/** Who a token belongs to: a person or a machine. */
struct token_owner {
    struct api_user user; /* id 0 = a machine */
    bool is_active;
    const char *system_id;
};

/** The owner of a key whose secret fits. Errors: UNAUTHORIZED, those of the database. */
struct oauth;
enum error_code token_store_check(struct db *db, const struct seal_ring *ring,
                                  const struct oauth *oauth, struct arena *arena,
                                  struct token_owner *owner, struct error *err);

/** Whose and what: of an account (system_id NULL) or a machine (account_id 0). */
struct token_for {
    int64_t account_id;
    const char *system_id;
    const char *name; /* NULL = "MAAS consumer" */
};

/** Make a key. */
enum error_code token_store_create(struct db *db, const struct seal_ring *ring,
                                   const struct token_for *whose, struct arena *arena,
                                   struct token *token, struct error *err);

/** The newest key of that owner and name, or a new one. For machines: their metadata key. */
enum error_code token_store_ensure(struct db *db, const struct seal_ring *ring,
                                   const struct token_for *whose, struct arena *arena,
                                   struct token *token, struct error *err);

/** All of an owner, by id; whose->name NULL = of any name. */
enum error_code token_store_list(struct db *db, const struct seal_ring *ring,
                                 const struct token_for *whose, struct arena *arena,
                                 struct token_list *list, struct error *err);

/** An account's key by its middle part. Errors: NOT_FOUND. */
enum error_code token_store_delete(struct db *db, const char *account_id, const char *token_key,
                                   struct error *err);
enum error_code token_store_rename(struct db *db, const char *account_id, const char *token_key,
                                   const char *name, struct error *err);
