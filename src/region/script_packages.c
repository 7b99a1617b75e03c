/* Packages for scripts: see script_packages.h. */
#include "src/region/script_packages.h"

#include <string.h>

#include "src/region/deploy_image.h"
#include "src/region/http.h"
#include "src/region/package_repository_store.h"
#include "src/region/setting.h"

static enum error_code find_architecture(struct api_request *request, int64_t node_id,
                                         const char **architecture, struct error *err)
{
    DB_STATEMENT(script_packages_architecture, "SELECT architecture FROM node WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &script_packages_architecture,
                                    DB_PARAMS(db_number(request->arena, node_id)), &rows, err);
    *architecture = !code && rows.count ? arena_strdup(request->arena, db_text(&rows, 0, 0)) : "";
    return code;
}

/* The folder's entry of the signed list says what the repository is; NULL when it does not. */
static json_t *repository_of(const json_t *entry, struct arena *arena)
{
    const char *file = json_string_value(json_object_get(entry, "file"));
    const char *end = file ? strstr(file, "/dists/") : NULL;
    if (!end)
        return NULL;
    return json_pack("{s:s, s:O?, s:O?, s:O?, s:O?}", "path",
                     arena_printf(arena, "/images/%.*s", (int)(end - file), file), "os",
                     json_object_get(entry, "os"), "release", json_object_get(entry, "release"),
                     "components", json_object_get(entry, "components"), "key",
                     json_object_get(entry, "key"));
}

/* Those that people named, but for what has no place in a list of sources. */
static json_t *sources_of(const struct package_repositories *named, struct arena *arena)
{
    json_t *sources = json_array();
    for (int i = 0; i < named->count; i++) {
        json_t *source = package_repository_source(&named->more[i], arena);
        if (source)
            json_array_append_new(sources, source);
    }
    if (json_array_size(sources))
        return sources;
    json_decref(sources);
    return NULL;
}

enum error_code script_packages_read(struct api_request *request, int64_t node_id,
                                     struct script_packages *of, struct error *err)
{
    *of = (struct script_packages){.proxy = NULL};
    enum error_code code = find_architecture(request, node_id, &of->architecture, err);
    if (!code)
        code = package_repository_store_read(request->db, of->architecture, request->arena,
                                             &of->named, err);
    return code ? code : setting_proxy(request->db, request->arena, &of->proxy, err);
}

enum error_code script_packages_make(struct api_request *request, const struct script_packages *of,
                                     json_t **packages, struct error *err)
{
    const char *mirror = NULL;
    struct deploy_image wanted = {http_settings(request->http)->images, "", "", of->architecture,
                                  NULL};
    struct arena *arena = request->arena;
    json_t *entry = NULL;
    enum error_code code = setting_chosen(request->db, "main_archive", arena, &mirror, err);
    if (!code) {
        code = deploy_image_built_in(&wanted, "package-list", arena, &entry, err);
        code = code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (code)
        return code;
    const struct package_repository *archive = of->named.archive;
    *packages = json_pack("{s:s?, s:s?, s:o*, s:o*, s:o*}", "mirror", mirror, "proxy", of->proxy,
                          "repository", repository_of(entry, arena), "archive",
                          archive ? package_repository_source(archive, arena) : NULL, "sources",
                          sources_of(&of->named, arena));
    json_decref(entry);
    ASSERT(*packages);
    return ERR_OK;
}

json_t *script_packages_apt(const struct script_packages *of, const char *osystem,
                            struct arena *arena)
{
    return package_repository_apt(&of->named, osystem, of->proxy, arena);
}
