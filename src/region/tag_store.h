/* Tags and which nodes carry them. Runs inside the caller's transaction; pool threads. */
#pragma once

#include "src/region/api.h"

struct tag {
    int64_t id;
    const char *name, *definition, *comment, *kernel_opts;
};

/** All, by name: rows are name, definition, comment, kernel_opts. */
enum error_code tag_store_each(struct db *db, db_row_function *row, void *subject,
                               struct error *err);

/** Errors: NOT_FOUND. */
enum error_code tag_store_find(struct db *db, const char *name, struct arena *arena,
                               struct tag *tag, struct error *err);

/** Sets its id. Errors: CONFLICT (the name is taken). */
enum error_code tag_store_create(struct db *db, struct tag *tag, struct error *err);

/** By its id; NULL texts stay. Errors: CONFLICT (the name is taken). */
enum error_code tag_store_update(struct db *db, const struct tag *tag, struct arena *arena,
                                 struct error *err);
enum error_code tag_store_delete(struct db *db, int64_t id, struct arena *arena, struct error *err);

/** Lay the tag on nodes and take it off others (system_ids, array texts); how many changed. */
struct tag_change {
    const char *add, *remove;
    int64_t added, removed;
};
enum error_code tag_store_change_nodes(struct db *db, int64_t id, struct tag_change *change,
                                       struct arena *arena, struct error *err);
