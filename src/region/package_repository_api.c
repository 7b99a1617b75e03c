/*
 * Archives of packages: the actions of package-repositories/. The URLs of the two default ones are
 * settings. Source: MAAS API 2.0, package-repositories.
 */
#include <jansson.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/region/event_store.h"
#include "src/region/field_form.h"
#include "src/region/package_repository_store.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/setting.h"
#include "src/wire/openpgp_armor.h"

#define NAME_TAKEN "Package repository with this Name already exists."

#define REPLY_SQL                                                                             \
    "SELECT to_json(o) FROM (SELECT p.id, p.name, p.url, p.distributions, "                   \
    "p.disabled_pockets, p.disabled_components, p.disable_sources, p.components, p.arches, "  \
    "p.key, p.enabled, '/MAAS/api/2.0/package-repositories/' || p.id || '/' AS resource_uri " \
    "FROM (" PACKAGE_REPOSITORY_SQL ") p) o"

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

/* ---- reading ---- */

enum error_code package_repositories_read(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    DB_STATEMENT(package_repository_list, REPLY_SQL " ORDER BY o.id");
    return rows_reply_list(request, reply, &package_repository_list, DB_NO_PARAMS, err);
}

static enum error_code reply_one(struct api_request *request, struct api_reply *reply,
                                 const char *id, struct error *err)
{
    DB_STATEMENT(package_repository_one, REPLY_SQL " WHERE o.id = $1");
    struct rows_one one = {&package_repository_one, "PackageRepository"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

/* The one of the path, by its number or its name. */
static enum error_code find(struct api_request *request, struct package_repository *found,
                            struct error *err)
{
    return package_repository_store_find(request->db, api_path(request, "id"), request->arena,
                                         found, err);
}

enum error_code package_repository_read(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    struct package_repository found;
    enum error_code code = find(request, &found, err);
    return code ? code : reply_one(request, reply, db_number(request->arena, found.id), err);
}

/* ---- writing ---- */

/* A list may be repeated, or one text with commas or blanks; *list stays when it is not given. */
static void read_list(struct api_request *request, struct api_reply *reply, const char *name,
                      bool (*fits)(const char *text), const char **list)
{
    int given, count = 0;
    const char *const *values = api_param_list(request, name, &given);
    const char *made = "", *word;
    for (int i = 0; i < given; i++) {
        const char *at = values[i];
        while ((word = arena_word(request->arena, &at, ", \t\r\n"))) {
            if (!fits(word) || count == PACKAGE_REPOSITORY_WORDS) {
                api_field_error(reply, name,
                                fits(word) ? "At most 32 values." : "'%.100s' is not valid here.",
                                word);
                return;
            }
            made = arena_printf(request->arena, "%s%s%s", made, count++ ? " " : "", word);
        }
    }
    if (given)
        *list = made;
}

static void read_key(struct api_request *request, struct api_reply *reply, const char **key)
{
    size_t size;
    struct error err;
    const char *text = api_content(request, "key", &size);
    if (!text)
        return;
    *key = "";
    if (*arena_trim(request->arena, text) && openpgp_armor_read(text, request->arena, key, &err))
        api_field_error(reply, "key", "%s", err.text);
}

static void check_url(struct api_reply *reply, const struct package_repository *said)
{
    bool is_ppa = !said->is_default && package_repository_is_ppa(said->url);
    if (field_form_need(reply, "url", said->url) && !is_ppa &&
        !package_repository_is_url(said->url))
        api_field_error(reply, "url", "Enter a valid repository URL or PPA location.");
}

/* What is one of the default ones, and what is none. */
static void check_kind(struct api_reply *reply, const struct package_repository *said)
{
    if (said->is_default && !said->enabled)
        api_field_error(reply, "enabled", "Default repositories may not be disabled.");
    if (said->is_default && *said->distributions)
        api_field_error(reply, "distributions",
                        "Default repositories have the suites of each release.");
    if (said->is_default && *said->components)
        api_field_error(reply, "components",
                        "Default repositories have all components but the disabled ones.");
    if (!said->is_default && *said->disabled_components)
        api_field_error(reply, "disabled_components",
                        "Only components of the default repositories can be disabled.");
}

/* before: what it is called now, "" = nothing yet. */
static void check_name(struct api_reply *reply, const struct package_repository *said,
                       const char *before)
{
    bool is_reserved = !strcmp(said->name, "main_archive") || !strcmp(said->name, "ports_archive");
    if (said->is_default && strcmp(said->name, before) != 0)
        api_field_error(reply, "name", "Default repositories may not be renamed.");
    else if (!said->is_default && is_reserved)
        api_field_error(reply, "name", NAME_TAKEN);
    else if (field_form_name(reply, "name", said->name) &&
             strlen(said->name) > PACKAGE_REPOSITORY_NAME)
        api_field_error(reply, "name", "Ensure this value has at most %d characters.",
                        PACKAGE_REPOSITORY_NAME);
}

/* What the request says, over what is there; all of it is checked then. */
static enum error_code read_form(struct api_request *request, struct api_reply *reply,
                                 struct package_repository *said, struct error *err)
{
    const struct {
        const char *name;
        bool (*fits)(const char *text);
        const char **list;
    } lists[] = {
        {"distributions", package_repository_is_word, &said->distributions},
        {"components", package_repository_is_word, &said->components},
        {"arches", package_repository_is_arch, &said->arches},
        {"disabled_pockets", package_repository_is_pocket, &said->disabled_pockets},
        {"disabled_components", package_repository_is_part, &said->disabled_components},
    };
    struct field_form form = {package_repository_fields, PACKAGE_REPOSITORY_FIELDS};
    const char *name = said->name;
    field_form_read(request, reply, &form, said);
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        read_list(request, reply, lists[i].name, lists[i].fits, lists[i].list);
    read_key(request, reply, &said->key);
    check_url(reply, said);
    check_kind(reply, said);
    check_name(reply, said, name);
    if (!*said->arches)
        said->arches = "amd64 i386";
    return api_fields_valid(reply, err);
}

/* All together must find room in what one machine is told. */
static enum error_code check_room(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    DB_STATEMENT(package_repository_count, "SELECT count(*) FROM package_repository");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct package_repositories all;
    enum error_code code =
        db_query(request->db, &package_repository_count, DB_NO_PARAMS, &rows, err);
    if (!code)
        code = package_repository_store_read(request->db, NULL, request->arena, &all, err);
    if (code)
        return code;
    json_t *apt = package_repository_apt(&all, "ubuntu", NULL, request->arena);
    if (db_int(&rows, 0, 0) > PACKAGE_REPOSITORY_MOST)
        api_field_error(reply, "__all__", "There are %d package repositories, which is the most.",
                        PACKAGE_REPOSITORY_MOST);
    else if (apt && strlen(json_out_dump(request->arena, apt)) > PACKAGE_REPOSITORY_BYTES)
        api_field_error(reply, "__all__",
                        "What machines are told of all package repositories would be longer than "
                        "48 KiB.");
    json_decref(apt);
    return api_fields_valid(reply, err);
}

static enum error_code end(struct api_request *request, struct api_reply *reply,
                           const struct package_repository *said, const char *what,
                           struct error *err)
{
    enum error_code code = check_room(request, reply, err);
    if (!code)
        code = event_audit(
            request, "SETTINGS",
            arena_printf(request->arena, "%s package repository '%s'.", what, said->name), err);
    return code ? code : reply_one(request, reply, db_number(request->arena, said->id), err);
}

static enum error_code taken(struct api_reply *reply, struct error *err)
{
    api_field_error(reply, "name", NAME_TAKEN);
    return api_fields_valid(reply, err);
}

#define LIST_SQL(parameter) "string_to_array(" parameter ", ' ')"

enum error_code package_repositories_create(struct api_request *request, struct api_reply *reply,
                                            struct error *err)
{
    /* clang-format off */
    DB_STATEMENT(package_repository_create,
                 "INSERT INTO package_repository (name, url, key, distributions, components, "
                 "arches, disabled_pockets, disable_sources, enabled) VALUES ($1, $2, $3, "
                 LIST_SQL("$4") ", " LIST_SQL("$5") ", " LIST_SQL("$6") ", " LIST_SQL("$7")
                 ", $8, $9) RETURNING id");
    /* clang-format on */
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct package_repository said = {.name = "",
                                      .url = "",
                                      .key = "",
                                      .distributions = "",
                                      .components = "",
                                      .arches = "",
                                      .disabled_pockets = "",
                                      .disabled_components = "",
                                      .disable_sources = true,
                                      .enabled = true};
    enum error_code code = read_form(request, reply, &said, err);
    if (code)
        return code;
    code = db_query(request->db, &package_repository_create,
                    DB_PARAMS(said.name, said.url, said.key, said.distributions, said.components,
                              said.arches, said.disabled_pockets, truth(said.disable_sources),
                              truth(said.enabled)),
                    &rows, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    if (code)
        return code;
    said.id = db_int(&rows, 0, 0);
    return end(request, reply, &said, "Created", err);
}

static enum error_code write_row(struct api_request *request, const struct package_repository *said,
                                 struct error *err)
{
    /* clang-format off */
    DB_STATEMENT(package_repository_change,
                 "UPDATE package_repository SET name = $2, url = CASE WHEN url IS NOT NULL THEN $3 "
                 "END, key = $4, distributions = " LIST_SQL("$5") ", components = " LIST_SQL("$6")
                 ", arches = " LIST_SQL("$7") ", disabled_pockets = " LIST_SQL("$8")
                 ", disabled_components = " LIST_SQL("$9") ", disable_sources = $10, "
                 "enabled = $11, updated = now() WHERE id = $1");
    /* clang-format on */
    enum error_code code = db_query(
        request->db, &package_repository_change,
        DB_PARAMS(db_number(request->arena, said->id), said->name, said->url, said->key,
                  said->distributions, said->components, said->arches, said->disabled_pockets,
                  said->disabled_components, truth(said->disable_sources), truth(said->enabled)),
        NULL, err);
    if (!code && said->is_default && api_param(request, "url"))
        code = setting_set(request->db, said->name, said->url, request->arena, err);
    return code;
}

enum error_code package_repository_update(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    struct package_repository said;
    enum error_code code = find(request, &said, err);
    if (!code)
        code = read_form(request, reply, &said, err);
    if (!code)
        code = write_row(request, &said, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : end(request, reply, &said, "Updated", err);
}

enum error_code package_repository_delete(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    DB_STATEMENT(package_repository_remove, "DELETE FROM package_repository WHERE id = $1");
    struct package_repository found;
    enum error_code code = find(request, &found, err);
    if (!code && found.is_default)
        return error_set(err, ERR_BAD_INPUT, "Default repositories may not be deleted.");
    if (!code)
        code = db_query(request->db, &package_repository_remove,
                        DB_PARAMS(db_number(request->arena, found.id)), NULL, err);
    if (!code)
        code = event_audit(
            request, "SETTINGS",
            arena_printf(request->arena, "Deleted package repository '%s'.", found.name), err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
