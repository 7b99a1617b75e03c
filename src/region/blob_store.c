/* Rows about bytes: see blob_store.h. */
#include "src/region/blob_store.h"

#include <string.h>

enum { REGIONS_MAX = 16 };

enum error_code blob_store_note(struct db *db, const char *region, const char *sha256, int64_t size,
                                struct arena *arena, struct error *err)
{
    DB_STATEMENT(blob_note, "INSERT INTO blob (sha256, size) VALUES ($1, $2::bigint) "
                            "ON CONFLICT (sha256) DO UPDATE SET unused = NULL");
    DB_STATEMENT(blob_note_copy, "INSERT INTO blob_copy (sha256, region) VALUES ($1, $2) "
                                 "ON CONFLICT DO NOTHING");
    enum error_code code =
        db_query(db, &blob_note, DB_PARAMS(sha256, db_number(arena, size)), NULL, err);
    return code ? code : db_query(db, &blob_note_copy, DB_PARAMS(sha256, region), NULL, err);
}

enum error_code blob_store_forget(struct db *db, const char *region, const char *sha256,
                                  struct error *err)
{
    DB_STATEMENT(blob_forget, "DELETE FROM blob_copy WHERE sha256 = $1 AND region = $2");
    return db_query(db, &blob_forget, DB_PARAMS(sha256, region), NULL, err);
}

struct blob_regions blob_store_regions(const char *text, struct arena *arena)
{
    const char **names = ARENA_ARRAY(arena, const char *, REGIONS_MAX);
    struct blob_regions regions = {names, 0};
    for (const char *at = text ? text : ""; *at && regions.count < REGIONS_MAX;) {
        const char *comma = strchrnul(at, ',');
        names[regions.count++] = arena_strndup(arena, at, (size_t)(comma - at));
        at = comma + (*comma == ',');
    }
    return regions;
}

/* Columns: sha256, size, regions. */
static enum error_code read_blobs(struct db *db, const struct db_statement *statement,
                                  struct db_params params, struct arena *arena, struct blobs *blobs,
                                  struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, statement, params, &rows, err);
    *blobs = (struct blobs){ARENA_ARRAY(arena, struct blob, (size_t)rows.count + 1), rows.count};
    for (int i = 0; i < rows.count; i++) {
        struct blob *blob = &blobs->blobs[i];
        blob->sha256 = arena_strdup(arena, db_text(&rows, i, 0));
        blob->size = db_int(&rows, i, 1);
        blob->regions = blob_store_regions(db_text(&rows, i, 2), arena);
    }
    return code;
}

enum error_code blob_store_held(struct db *db, const char *region, struct arena *arena,
                                struct blobs *held, struct error *err)
{
    DB_STATEMENT(blob_held, "SELECT b.sha256, b.size, NULL FROM blob_copy c "
                            "JOIN blob b USING (sha256) WHERE c.region = $1");
    return read_blobs(db, &blob_held, DB_PARAMS(region), arena, held, err);
}

enum error_code blob_store_lacking(struct db *db, const char *region, int limit,
                                   struct arena *arena, struct blobs *lacking, struct error *err)
{
    DB_STATEMENT(blob_lacking,
                 "SELECT b.sha256, b.size, string_agg(c.region, ',' ORDER BY c.stored) FROM blob b "
                 "JOIN blob_copy c USING (sha256) WHERE EXISTS (SELECT FROM boot_resource_file f "
                 "WHERE f.sha256 = b.sha256) AND NOT EXISTS (SELECT FROM blob_copy m "
                 "WHERE m.sha256 = b.sha256 AND m.region = $1) "
                 "GROUP BY b.sha256 ORDER BY b.size LIMIT $2::int");
    return read_blobs(db, &blob_lacking, DB_PARAMS(region, db_number(arena, limit)), arena, lacking,
                      err);
}

enum error_code blob_store_wanted(struct db *db, const char *names, struct arena *arena,
                                  struct blobs *wanted, struct error *err)
{
    DB_STATEMENT(blob_wanted, "SELECT f.sha256, max(f.size), NULL FROM boot_resource_file f "
                              "WHERE f.sha256 = ANY ($1::text[]) GROUP BY f.sha256");
    return read_blobs(db, &blob_wanted, DB_PARAMS(names), arena, wanted, err);
}

enum error_code blob_store_sweep(struct db *db, const char *regions, int age_s, struct arena *arena,
                                 struct error *err)
{
    DB_STATEMENT(blob_sweep_regions, "DELETE FROM blob_copy WHERE region <> ALL ($1::text[])");
    DB_STATEMENT(blob_sweep_mark,
                 "UPDATE blob b SET unused = CASE WHEN unused IS NULL THEN now() END WHERE "
                 "(unused IS NULL) <> EXISTS (SELECT FROM boot_resource_file f "
                 "WHERE f.sha256 = b.sha256)");
    DB_STATEMENT(blob_sweep_old,
                 "DELETE FROM blob WHERE unused < now() - make_interval(secs => $1::int)");
    enum error_code code = db_query(db, &blob_sweep_regions, DB_PARAMS(regions), NULL, err);
    code = code ? code : db_query(db, &blob_sweep_mark, DB_NO_PARAMS, NULL, err);
    return code ? code
                : db_query(db, &blob_sweep_old, DB_PARAMS(db_number(arena, age_s)), NULL, err);
}
