/* The target of a request: see http_path.h. */
#include "src/region/http_path.h"

#include <string.h>

#include "src/region/form.h"

static enum error_code add_segment(struct http_path *path, const char *start, size_t size,
                                   struct arena *arena, struct error *err)
{
    const char *segment = form_decode(arena, start, size, 0);
    if (!segment || !strcmp(segment, ".") || !strcmp(segment, ".."))
        return error_set(err, ERR_BAD_INPUT, "Bad path.");
    if (path->count == HTTP_PATH_SEGMENTS)
        return error_set(err, ERR_NOT_FOUND, "Not Found");
    path->segments[path->count++] = segment;
    return ERR_OK;
}

enum error_code http_path_parse(const char *target, struct arena *arena, struct http_path *path,
                                struct error *err)
{
    *path = (struct http_path){.path = target, .query = ""};
    size_t length = strcspn(target, "?#");
    if (length > HTTP_PATH_BYTES || strlen(target) > 4 * HTTP_PATH_BYTES)
        return error_set(err, ERR_BAD_INPUT, "The URL is too long.");
    path->path = arena_strndup(arena, target, length);
    if (target[length] == '?')
        path->query = arena_strndup(arena, target + length + 1, strcspn(target + length + 1, "#"));
    const char *at = path->path;
    while (*at) {
        size_t size = strcspn(at, "/");
        enum error_code code = size ? add_segment(path, at, size, arena, err) : ERR_OK;
        if (code)
            return code;
        at += size + (at[size] == '/');
    }
    if (path->count && !strncmp(path->segments[path->count - 1], "op-", 3))
        path->op = path->segments[--path->count] + 3;
    return ERR_OK;
}
