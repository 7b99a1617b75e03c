/* The list of images: see image_manifest.h. */
#include "src/rack/image_manifest.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/rack/boot_path.h"
#include "src/wire/digest.h"

struct image_manifest {
    struct arena *arena;
    struct image *images;
    int count;
};

static enum error_code read_image(const json_t *json, struct arena *arena, struct image *image,
                                  struct error *err)
{
    struct boot_path path;
    uint8_t digest[DIGEST_BYTES];
    const char *file = json_string_value(json_object_get(json, "file"));
    const char *kind = json_string_value(json_object_get(json, "kind"));
    const char *sha256 = json_string_value(json_object_get(json, "sha256"));
    const json_t *size = json_object_get(json, "size");
    if (!file || boot_path_read(file, strlen(file), &path, err))
        return error_set(err, ERR_BAD_INPUT, "image list: a file has no acceptable name");
    if (!kind || !json_is_integer(size) || json_integer_value(size) < 0 || !sha256 ||
        !digest_hex_parse(sha256, digest, sizeof(digest)))
        return error_set(err, ERR_BAD_INPUT, "image list: kind, size or sha256 of %s", file);
    image->file = arena_strdup(arena, file);
    image->kind = arena_strdup(arena, kind);
    image->size = (uint64_t)json_integer_value(size);
    digest_hex(digest, sizeof(digest), image->sha256);
    return ERR_OK;
}

static enum error_code read_images(const json_t *files, struct image_manifest *manifest,
                                   struct error *err)
{
    size_t i;
    const json_t *file;
    manifest->images = ARENA_ARRAY(manifest->arena, struct image, json_array_size(files) + 1);
    json_array_foreach (files, i, file) {
        enum error_code code =
            read_image(file, manifest->arena, &manifest->images[manifest->count], err);
        if (code)
            return code;
        manifest->count++;
    }
    return ERR_OK;
}

enum error_code image_manifest_read(const char *text, size_t size, struct image_manifest **out,
                                    struct error *err)
{
    if (size > IMAGE_MANIFEST_BYTES)
        return error_set(err, ERR_TOO_LARGE, "image list: more than %d bytes",
                         IMAGE_MANIFEST_BYTES);
    json_error_t problem;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
    const json_t *files = json_object_get(json, "files");
    enum error_code code = ERR_OK;
    struct image_manifest *manifest = calloc(1, sizeof(*manifest));
    ASSERT(manifest);
    manifest->arena = arena_new();
    if (!json)
        code = error_set(err, ERR_BAD_INPUT, "image list: %s", problem.text);
    else if (json_integer_value(json_object_get(json, "manifest_version")) != 1)
        code = error_set(err, ERR_BAD_INPUT, "image list: not of version 1");
    else if (!json_is_array(files) || json_array_size(files) > IMAGE_MANIFEST_FILES)
        code = error_set(err, ERR_BAD_INPUT, "image list: no files, or more than %d",
                         IMAGE_MANIFEST_FILES);
    else
        code = read_images(files, manifest, err);
    json_decref(json);
    if (code) {
        image_manifest_free(manifest);
        return code;
    }
    *out = manifest;
    return ERR_OK;
}

void image_manifest_free(struct image_manifest *manifest)
{
    if (!manifest)
        return;
    arena_free(manifest->arena);
    free(manifest);
}

const struct image *image_manifest_find(const struct image_manifest *manifest, const char *file)
{
    for (int i = 0; manifest && i < manifest->count; i++)
        if (!strcmp(manifest->images[i].file, file))
            return &manifest->images[i];
    return NULL;
}

int image_manifest_count(const struct image_manifest *manifest)
{
    return manifest ? manifest->count : 0;
}
