/*
 * Archives of packages that people named, out of the database. Runs inside the caller's
 * transaction; pool threads. Source: MAAS API 2.0, package-repositories.
 */
#pragma once

#include "src/db/db.h"
#include "src/model/package_repository.h"
#include "src/region/setting_table.h"

/** All of them with their URLs: FROM (...) p. Lists are arrays. */
#define PACKAGE_REPOSITORY_SQL                                                                \
    "SELECT r.id, r.name, coalesce(r.url, s.value #>> '{}', CASE r.name WHEN 'main_archive' " \
    "THEN '" SETTING_MAIN_ARCHIVE "' ELSE '" SETTING_PORTS_ARCHIVE "' END) AS url, "          \
    "r.distributions, r.disabled_pockets, r.disabled_components, r.disable_sources, "         \
    "r.components, r.arches, r.key, r.enabled, r.url IS NULL AS is_default, "                 \
    "s.name IS NOT NULL AS is_chosen FROM package_repository r LEFT JOIN setting s ON r.url " \
    "IS NULL AND s.name = r.name"

/** The same as db_map takes it for struct package_repository. */
#define PACKAGE_REPOSITORY_MAP_SQL                                                         \
    "SELECT p.id, p.name, p.url, p.key, p.disable_sources, p.enabled, p.is_default, "      \
    "p.is_chosen, array_to_string(p.distributions, ' ') AS distributions, "                \
    "array_to_string(p.components, ' ') AS components, array_to_string(p.arches, ' ') AS " \
    "arches, array_to_string(p.disabled_pockets, ' ') AS disabled_pockets, "               \
    "array_to_string(p.disabled_components, ' ') AS disabled_components FROM "             \
    "(" PACKAGE_REPOSITORY_SQL ") p"

/** FIELD_WRITE: forms may give it as it is. */
enum { PACKAGE_REPOSITORY_FIELDS = 13 };
extern const struct field package_repository_fields[PACKAGE_REPOSITORY_FIELDS];

/** By its number, else by its name. Errors: NOT_FOUND, of the database. */
enum error_code package_repository_store_find(struct db *db, const char *id, struct arena *arena,
                                              struct package_repository *found, struct error *err);

/**
 * The enabled ones for machines of "amd64/generic"; NULL: of all architectures. Texts in the arena.
 * Errors: CONFLICT (a URL that was set before such were refused), of the database.
 */
enum error_code package_repository_store_read(struct db *db, const char *architecture,
                                              struct arena *arena,
                                              struct package_repositories *found,
                                              struct error *err);
