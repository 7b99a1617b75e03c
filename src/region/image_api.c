/*
 * Files of the images folder, below /images/: what its manifest.json lists, whole or in part, with
 * the SHA-256 as ETag. Needs no database. Source: docs/images.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/region/file_reply.h"
#include "src/region/http.h"
#include "src/region/routes.h"

enum { MANIFEST_BYTES = 1 << 20 };

struct image {
    const char *path; /* below the folder */
    uint64_t size;
    const char *sha256; /* NULL: the manifest itself */
};

static const char *join_rest(const struct api_request *request)
{
    const char *path = "";
    for (int i = 0; i < request->route->rest_count; i++)
        path = arena_printf(request->arena, "%s%s%s", path, i ? "/" : "", request->route->rest[i]);
    return path;
}

/* Only what the manifest names is served: its names have no "..", and nothing else lies open. */
static enum error_code find_in_manifest(const char *text, const char *path, struct arena *arena,
                                        struct image *image, struct error *err)
{
    json_t *manifest = json_loads(text, 0, NULL), *file;
    size_t i;
    image->path = NULL;
    json_array_foreach (json_object_get(manifest, "files"), i, file) {
        const char *name = json_string_value(json_object_get(file, "file"));
        const char *sha256 = json_string_value(json_object_get(file, "sha256"));
        json_int_t size = json_integer_value(json_object_get(file, "size"));
        if (name && sha256 && size >= 0 && !strcmp(name, path) && !strstr(name, "..") &&
            name[0] != '/')
            *image = (struct image){path, (uint64_t)size, arena_strdup(arena, sha256)};
    }
    json_decref(manifest);
    if (!image->path)
        return error_set(err, ERR_NOT_FOUND, "No such image: %.200s", path);
    return ERR_OK;
}

static enum error_code find(const struct api_request *request, struct image *image,
                            struct error *err)
{
    const char *folder = http_settings(request->http)->images, *path = join_rest(request);
    char *text;
    size_t size;
    if (!folder)
        return error_set(err, ERR_NOT_FOUND, "This region keeps no images.");
    const char *file = arena_printf(request->arena, "%s/manifest.json", folder);
    enum error_code code = file_read(request->arena, file, MANIFEST_BYTES, &text, &size, err);
    if (code == ERR_NOT_FOUND)
        return error_set(err, ERR_NOT_FOUND, "This region keeps no images.");
    if (code)
        return code;
    *image = (struct image){path, size, NULL};
    return strcmp(path, "manifest.json") ? find_in_manifest(text, path, request->arena, image, err)
                                         : ERR_OK;
}

static enum error_code open_image(const struct api_request *request, const struct image *image,
                                  int *fd, struct error *err)
{
    struct stat status;
    const char *folder = http_settings(request->http)->images;
    *fd = open(arena_printf(request->arena, "%s/%s", folder, image->path),
               O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return error_errno(err, "image %s", image->path);
    if (fstat(*fd, &status) || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size != image->size) {
        file_close_fd(fd);
        return error_set(err, ERR_CORRUPT, "image %s is not what the manifest says", image->path);
    }
    return ERR_OK;
}

enum error_code page_image(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct image image = {0};
    int fd = -1;
    enum error_code code = find(request, &image, err);
    if (code)
        return code;
    struct file_reply file = {.size = image.size, .sha256 = image.sha256};
    if (file_reply_unchanged(request, &file))
        return file_reply_send(request, reply, &file, -1);
    code = open_image(request, &image, &fd, err);
    return code ? code : file_reply_send(request, reply, &file, fd);
}
