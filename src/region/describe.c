/* The describe document: see describe.h. */
#include "src/region/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_out.h"
#include "src/model/api_action.h"
#include "src/wire/digest.h"

/* Stands where the base URL goes; json_out writes no such byte. */
#define BASE_MARK '\x01'
#define ROOT      "/MAAS/api/2.0/"

enum { HASH_CHARS = 40 };

enum side { ANON, AUTH };

static char *document; /* with marks */
static char hash[DIGEST_TEXT];

static bool belongs(const struct api_action *action, const struct api_handler *resource,
                    enum side side)
{
    if (strcmp(action->handler_name, resource->name))
        return false;
    return side == AUTH ? action->access != API_ANON_ONLY
                        : action->access == API_ANON || action->access == API_ANON_ONLY;
}

static int count_of(const struct api_handler *resource, enum side side)
{
    int count = 0;
    for (int i = 0; i < api_actions_count; i++)
        count += belongs(&api_actions[i], resource, side);
    return count;
}

/* A handler that is there for both sides is called AnonX on the anonymous one. */
static const char *name_of(const struct api_handler *resource, enum side side, char name[96])
{
    bool both = side == ANON && count_of(resource, AUTH);
    snprintf(name, 96, "%s%s", both ? "Anon" : "", resource->name);
    return name;
}

static int by_name(const void *a, const void *b)
{
    const struct api_action *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static void write_actions(struct json_out *out, const struct api_handler *resource, enum side side)
{
    const struct api_action *list[64] = {0};
    size_t count = 0;
    for (int i = 0; i < api_actions_count; i++) {
        if (!belongs(&api_actions[i], resource, side))
            continue;
        ASSERT(count < 64);
        list[count++] = &api_actions[i];
    }
    qsort(list, count, sizeof(list[0]), by_name);
    json_out_open_list(out, "actions");
    for (size_t i = 0; i < count; i++) {
        json_out_open_object(out, NULL);
        json_out_text(out, "doc", list[i]->doc);
        json_out_text(out, "method", api_method_name(list[i]->method));
        json_out_text(out, "name", list[i]->name);
        json_out_text(out, "op", list[i]->op);
        json_out_bool(out, "restful", list[i]->op == NULL);
        json_out_close_object(out);
    }
    json_out_close_list(out);
}

static void write_params(struct json_out *out, const char *path)
{
    json_out_open_list(out, "params");
    for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{'))
        json_out_text_n(out, NULL, at + 1, strcspn(at + 1, "}"));
    json_out_close_list(out);
}

static void write_handler(struct json_out *out, const char *key, const struct api_handler *resource,
                          enum side side)
{
    char name[96], path[256];
    if (!count_of(resource, side)) {
        json_out_null(out, key);
        return;
    }
    snprintf(path, sizeof(path), ROOT "%s", resource->path);
    json_out_open_object(out, key);
    write_actions(out, resource, side);
    json_out_text(out, "doc", resource->doc);
    json_out_text(out, "name", name_of(resource, side, name));
    write_params(out, resource->path);
    json_out_text(out, "path", path);
    char marked[300];
    snprintf(marked, sizeof(marked), "\"%c%s\"", BASE_MARK, path);
    json_out_raw(out, "uri", marked);
    json_out_close_object(out);
}

static int by_handler_name(const void *a, const void *b)
{
    const struct api_handler *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static void write_document(struct json_out *out, const struct api_handler **sorted, int count)
{
    json_out_open_object(out, NULL);
    json_out_text(out, "doc", "MAAS API");
    json_out_open_list(out, "handlers");
    for (enum side side = ANON; side <= AUTH; side++)
        for (int i = 0; i < count; i++)
            if (count_of(sorted[i], side))
                write_handler(out, NULL, sorted[i], side);
    json_out_close_list(out);
    json_out_open_list(out, "resources");
    for (int i = 0; i < count; i++) {
        json_out_open_object(out, NULL);
        write_handler(out, "anon", sorted[i], ANON);
        write_handler(out, "auth", sorted[i], AUTH);
        json_out_text(out, "name", sorted[i]->name);
        json_out_close_object(out);
    }
    json_out_close_list(out);
    if (hash[0])
        json_out_text(out, "hash", hash);
    json_out_close_object(out);
}

static char *render(const struct api_handler **sorted, int count)
{
    struct spool spool;
    struct json_out out;
    spool_init(&spool);
    json_out_init(&out, &spool);
    write_document(&out, sorted, count);
    json_out_end(&out);
    ASSERT(spool.fd < 0);
    spool_put(&spool, "", 1);
    return spool.bytes;
}

void describe_init(void)
{
    const struct api_handler **sorted =
        calloc((size_t)api_handlers_count, sizeof(struct api_handler *));
    ASSERT(sorted);
    for (int i = 0; i < api_handlers_count; i++)
        sorted[i] = &api_handlers[i];
    qsort(sorted, (size_t)api_handlers_count, sizeof(sorted[0]), by_handler_name);
    free(document);
    hash[0] = '\0';
    document = render(sorted, api_handlers_count);
    digest_sha256_text(document, strlen(document), hash);
    hash[HASH_CHARS] = '\0';
    free(document);
    document = render(sorted, api_handlers_count);
    free(sorted);
}

const char *describe_hash(void)
{
    return hash;
}

void describe_write(struct spool *spool, const char *base_url)
{
    for (const char *at = document; *at;) {
        size_t size = strcspn(at, (char[]){BASE_MARK, '\0'});
        spool_put(spool, at, size);
        at += size;
        if (*at == BASE_MARK) {
            spool_text(spool, base_url);
            at++;
        }
    }
}
