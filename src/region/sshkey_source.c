/* Services that publish people's SSH keys: see sshkey_source.h. */
#include "src/region/sshkey_source.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "src/base/container.h"
#include "src/wire/http_client.h"

#define FAILED "Unable to import SSH keys. "

enum { USER_BYTES = 255, ANSWER_MS = 15000 };

static const struct sshkey_service services[] = {
    {"lp", "Launchpad", "ssh_keys_launchpad_url", {"/~", "/+sshkeys"}, false},
    {"gh", "GitHub", "ssh_keys_github_url", {"/users/", "/keys"}, true},
};

/* A name in a path of its own: letters, digits and what stands between them. */
static bool is_user(const char *text)
{
    size_t size = strlen(text);
    bool good = size && size <= USER_BYTES && isalnum((unsigned char)*text);
    for (size_t i = 0; i < size; i++)
        good = good && (isalnum((unsigned char)text[i]) || strchr("+-._", text[i]));
    return good;
}

enum error_code sshkey_source_parse(const char *text, struct arena *arena,
                                    struct sshkey_source *source, struct error *err)
{
    const char *colon = strchr(text, ':');
    *source = (struct sshkey_source){.user = colon ? colon + 1 : text};
    for (size_t i = 0; i < COUNT_OF(services) && colon; i++)
        if (!strncmp(services[i].prefix, text, (size_t)(colon - text)) &&
            strlen(services[i].prefix) == (size_t)(colon - text))
            source->service = &services[i];
    if (!colon)
        source->service = &services[0];
    if (!source->service || !is_user(source->user))
        return error_set(err, ERR_BAD_INPUT,
                         "Invalid keysource: expected lp:NAME or gh:NAME, got '%.100s'.", text);
    source->text = arena_printf(arena, "%s:%s", source->service->prefix, source->user);
    return ERR_OK;
}

static void add(struct sshkey_list_texts *list, struct arena *arena, const char *text, size_t size)
{
    while (size && isspace((unsigned char)text[size - 1]))
        size--;
    if (size && list->count < SSHKEY_SOURCE_KEYS && !memchr(text, '\0', size))
        list->texts[list->count++] = arena_strndup(arena, text, size);
}

static void read_lines(const char *body, size_t size, struct arena *arena,
                       struct sshkey_list_texts *list)
{
    for (const char *at = body, *end = body + size; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((line_end ? line_end : end) - at);
        add(list, arena, at, line);
        at += line + 1;
    }
}

enum error_code sshkey_source_read(const struct sshkey_service *service, const char *body,
                                   size_t size, struct arena *arena, struct sshkey_list_texts *list,
                                   struct error *err)
{
    list->count = 0;
    if (!service->is_json) {
        read_lines(body, size, arena, list);
        return ERR_OK;
    }
    __attribute__((cleanup(json_decrefp))) json_t *rows = json_loadb(body, size, 0, NULL);
    json_t *row;
    size_t i;
    if (!json_is_array(rows))
        return error_set(err, ERR_CORRUPT, "the answer is no JSON list");
    json_array_foreach (rows, i, row) {
        const json_t *key = json_object_get(row, "key");
        if (json_is_string(key))
            add(list, arena, json_string_value(key), json_string_length(key));
    }
    return ERR_OK;
}

enum error_code sshkey_source_fetch(const struct sshkey_source *source, const char *base,
                                    const char *proxy, struct arena *arena,
                                    struct sshkey_list_texts *list, struct error *err)
{
    static const char *const headers[] = {"Accept: application/json, text/plain"};
    const struct sshkey_service *service = source->service;
    size_t base_size = strlen(base);
    while (base_size && base[base_size - 1] == '/')
        base_size--;
    struct http_client_request request = {
        .url = arena_printf(arena, "%.*s%s%s%s", (int)base_size, base, service->path[0],
                            http_client_escape(arena, source->user), service->path[1]),
        .headers = headers,
        .headers_count = 1,
        .timeout_ms = ANSWER_MS,
        .reply_limit = SSHKEY_SOURCE_BYTES,
        .follow = true,
        .proxy = proxy,
    };
    struct http_client_reply reply = {0};
    struct error why = {0};
    struct http_client *client = http_client_new();
    enum error_code code = http_client_run(client, &request, arena, &reply, &why);
    http_client_free(client);
    if (!code && reply.status == 404)
        return error_set(err, ERR_BAD_INPUT, FAILED "%s user %s doesn't exist.", service->name,
                         source->user);
    if (!code)
        code = http_client_expect(&reply, request.url, &why);
    if (!code)
        code = sshkey_source_read(service, reply.body, reply.body_size, arena, list, &why);
    return code ? error_set(err, ERR_UNAVAILABLE, FAILED "%s: %.300s", service->name, why.text)
                : ERR_OK;
}
