/*
 * API keys in the database: of people and of machines. Secrets are sealed under the cluster's
 * key, bound to their token key. Pool threads.
 */
#pragma once

#include "src/region/api.h"
#include "src/wire/seal.h"

enum { TOKEN_KEY_CHARS = 18, TOKEN_SECRET_CHARS = 32 };

struct token {
    const char *consumer_key, *token_key, *secret, *name;
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

/**
 * Make a key: for an account (system_id NULL) or a machine (account_id 0). Runs inside the caller's
 * transaction.
 */
struct token_for {
    int64_t account_id;
    const char *system_id;
    const char *name; /* NULL = "MAAS consumer" */
};
enum error_code token_store_create(struct db *db, const struct seal_ring *ring,
                                   const struct token_for *whose, struct arena *arena,
                                   struct token *token, struct error *err);
