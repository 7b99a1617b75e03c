/* Images of deployments: see deploy_image.h. */
#include "src/region/deploy_image.h"

#include <string.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/model/hwe_kernel.h"
#include "src/region/image_sql.h"
#include "src/region/image_store.h"

enum { MANIFEST_BYTES = 1 << 20 };

#define ROOT_IMAGE "root-image"

static const char *text_of(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    return text ? text : "";
}

/* "amd64" of "amd64/generic". */
static bool is_architecture(const char *wanted, const char *have)
{
    size_t length = strcspn(wanted, "/");
    return strlen(have) == length && !strncmp(wanted, have, length);
}

static bool fits(const struct deploy_image *wanted, const char *kind, const json_t *entry)
{
    return !strcmp(text_of(entry, "kind"), kind) &&
           is_architecture(wanted->architecture, text_of(entry, "architecture")) &&
           (!*wanted->osystem || !strcmp(wanted->osystem, text_of(entry, "os"))) &&
           (!*wanted->series || !strcmp(wanted->series, text_of(entry, "release")));
}

/* What the agent can install, in its words. */
static const char *const forms[][2] = {
    {"root-raw.zst", "raw.zst"},     {"root-tgz", "tgz"},       {"root-txz", "tar.xz"},
    {"root-tbz", "tar.bz2"},         {"squashfs", "squashfs"},  {"root-dd", "dd.tgz"},
    {"root-dd.raw", "dd"},           {"root-dd.gz", "dd.gz"},   {"root-dd.bz2", "dd.bz2"},
    {"root-dd.xz", "dd.xz"},         {"root-dd.tar", "dd.tar"}, {"root-dd.tar.bz2", "dd.tar.bz2"},
    {"root-dd.tar.xz", "dd.tar.xz"},
};

static const char *form_of(const struct image_file *file)
{
    for (size_t i = 0; file->sha256 && i < COUNT_OF(forms); i++)
        if (!strcmp(forms[i][0], file->type))
            return forms[i][1];
    return NULL;
}

static enum error_code find_imported(struct db *db, const struct deploy_image *wanted,
                                     struct arena *arena, struct deploy_image_found *found,
                                     struct error *err)
{
    struct image_choice choice;
    struct image_query query = {.osystem = wanted->osystem,
                                .series = wanted->series,
                                .arch = wanted->architecture,
                                .subarch = wanted->kernel};
    if (!*wanted->series)
        return ERR_NOT_FOUND;
    enum error_code code = image_store_find(db, &query, arena, &choice, err);
    if (code)
        return code;
    const struct image_file *file = &choice.files[IMAGE_ROOT];
    if (!form_of(file))
        file = &choice.files[IMAGE_SQUASHFS];
    const char *form = form_of(file);
    if (!form)
        return error_set(
            err, ERR_CONFLICT, "The image %s/%s is of a form that is not installed: %s",
            choice.osystem, choice.series,
            choice.files[IMAGE_ROOT].sha256 ? choice.files[IMAGE_ROOT].type : "it has no root");
    *found = (struct deploy_image_found){
        .osystem = choice.osystem,
        .series = choice.series,
        .resource_id = choice.id,
        .kernel_package = hwe_kernel_package(strchrnul(choice.architecture, '/') + 1, arena)};
    found->task = json_pack("{s:s, s:s, s:s, s:I}", "form", form, "path",
                            arena_printf(arena, "/blobs/%s", file->sha256), "sha256", file->sha256,
                            "size", (json_int_t)file->size);
    ASSERT(found->task);
    return ERR_OK;
}

static void take_entry(const json_t *entry, struct arena *arena, struct deploy_image_found *found)
{
    const char *package = json_string_value(json_object_get(entry, "kernel_package"));
    *found = (struct deploy_image_found){.osystem = arena_strdup(arena, text_of(entry, "os")),
                                         .series = arena_strdup(arena, text_of(entry, "release")),
                                         .kernel_package =
                                             package ? arena_strdup(arena, package) : NULL};
    found->task = json_pack("{s:s, s:s, s:s, s:I}", "form", text_of(entry, "form"), "path",
                            arena_printf(arena, "/images/%s", text_of(entry, "file")), "sha256",
                            text_of(entry, "sha256"), "size",
                            json_integer_value(json_object_get(entry, "size")));
}

