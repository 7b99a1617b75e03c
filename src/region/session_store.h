/*
 * Browser sessions: a random cookie whose digest is kept. Runs inside the caller's transaction.
 * Pool threads.
 */
#pragma once

#include "src/region/api.h"

enum { SESSION_COOKIE_CHARS = 32 };

struct session {
    struct api_user user;
    bool is_active;
    const char *csrf;
};

/** A new session of that length; *cookie is what the browser keeps, in the arena. */
struct session_new {
    int64_t account_id, length_s;
    const char *cookie, *csrf; /* made */
};
enum error_code session_store_create(struct db *db, struct session_new *session,
                                     struct arena *arena, struct error *err);

/** *found false when there is none or it is over. */
enum error_code session_store_find(struct db *db, const char *cookie, struct arena *arena,
                                   struct session *session, bool *found, struct error *err);

enum error_code session_store_delete(struct db *db, const char *cookie, struct error *err);

/** Forget what is over. */
enum error_code session_store_sweep(struct db *db, struct error *err);
