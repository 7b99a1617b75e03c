/*
 * Scripts as rows, with all versions of their texts. Runs inside the caller's transaction; pool
 * threads.
 */
#pragma once

#include "src/model/script_header.h"
#include "src/region/api.h"

/** One script, as far as rules need it. */
struct script {
    int64_t id;
    const char *name;
    int type;
    bool is_default; /* comes with the program: people do not change it */
};

/** By its name or its id. Errors: NOT_FOUND "No Script matches the given query.". */
enum error_code script_store_find(struct db *db, const char *name_or_id, struct arena *arena,
                                  struct script *script, struct error *err);

/** A text of a script. */
struct script_text {
    const char *bytes;
    size_t size;
    const char *comment; /* or NULL */
};

/** header->name and ->type are given. Errors: CONFLICT (the name is taken). */
enum error_code script_store_create(struct db *db, const struct script_header *header,
                                    const struct script_text *text, struct arena *arena,
                                    int64_t *id, struct error *err);

/**
 * What the header does not give stays; text NULL: so does the text. Errors: CONFLICT (the name is
 * taken).
 */
enum error_code script_store_update(struct db *db, int64_t id, const struct script_header *header,
                                    const struct script_text *text, struct arena *arena,
                                    struct error *err);

enum error_code script_store_delete(struct db *db, int64_t id, struct arena *arena,
                                    struct error *err);

/** Back to version `to`, or to<=0: so many before the newest. Errors: NOT_FOUND. */
enum error_code script_store_revert(struct db *db, int64_t id, int64_t to, struct arena *arena,
                                    struct error *err);

/** The text of a version, revision 0 = of the newest; *bytes in the arena. Errors: NOT_FOUND. */
enum error_code script_store_text(struct db *db, int64_t id, int64_t revision, struct arena *arena,
                                  struct script_text *text, struct error *err);

/** Lay on or take off. */
enum error_code script_store_tag(struct db *db, int64_t id, const char *tag, bool lay,
                                 struct arena *arena, struct error *err);

/** The scripts that come with the program are as this program has them; in one transaction. */
enum error_code script_store_put_defaults(struct db *db, struct error *err);
