/* Packages for scripts: see script_packages.h. */
#include "src/region/script_packages.h"

#include <string.h>

#include "src/region/deploy_image.h"
#include "src/region/http.h"
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

enum error_code script_packages_make(struct api_request *request, int64_t node_id,
                                     json_t **packages, struct error *err)
{
    const char *mirror = NULL, *proxy = NULL;
    struct deploy_image wanted = {http_settings(request->http)->images, "", "", "", NULL};
    json_t *entry = NULL;
    enum error_code code = find_architecture(request, node_id, &wanted.architecture, err);
    if (!code)
        code = setting_chosen(request->db, "main_archive", request->arena, &mirror, err);
    if (!code)
        code = setting_proxy(request->db, request->arena, &proxy, err);
    if (!code) {
        code = deploy_image_built_in(&wanted, "package-list", request->arena, &entry, err);
        code = code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (code)
        return code;
    *packages = json_pack("{s:s?, s:s?, s:o*}", "mirror", mirror, "proxy", proxy, "repository",
                          repository_of(entry, request->arena));
    json_decref(entry);
    ASSERT(*packages);
    return ERR_OK;
}

static json_t *mirror_of(const char *url)
{
    return json_pack("[{s:[s], s:s}]", "arches", "default", "uri", url);
}

json_t *script_packages_apt(const json_t *packages, const char *osystem)
{
    const char *mirror = json_string_value(json_object_get(packages, "mirror"));
    const char *proxy = json_string_value(json_object_get(packages, "proxy"));
    bool mirrored = mirror && !strcmp(osystem, "ubuntu");
    if (!mirrored && !proxy)
        return NULL;
    json_t *apt = json_pack("{s:b, s:s*, s:s*}", "preserve_sources_list", false, "http_proxy",
                            proxy, "https_proxy", proxy);
    ASSERT(apt);
    if (mirrored) {
        json_object_set_new(apt, "primary", mirror_of(mirror));
        json_object_set_new(apt, "security", mirror_of(mirror));
    }
    return apt;
}
