/* Profiles: see profile.h. */
#include "src/cli/profile.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"

static enum error_code folder_of(struct cli *cli, const char **folder, struct error *err)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (base && *base == '/')
        *folder = arena_printf(cli->arena, "%s/gantry", base);
    else if (home && *home == '/')
        *folder = arena_printf(cli->arena, "%s/.config/gantry", home);
    else
        return error_set(err, ERR_BAD_INPUT,
                         "neither XDG_CONFIG_HOME nor HOME says where profiles are kept");
    return ERR_OK;
}

static const char *copy_text(struct cli *cli, json_t *object, const char *key)
{
    return arena_strdup(cli->arena, json_string_value(json_object_get(object, key)));
}

static enum error_code read_rows(struct cli *cli, json_t *root, const char *path,
                                 struct profile_list *list, struct error *err)
{
    const char *name;
    json_t *row;
    json_object_foreach (json_object_get(root, "profiles"), name, row) {
        struct profile profile = {
            .name = arena_strdup(cli->arena, name),
            .url = copy_text(cli, row, "url"),
            .key = copy_text(cli, row, "key"),
            .ca = copy_text(cli, row, "ca"),
        };
        if (!profile.url || !profile.key || list->count == PROFILE_MAX)
            return error_set(err, ERR_CORRUPT, "%s: profile \"%s\" has no url or no key", path,
                             name);
        list->rows[list->count++] = profile;
    }
    list->use = copy_text(cli, root, "use");
    return ERR_OK;
}

enum error_code profile_load(struct cli *cli, struct profile_list *list, struct error *err)
{
    *list = (struct profile_list){0};
    const char *folder = NULL;
    enum error_code code = folder_of(cli, &folder, err);
    if (code)
        return code;
    const char *path = arena_printf(cli->arena, "%s/profiles.json", folder);
    char *bytes = NULL;
    size_t size = 0;
    code = file_read(cli->arena, path, PROFILE_FILE_BYTES, &bytes, &size, err);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    if (code)
        return code;
    json_error_t where;
    json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(root))
        code = error_set(err, ERR_CORRUPT, "%s:%d: %s; mend it or remove it", path,
                         root ? 1 : where.line, root ? "no JSON object" : where.text);
    else
        code = read_rows(cli, root, path, list, err);
    json_decref(root);
    return code;
}

enum error_code profile_save(struct cli *cli, const struct profile_list *list, struct error *err)
{
    const char *folder = NULL;
    enum error_code code = folder_of(cli, &folder, err);
    if (!code)
        code = file_make_folders(folder, 0700, err);
    if (code)
        return code;
    json_t *rows = json_object();
    for (int i = 0; i < list->count; i++) {
        const struct profile *row = &list->rows[i];
        json_object_set_new(
            rows, row->name,
            json_pack("{ss ss ss*}", "url", row->url, "key", row->key, "ca", row->ca));
    }
    json_t *root = json_pack("{ss* so}", "use", list->use, "profiles", rows);
    char *text = json_dumps(root, JSON_INDENT(2));
    ASSERT(text);
    const char *path = arena_printf(cli->arena, "%s/profiles.json", folder);
    code = file_write(path, text, strlen(text), 0600, err);
    free(text);
    json_decref(root);
    return code;
}

static int find(const struct profile_list *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (!strcmp(list->rows[i].name, name))
            return i;
    return -1;
}

enum error_code profile_choose(struct cli *cli, struct profile *profile, struct error *err)
{
    struct profile_list *list = ARENA_NEW(cli->arena, struct profile_list);
    enum error_code code = profile_load(cli, list, err);
    if (code)
        return code;
    const char *name = cli->profile ? cli->profile : list->use;
    if (!name)
        return error_set(err, ERR_BAD_INPUT,
                         "no profile yet; make one with: gantry login PROFILE URL KEY");
    int at = find(list, name);
    if (at < 0)
        return error_set(err, ERR_BAD_INPUT,
                         "there is no profile \"%s\"; see: gantry profile list, or make it with: "
                         "gantry login %s URL KEY",
                         name, name);
    *profile = list->rows[at];
    return ERR_OK;
}

enum error_code profile_put(struct profile_list *list, const struct profile *profile,
                            struct error *err)
{
    int at = find(list, profile->name);
    if (at < 0 && list->count == PROFILE_MAX)
        return error_set(err, ERR_LIMIT, "there are %d profiles already", PROFILE_MAX);
    list->rows[at < 0 ? list->count++ : at] = *profile;
    list->use = profile->name;
    return ERR_OK;
}

enum error_code profile_remove(struct profile_list *list, const char *name, struct error *err)
{
    int at = find(list, name);
    if (at < 0)
        return error_set(err, ERR_NOT_FOUND, "there is no profile \"%s\"", name);
    if (list->use && !strcmp(list->use, name))
        list->use = NULL;
    memmove(&list->rows[at], &list->rows[at + 1],
            sizeof(list->rows[0]) * (size_t)(list->count - at - 1));
    list->count--;
    return ERR_OK;
}

enum error_code profile_normal_url(struct arena *arena, const char *url, const char **normal,
                                   struct error *err)
{
    size_t scheme = !strncmp(url, "http://", 7) ? 7 : !strncmp(url, "https://", 8) ? 8 : 0;
    size_t host = scheme ? strcspn(url + scheme, "/?#") : 0;
    if (!scheme || !host || strpbrk(url, " ?#@\"\\"))
        return error_set(err, ERR_BAD_INPUT, "\"%.200s\" is no URL like http://10.0.0.1:5240/MAAS/",
                         url);
    char *path = arena_strdup(arena, url + scheme + host);
    for (size_t n = strlen(path); n > 0 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    if (strcmp(path, "") && strcmp(path, "/MAAS") && strcmp(path, "/MAAS/api/2.0"))
        return error_set(err, ERR_BAD_INPUT,
                         "\"%.200s\": expected a path of /MAAS or /MAAS/api/2.0", url);
    *normal = arena_printf(arena, "%.*s/MAAS/api/2.0/", (int)(scheme + host), url);
    return ERR_OK;
}
