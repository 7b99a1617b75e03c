/* SSH keys of people. Runs inside the caller's transaction. */
#pragma once

#include "src/region/api.h"

struct sshkey {
    int64_t id, account_id;
    const char *key, *keysource;
};

/** Checks the key's form. key may be NULL. Errors: BAD_INPUT, CONFLICT (has it already). */
enum error_code sshkey_store_create(struct db *db, int64_t account_id, const char *text,
                                    struct arena *arena, struct sshkey *key, struct error *err);

/** All of an account, by id, in the arena. */
struct sshkey_list {
    struct sshkey *keys;
    int count;
};
enum error_code sshkey_store_list(struct db *db, int64_t account_id, struct arena *arena,
                                  struct sshkey_list *list, struct error *err);

/** Errors: NOT_FOUND. id as text of the request. */
enum error_code sshkey_store_find(struct db *db, const char *id, struct arena *arena,
                                  struct sshkey *key, struct error *err);
enum error_code sshkey_store_delete(struct db *db, const char *id, struct error *err);