/* *manifest is the caller's; NULL when there is no folder, or no list in it. */
static enum error_code read_manifest(const struct deploy_image *wanted, struct arena *arena,
                                     json_t **manifest, struct error *err)
{
    char *text;
    size_t size;
    *manifest = NULL;
    if (!wanted->folder)
        return ERR_OK;
    enum error_code code = file_read(arena, arena_printf(arena, "%s/manifest.json", wanted->folder),
                                     MANIFEST_BYTES, &text, &size, err);
    if (!code)
        *manifest = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

enum error_code deploy_image_built_in(const struct deploy_image *wanted, const char *kind,
                                      struct arena *arena, json_t **entry, struct error *err)
{
    json_t *manifest, *each;
    size_t i;
    *entry = NULL;
    enum error_code code = read_manifest(wanted, arena, &manifest, err);
    if (code)
        return code;
    json_array_foreach (json_object_get(manifest, "files"), i, each)
        if (!*entry && fits(wanted, kind, each))
            *entry = json_incref(each);
    json_decref(manifest);
    return *entry ? ERR_OK : ERR_NOT_FOUND;
}

static enum error_code find_built_in(const struct deploy_image *wanted, struct arena *arena,
                                     struct deploy_image_found *found, struct error *err)
{
    json_t *entry;
    enum error_code code = deploy_image_built_in(wanted, ROOT_IMAGE, arena, &entry, err);
    if (!code)
        take_entry(entry, arena, found);
    json_decref(entry);
    return code;
}

enum error_code deploy_image_find(struct db *db, const struct deploy_image *wanted,
                                  struct arena *arena, struct deploy_image_found *found,
                                  struct error *err)
{
    *found = (struct deploy_image_found){.task = NULL};
    enum error_code code = find_imported(db, wanted, arena, found, err);
    if (code == ERR_NOT_FOUND)
        code = find_built_in(wanted, arena, found, err);
    if (code != ERR_NOT_FOUND)
        return code;
    return error_set(err, ERR_NOT_FOUND, "There is no image of %s %s for %s.",
                     *wanted->osystem ? wanted->osystem : "an operating system", wanted->series,
                     wanted->architecture);
}

enum error_code deploy_image_kernels(struct db *db, const struct deploy_image_found *found,
                                     struct arena *arena, const char **kernels, struct error *err)
{
    DB_STATEMENT(deploy_image_subarches,
                 "SELECT coalesce(string_agg(DISTINCT r.subarch, ',' ORDER BY r.subarch), '') FROM "
                 "boot_resource r JOIN boot_resource f ON (r.os, r.release, r.arch) = (f.os, "
                 "f.release, f.arch) WHERE f.id = $1 AND EXISTS (SELECT FROM boot_resource_set s "
                 "WHERE s.resource_id = r.id AND " IMAGE_SET_WHOLE("s") ")");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &deploy_image_subarches,
                                    DB_PARAMS(db_number(arena, found->resource_id)), &rows, err);
    *kernels = code ? "" : arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

enum error_code deploy_image_names(struct db *db, const struct deploy_image *wanted,
                                   struct arena *arena, const char **names, struct error *err)
{
    DB_STATEMENT(deploy_image_list,
                 "SELECT coalesce(string_agg(DISTINCT r.os || '/' || r.release, ', '), '') FROM "
                 "boot_resource r JOIN boot_resource_set s ON s.resource_id = r.id WHERE r.arch = "
                 "$1 AND " IMAGE_SET_WHOLE(
                     "s") " AND EXISTS (SELECT FROM boot_resource_file f "
                          "WHERE f.set_id = s.id AND (f.filetype = 'squashfs' OR f.filetype LIKE "
                          "'root-%'))");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const struct deploy_image any = {wanted->folder, "", "", wanted->architecture, NULL};
    json_t *manifest, *entry;
    size_t i;
    const char *arch = arena_strndup(arena, any.architecture, strcspn(any.architecture, "/"));
    enum error_code code = read_manifest(wanted, arena, &manifest, err);
    if (!code)
        code = db_query(db, &deploy_image_list, DB_PARAMS(arch), &rows, err);
    *names = code ? "" : arena_strdup(arena, db_text(&rows, 0, 0));
    json_array_foreach (json_object_get(manifest, "files"), i, entry)
        if (!code && fits(&any, ROOT_IMAGE, entry))
            *names = arena_printf(arena, "%s%s%s/%s", *names, **names ? ", " : "",
                                  text_of(entry, "os"), text_of(entry, "release"));
    json_decref(manifest);
    return code;
}
