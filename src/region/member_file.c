/* Who this member is: see member_file.h. */
#include "src/region/member_file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"

enum { FORMAT = 1, FILE_BYTES = 4096 };

static void in_dir(const char *data_dir, const char *name, char path[LIMIT_PATH])
{
    snprintf(path, LIMIT_PATH, "%s/%s", data_dir, name);
}

static enum error_code parse(const char *text, const char *path, struct member_file *member,
                             struct error *err)
{
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_int_t format = json_integer_value(json_object_get(root, "format"));
    json_int_t id = json_integer_value(json_object_get(root, "id"));
    const char *name = json_string_value(json_object_get(root, "name"));
    enum error_code code = ERR_OK;
    if (format > FORMAT)
        code = error_set(err, ERR_CONFLICT,
                         "%s is of version %lld, this program knows up to %d: install the newer "
                         "gantry again",
                         path, (long long)format, FORMAT);
    else if (format != FORMAT || id <= 0 || !name || !*name || strlen(name) >= LIMIT_NAME)
        code = error_set(err, ERR_CORRUPT,
                         "%s is damaged: remove this member from the cluster, empty its data "
                         "directory and join again",
                         path);
    if (!code && name) {
        member->id = (uint64_t)id;
        member->fresh = json_is_true(json_object_get(root, "fresh"));
        snprintf(member->name, sizeof(member->name), "%s", name);
    }
    json_decref(root);
    return code;
}

enum error_code member_file_read(const char *data_dir, struct member_file *member,
                                 struct error *err)
{
    char path[LIMIT_PATH], *text;
    struct arena *arena = arena_new();
    in_dir(data_dir, "member.json", path);
    enum error_code code = file_read(arena, path, FILE_BYTES, &text, NULL, err);
    code = code ? code : parse(text, path, member, err);
    arena_free(arena);
    return code;
}

enum error_code member_file_write(const char *data_dir, const struct member_file *member,
                                  struct error *err)
{
    char path[LIMIT_PATH];
    in_dir(data_dir, "member.json", path);
    json_t *root = json_pack("{si sI ss}", "format", FORMAT, "id", (json_int_t)member->id, "name",
                             member->name);
    if (member->fresh)
        json_object_set_new(root, "fresh", json_true());
    char *text = json_dumps(root, 0);
    ASSERT(text);
    enum error_code code = file_write(path, text, strlen(text), 0600, err);
    free(text);
    json_decref(root);
    return code;
}

enum error_code member_file_removed(const char *data_dir, struct error *err)
{
    char from[LIMIT_PATH], to[LIMIT_PATH];
    in_dir(data_dir, "member.json", from);
    in_dir(data_dir, "removed.json", to);
    return rename(from, to) ? error_errno(err, "%s", to) : ERR_OK;
}

bool member_file_was_removed(const char *data_dir)
{
    char path[LIMIT_PATH];
    in_dir(data_dir, "removed.json", path);
    return access(path, F_OK) == 0;
}

enum error_code member_file_init_read(const char *data_dir, char name[LIMIT_NAME],
                                      struct error *err)
{
    char path[LIMIT_PATH], *text;
    struct arena *arena = arena_new();
    in_dir(data_dir, "init", path);
    enum error_code code = file_read(arena, path, LIMIT_NAME, &text, NULL, err);
    if (!code)
        snprintf(name, LIMIT_NAME, "%s", text);
    arena_free(arena);
    return code;
}

enum error_code member_file_init_begin(const char *data_dir, const char *name, struct error *err)
{
    char path[LIMIT_PATH];
    in_dir(data_dir, "init", path);
    return file_write(path, name, strlen(name), 0600, err);
}

void member_file_init_end(const char *data_dir)
{
    char path[LIMIT_PATH];
    in_dir(data_dir, "init", path);
    unlink(path);
}
