/* Images in the database: see image_store.h. */
#include "src/region/image_store.h"

#include <string.h>

#include "src/region/image_sql.h"

/* The parts of a query in the forms of the columns. */
struct wish {
    const char *os, *series, *arch, *subarch;
};

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static struct wish wish_of(const struct image_query *query, struct arena *arena)
{
    const char *slash = strrchr(query->series, '/');
    const char *arch_end = strchrnul(query->arch, '/');
    struct wish wish = {
        .os = given(query->osystem),
        .series = slash ? slash + 1 : query->series,
        .arch = arena_strndup(arena, query->arch, (size_t)(arch_end - query->arch)),
        .subarch = given(query->subarch),
    };
    if (slash && !wish.os)
        wish.os = arena_strndup(arena, query->series, (size_t)(slash - query->series));
    return wish;
}

static void take_files(const struct db_rows *rows, struct arena *arena, struct image_choice *choice)
{
    const struct image_type *taken[IMAGE_ROLES] = {NULL};
    for (int i = 0; i < rows->count; i++) {
        const struct image_type *type = image_type_find(db_text(rows, i, 0));
        if (!type || (taken[type->role] && taken[type->role]->rank <= type->rank))
            continue;
        taken[type->role] = type;
        choice->files[type->role] = (struct image_file){arena_strdup(arena, db_text(rows, i, 1)),
                                                        type->name, db_int(rows, i, 2)};
    }
}

static enum error_code read_files(struct db *db, const char *set_id, struct arena *arena,
                                  struct image_choice *choice, struct error *err)
{
    DB_STATEMENT(image_files, "SELECT filetype, sha256, size FROM boot_resource_file "
                              "WHERE set_id = $1::bigint ORDER BY id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &image_files, DB_PARAMS(set_id), &rows, err);
    if (!code)
        take_files(&rows, arena, choice);
    return code;
}

enum error_code image_store_find(struct db *db, const struct image_query *query,
                                 struct arena *arena, struct image_choice *choice,
                                 struct error *err)
{
    DB_STATEMENT(
        image_find,
        "SELECT r.id, r.os, r.release, r.arch || '/' || r.subarch, r.title, s.version, "
        "r.kernel_options, r.agent, s.id FROM boot_resource r JOIN boot_resource_set s "
        "ON s.resource_id = r.id WHERE (r.release = $2 OR ($2 ~ '^[0-9]+[.][0-9]+$' AND "
        "split_part(r.title, ' ', 1) = $2)) AND r.arch = $3 "
        "AND ($1::text IS NULL OR r.os = $1) AND ($4::text IS NULL OR r.subarch = $4 "
        "OR $4 = ANY (string_to_array(r.subarches, ','))) AND " IMAGE_SET_WHOLE(
            "s") " AND (NOT $5::boolean OR " IMAGE_SET_BOOTS("s") ") "
                                                                  "ORDER BY r.subarch = $4 DESC "
                                                                  "NULLS LAST, coalesce(r.kflavor, "
                                                                  "'generic') = 'generic' DESC, "
                                                                  "r.subarch = 'generic' DESC, "
                                                                  "r.subarch LIKE 'ga-%' DESC, "
                                                                  "s.version DESC, r.id LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct wish wish = wish_of(query, arena);
    *choice = (struct image_choice){.id = 0};
    enum error_code code = db_query(
        db, &image_find,
        DB_PARAMS(wish.os, wish.series, wish.arch, wish.subarch, query->boots ? "true" : "false"),
        &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "Missing boot image %s%s%s/%s%s%s.",
                         wish.os ? wish.os : "", wish.os ? "/" : "", wish.arch,
                         wish.subarch ? wish.subarch : "", wish.subarch ? "/" : "", wish.series);
    *choice = (struct image_choice){
        .id = db_int(&rows, 0, 0),
        .osystem = arena_strdup(arena, db_text(&rows, 0, 1)),
        .series = arena_strdup(arena, db_text(&rows, 0, 2)),
        .architecture = arena_strdup(arena, db_text(&rows, 0, 3)),
        .title = arena_strdup(arena, db_text(&rows, 0, 4)),
        .version = arena_strdup(arena, db_text(&rows, 0, 5)),
        .kernel_options = arena_strdup(arena, db_text(&rows, 0, 6)),
        .agent = db_bool(&rows, 0, 7),
    };
    return read_files(db, arena_strdup(arena, db_text(&rows, 0, 8)), arena, choice, err);
}

enum error_code image_store_deployed(struct db *db, int64_t id, struct arena *arena,
                                     struct error *err)
{
    DB_STATEMENT(image_deployed,
                 "UPDATE boot_resource SET last_deployed = now() WHERE id = $1::bigint");
    return db_query(db, &image_deployed, DB_PARAMS(db_number(arena, id)), NULL, err);
}
