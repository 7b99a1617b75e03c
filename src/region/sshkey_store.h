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

/** Those of an account, by id, in the arena; keysource NULL: from wherever they are. */
struct sshkey_list {
    struct sshkey *keys;
    int count;
};
enum error_code sshkey_store_list(struct db *db, int64_t account_id, const char *keysource,
                                  struct arena *arena, struct sshkey_list *list, struct error *err);

/**
 * Keep the keys that a service published for the account, beside those it has; what is no key of a
 * known type is left out. Errors: BAD_INPUT (none is one).
 */
struct sshkey_import {
    int64_t account_id;
    const char *keysource; /* "gh:alice" */
    const char *const *texts;
    int count;
};
enum error_code sshkey_store_import(struct db *db, const struct sshkey_import *import,
                                    struct arena *arena, struct error *err);

/** Errors: NOT_FOUND. id as text of the request. */
enum error_code sshkey_store_find(struct db *db, const char *id, struct arena *arena,
                                  struct sshkey *key, struct error *err);
enum error_code sshkey_store_delete(struct db *db, const char *id, struct error *err);
