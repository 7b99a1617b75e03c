/*
 * Settings of the cluster: a table of what there is, values that differ from the default in the
 * database. Runs inside the caller's transaction; pool threads.
 */
#pragma once

#include "src/region/api.h"

/** The value as JSON text, in the arena. Errors: NOT_FOUND (no such setting), of the database. */
enum error_code setting_json(struct db *db, const char *name, struct arena *arena,
                             const char **json, struct error *err);

/** The value as text, NULL for null; as a number. Errors: as above. */
enum error_code setting_text(struct db *db, const char *name, struct arena *arena,
                             const char **text, struct error *err);
enum error_code setting_int(struct db *db, const char *name, struct arena *arena, int64_t *value,
                            struct error *err);
enum error_code setting_bool(struct db *db, const char *name, struct arena *arena, bool *value,
                             struct error *err);

/** The proxy for what regions fetch from outside, as its URL; NULL = there is none. */
enum error_code setting_proxy(struct db *db, struct arena *arena, const char **proxy,
                              struct error *err);

/** As setting_text, but NULL while nobody has set it. */
enum error_code setting_chosen(struct db *db, const char *name, struct arena *arena,
                               const char **text, struct error *err);

/** May only administrators read it? false for what does not exist. */
bool setting_is_secret(const char *name);

/** Change it. Errors: NOT_FOUND, BAD_INPUT (a text for people), of the database. */
enum error_code setting_set(struct db *db, const char *name, const char *value, struct arena *arena,
                            struct error *err);
