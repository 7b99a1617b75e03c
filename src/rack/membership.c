/* Who this rack is: see membership.h. */
#include "src/rack/membership.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/file.h"
#include "src/model/join.h"

enum { FILE_BYTES = 64 << 10 };

static bool copy_text(char *into, size_t room, json_t *from)
{
    const char *text = json_string_value(from);
    if (!text || !*text || strlen(text) >= room)
        return false;
    strcpy(into, text);
    return true;
}

static bool take_port(json_t *from, int *port)
{
    if (!json_is_integer(from) || json_integer_value(from) < 1 || json_integer_value(from) > 65535)
        return false;
    *port = (int)json_integer_value(from);
    return true;
}

static bool take_region(json_t *from, struct membership_region *region)
{
    json_t *hop_port = json_object_get(from, "hop_port");
    ip4 ip;
    region->hop_port = MEMBERSHIP_HOP_PORT;
    return copy_text(region->name, sizeof(region->name), json_object_get(from, "name")) &&
           copy_text(region->address, sizeof(region->address), json_object_get(from, "address")) &&
           ip4_parse(region->address, &ip) &&
           take_port(json_object_get(from, "port"), &region->port) &&
           (!hop_port || take_port(hop_port, &region->hop_port));
}

enum error_code membership_take_regions(struct membership *membership, json_t *list,
                                        struct error *err)
{
    struct membership_region regions[LIMIT_REGIONS];
    size_t count = json_array_size(list);
    memset(regions, 0, sizeof(regions)); /* compared byte by byte */
    if (count < 1 || count > LIMIT_REGIONS)
        return error_set(err, ERR_CORRUPT, "a list of %zu regions, expected 1 to %d", count,
                         LIMIT_REGIONS);
    for (size_t i = 0; i < count; i++) {
        if (!take_region(json_array_get(list, i), &regions[i]))
            return error_set(err, ERR_CORRUPT, "region %zu of the list is malformed", i + 1);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(regions[i].name, regions[j].name))
                return error_set(err, ERR_CORRUPT, "region %s is listed twice", regions[i].name);
    }
    memcpy(membership->regions, regions, sizeof(regions));
    membership->count = (int)count;
    return ERR_OK;
}

static enum error_code parse(const char *path, const char *text, size_t size,
                             struct membership *membership, struct error *err)
{
    json_t *tree = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    enum error_code code = ERR_OK;
    memset(membership, 0, sizeof(*membership));
    if (!copy_text(membership->name, sizeof(membership->name), json_object_get(tree, "name")) ||
        !copy_text(membership->system_id, sizeof(membership->system_id),
                   json_object_get(tree, "system_id")))
        code = error_set(err, ERR_CORRUPT, "no name and system_id");
    else
        code = membership_take_regions(membership, json_object_get(tree, "regions"), err);
    json_decref(tree);
    if (!code)
        return ERR_OK;
    return error_wrap(
        err, "%s: not what `gantry cluster join` wrote; remove the folder and join again", path);
}

static enum error_code not_joined(const char *path, struct error *err)
{
    return error_set(err, ERR_NOT_FOUND,
                     "this host has not joined a cluster (no %s): run `gantry cluster token create "
                     "--role rack` on a region, then `gantry cluster join TOKEN` here",
                     path);
}

enum error_code membership_read(const char *data_dir, struct membership *membership,
                                struct error *err)
{
    struct arena *arena = arena_new();
    const char *path = arena_printf(arena, "%s/%s", data_dir, JOIN_FILE_REGIONS);
    char *text;
    size_t size;
    enum error_code code = file_read(arena, path, FILE_BYTES, &text, &size, err);
    if (code == ERR_NOT_FOUND)
        code = not_joined(path, err);
    else if (!code)
        code = parse(path, text, size, membership, err);
    arena_free(arena);
    return code;
}

enum error_code membership_credentials(const char *data_dir, struct tls_credentials **credentials,
                                       struct error *err)
{
    struct arena *arena = arena_new();
    struct tls_files files = {
        .certificate = arena_printf(arena, "%s/%s", data_dir, JOIN_FILE_CERTIFICATE),
        .key = arena_printf(arena, "%s/%s", data_dir, JOIN_FILE_KEY),
        .ca = arena_printf(arena, "%s/%s", data_dir, JOIN_FILE_CA),
    };
    enum error_code code = tls_credentials_load(&files, credentials, err);
    arena_free(arena);
    return code ? error_wrap(err, "this rack's certificate") : ERR_OK;
}

bool membership_equal(const struct membership *a, const struct membership *b)
{
    return !memcmp(a, b, sizeof(*a));
}

enum error_code membership_write(const char *data_dir, const struct membership *membership,
                                 struct error *err)
{
    char path[LIMIT_PATH];
    json_t *regions = json_array();
    for (int i = 0; i < membership->count; i++) {
        const struct membership_region *region = &membership->regions[i];
        json_array_append_new(regions, json_pack("{ss ss si si}", "name", region->name, "address",
                                                 region->address, "port", region->port, "hop_port",
                                                 region->hop_port));
    }
    json_t *tree = json_pack("{ss ss so}", "name", membership->name, "system_id",
                             membership->system_id, "regions", regions);
    char *text = json_dumps(tree, JSON_INDENT(2));
    ASSERT(text);
    snprintf(path, sizeof(path), "%s/%s", data_dir, JOIN_FILE_REGIONS);
    enum error_code code = file_write(path, text, strlen(text), 0644, err);
    free(text);
    json_decref(tree);
    return code;
}
