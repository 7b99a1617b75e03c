/* Archives of packages: see package_repository_store.h. */
#include "src/region/package_repository_store.h"

#include "src/region/field_form.h"

#define TEXT(member, flags, help)  FIELD(struct package_repository, member, FIELD_TEXT, flags, help)
#define TRUTH(member, flags, help) FIELD(struct package_repository, member, FIELD_BOOL, flags, help)

const struct field package_repository_fields[PACKAGE_REPOSITORY_FIELDS] = {
    FIELD(struct package_repository, id, FIELD_INT, 0, "its number"),
    TEXT(name, FIELD_WRITE, "its name"),
    TEXT(url, FIELD_WRITE, "where it is"),
    TEXT(key, 0, "what signs it"),
    TEXT(distributions, 0, "suites"),
    TEXT(components, 0, "components"),
    TEXT(arches, 0, "architectures"),
    TEXT(disabled_pockets, 0, "suites that are left out"),
    TEXT(disabled_components, 0, "components that are left out"),
    TRUTH(disable_sources, FIELD_WRITE, "without source packages"),
    TRUTH(enabled, FIELD_WRITE, "machines have it"),
    TRUTH(is_default, 0, "it always exists"),
    TRUTH(is_chosen, 0, "its setting was set"),
};

static void map(const struct db_rows *rows, int row, struct package_repository *made,
                struct arena *arena)
{
    db_map(rows, row, package_repository_fields, PACKAGE_REPOSITORY_FIELDS, made, arena);
}

enum error_code package_repository_store_find(struct db *db, const char *id, struct arena *arena,
                                              struct package_repository *found, struct error *err)
{
    DB_STATEMENT(package_repository_find,
                 PACKAGE_REPOSITORY_MAP_SQL " WHERE p.id = $1::bigint OR p.name = $2 "
                                            "ORDER BY (p.id = $1::bigint) DESC NULLS LAST LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &package_repository_find, DB_PARAMS(field_form_id(id), id), &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "No PackageRepository matches the given query.");
    if (!code)
        map(&rows, 0, found, arena);
    return code;
}

enum error_code package_repository_store_read(struct db *db, const char *architecture,
                                              struct arena *arena,
                                              struct package_repositories *found, struct error *err)
{
    DB_STATEMENT(package_repository_for, PACKAGE_REPOSITORY_MAP_SQL
                 " WHERE p.enabled AND ($1::text IS NULL OR split_part($1, '/', 1) = "
                 "ANY (p.arches)) ORDER BY p.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &package_repository_for, DB_PARAMS(architecture), &rows, err);
    if (code)
        return code;
    struct package_repository *all =
        ARENA_ARRAY(arena, struct package_repository, (size_t)rows.count + 1);
    int used = 1; /* the first place is the archive's */
    *found = (struct package_repositories){NULL, all + 1, 0};
    for (int i = 0; i < rows.count; i++) {
        struct package_repository *made = &all[used];
        map(&rows, i, made, arena);
        if (!package_repository_is_url(made->url) && !package_repository_is_ppa(made->url))
            return error_set(err, ERR_CONFLICT, "The URL of the package repository %s is none.",
                             made->name);
        if (!made->is_default) {
            used++;
        } else if (!found->archive && package_repository_is_told(made)) {
            all[0] = *made;
            found->archive = &all[0];
        }
    }
    found->count = used - 1;
    return ERR_OK;
}
