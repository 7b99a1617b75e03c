/* The exchange of a join: see join_call.h. */
#include "src/cli/join_call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/wire/ca.h"
#include "src/wire/http_client.h"

enum { JOIN_TIMEOUT_MS = 30 * 1000, JOIN_REPLY_BYTES = 1 << 20, KEY_BYTES = 16 << 10 };
#define KEPT_KEY "joining.key"

enum error_code join_configure(struct cli *cli, const struct join_words *words,
                               const struct join_schema *schema, void *into, struct error *err)
{
    struct config_source source = {
        .path = words->config ? words->config : schema->usual_file,
        .must_exist = words->config != NULL,
        .sets = words->sets,
        .sets_count = words->sets_count,
        .partial = true,
    };
    return config_load(schema->keys, schema->count, &source, cli->arena, into, err);
}

enum error_code join_host_name(struct cli *cli, const char **name, struct error *err)
{
    char host[LIMIT_NAME] = "";
    if (**name)
        return ERR_OK;
    if (gethostname(host, sizeof(host) - 1) || !*host)
        return error_set(err, ERR_BAD_INPUT, "this host has no name; set it in the configuration");
    *name = arena_strdup(cli->arena, host);
    return ERR_OK;
}

enum error_code join_check_place(struct cli *cli, struct join_place *place, const char *mark,
                                 struct error *err)
{
    char *above = arena_strdup(cli->arena, place->data_dir);
    while (stat(above, &place->above) && strrchr(above, '/') > above)
        *strrchr(above, '/') = '\0';
    const char *path = arena_printf(cli->arena, "%s/%s", place->data_dir, mark);
    if (access(path, F_OK) == 0)
        return error_set(err, ERR_CONFLICT,
                         "this host has joined a cluster already (%s); to join anew stop "
                         "gantry-fenced and remove %s",
                         path, place->data_dir);
    if (access(*above ? above : "/", W_OK))
        return error_errno(err, "%s: cannot write", place->data_dir);
    return ERR_OK;
}

/** Ask one region. An answer, good or bad, is final; only one that cannot be reached is passed by.
 */
static enum error_code ask(struct cli *cli, const struct join_token *token, const char *address,
                           const char *body, json_t **reply, struct error *err)
{
    const char *url = arena_printf(cli->arena, "https://%s/MAAS/cluster/join", address);
    struct http_client_request request = {
        .method = "POST",
        .url = url,
        .body = body,
        .body_size = strlen(body),
        .content_type = "application/json",
        .tls = {.ca_fingerprint = token->ca, .role = CA_ROLE_REGION},
        .timeout_ms = JOIN_TIMEOUT_MS,
        .reply_limit = JOIN_REPLY_BYTES,
    };
    struct http_client *client = http_client_new();
    struct http_client_reply answer;
    enum error_code code = http_client_run(client, &request, cli->arena, &answer, err);
    http_client_free(client);
    if (code == ERR_FORBIDDEN)
        return error_wrap(err, "%s is not a region of the token's cluster", address);
    if (!code)
        code = http_client_expect(&answer, url, err);
    if (code)
        return code;
    *reply = json_loadb(answer.body, answer.body_size, 0, NULL);
    return *reply ? ERR_OK : error_set(err, ERR_CORRUPT, "%s: the answer is no JSON", url);
}

static enum error_code ask_any(struct cli *cli, const struct join_token *token, const char *body,
                               json_t **reply, struct error *err)
{
    enum error_code code = ERR_UNAVAILABLE;
    for (int i = 0; i < token->addresses_count; i++) {
        fprintf(stderr, "  asking %s\n", token->addresses[i]);
        code = ask(cli, token, token->addresses[i], body, reply, err);
        if (code != ERR_UNAVAILABLE && code != ERR_TIMEOUT)
            break;
    }
    if (code == ERR_UNAVAILABLE || code == ERR_TIMEOUT) {
        struct error cause = *err;
        return error_set(err, code,
                         "%.350s; no region of the token answers: is one up, and does "
                         "this host have a route to it?",
                         cause.text);
    }
    return code;
}

/* The key is kept until there is an answer: who asks again with it is the same host. */
static enum error_code keep_key(struct cli *cli, const struct join_place *place, char **key_pem,
                                struct error *err)
{
    const char *path = arena_printf(cli->arena, "%s/" KEPT_KEY, place->data_dir);
    enum error_code code = file_read(cli->arena, path, KEY_BYTES, key_pem, NULL, err);
    if (code != ERR_NOT_FOUND)
        return code;
    *key_pem = ca_make_key(cli->arena);
    return join_write(cli, place, KEPT_KEY, *key_pem, 0600, err);
}

/* A lost answer may have been a yes. */
static void forget_key(struct cli *cli, const struct join_place *place, enum error_code code)
{
    if (code == ERR_TIMEOUT || code == ERR_UNAVAILABLE || code == ERR_IO)
        return;
    unlink(arena_printf(cli->arena, "%s/" KEPT_KEY, place->data_dir));
    rmdir(place->data_dir); /* when it was made for this */
}

void join_done(struct cli *cli, const struct join_place *place)
{
    forget_key(cli, place, ERR_OK);
}

enum error_code join_exchange(struct cli *cli, const struct join_token *token,
                              const struct join_place *place, json_t *more,
                              struct join_answer *answer, struct error *err)
{
    struct ca_subject subject = {.name = place->name, .role = place->role};
    char *csr = NULL;
    enum error_code code = keep_key(cli, place, &answer->key_pem, err);
    code = code ? code : ca_make_request(answer->key_pem, &subject, cli->arena, &csr, err);
    if (code)
        return code;
    json_t *body = json_pack("{ss ss ss ss ss}", "id", token->id, "secret", token->secret, "role",
                             token->role, "name", place->name, "csr", csr);
    if (!body)
        return error_set(err, ERR_BAD_INPUT, "the name of this host is no UTF-8");
    if (more)
        json_object_update(body, more);
    char *text = json_dumps(body, JSON_COMPACT);
    ASSERT(text);
    code = ask_any(cli, token, text, &answer->reply, err);
    if (code)
        forget_key(cli, place, code);
    json_decref(body);
    free(text);
    return code;
}

enum error_code join_write(struct cli *cli, const struct join_place *place, const char *name,
                           const char *text, mode_t mode, struct error *err)
{
    char *path = arena_printf(cli->arena, "%s/%s", place->data_dir, name);
    char *folder = arena_strdup(cli->arena, path);
    *strrchr(folder, '/') = '\0';
    enum error_code code = file_make_folders(folder, 0700, err);
    return code ? code : file_write(path, text, strlen(text), mode, err);
}

enum error_code join_give_away(struct cli *cli, const struct join_place *place,
                               const char *const *names, int count, struct error *err)
{
    if (geteuid() != 0)
        return ERR_OK;
    for (int i = 0; i < count; i++) {
        const char *path =
            arena_printf(cli->arena, "%s%s%s", place->data_dir, *names[i] ? "/" : "", names[i]);
        if (lchown(path, place->above.st_uid, place->above.st_gid))
            return error_errno(err, "%s: cannot give it to its folder's owner", path);
    }
    return ERR_OK;
}
