/* Images of deployments: see deploy_image.h. */
#include "src/region/deploy_image.h"

#include <string.h>

#include "src/base/file.h"

enum { MANIFEST_BYTES = 1 << 20 };

#define KIND "root-image"

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

static bool fits(const struct deploy_image *wanted, const json_t *entry)
{
    return !strcmp(text_of(entry, "kind"), KIND) &&
           is_architecture(wanted->architecture, text_of(entry, "architecture")) &&
           (!*wanted->osystem || !strcmp(wanted->osystem, text_of(entry, "os"))) &&
           (!*wanted->series || !strcmp(wanted->series, text_of(entry, "release")));
}

enum error_code deploy_image_find(const struct deploy_image *wanted, struct arena *arena,
                                  json_t **image, struct error *err)
{
    char *text;
    size_t size, i;
    json_t *entry;
    *image = NULL;
    if (!wanted->folder)
        return error_set(err, ERR_NOT_FOUND, "This region keeps no images.");
    enum error_code code = file_read(arena, arena_printf(arena, "%s/manifest.json", wanted->folder),
                                     MANIFEST_BYTES, &text, &size, err);
    if (code)
        return code;
    json_t *manifest = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    json_array_foreach (json_object_get(manifest, "files"), i, entry) {
        if (*image || !fits(wanted, entry))
            continue;
        *image = json_pack("{s:s, s:s, s:s, s:I}", "form", text_of(entry, "form"), "path",
                           arena_printf(arena, "/images/%s", text_of(entry, "file")), "sha256",
                           text_of(entry, "sha256"), "size",
                           json_integer_value(json_object_get(entry, "size")));
    }
    json_decref(manifest);
    if (*image)
        return ERR_OK;
    return error_set(err, ERR_NOT_FOUND, "There is no image of %s %s for %s.",
                     *wanted->osystem ? wanted->osystem : "an operating system", wanted->series,
                     wanted->architecture);
}
