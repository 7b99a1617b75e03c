/* `gantry cluster join`: see join.h; the exchange: src/model/join.h. */
#include "src/cli/join.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/config.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/model/join.h"
#include "src/wire/ca.h"
#include "src/wire/http_client.h"

enum { JOIN_TIMEOUT_MS = 30 * 1000, JOIN_REPLY_BYTES = 1 << 20 };

/* The part of rackd's configuration that says where it looks. */
struct join_place {
    const char *name, *data_dir;
    struct stat above; /* the data_dir, or the folder above it that is there: who is to own it */
};

static const struct config_key place_keys[] = {
    {"rack", "name", CONFIG_TEXT, offsetof(struct join_place, name), "",
     .help = "name of this rack controller; empty: the host's name"},
    {"rack", "data_dir", CONFIG_PATH, offsetof(struct join_place, data_dir), "/var/lib/gantry/rack",
     .help = "where gantry-rackd keeps what must survive"},
};

static void print_help(void)
{
    printf(
        "usage: gantry cluster join TOKEN [--config FILE]\n\n"
        "Make this host a rack controller of the cluster that TOKEN is from: makes a key here, "
        "has\n"
        "the cluster sign it, and leaves the certificate where gantry-rackd looks for it.\n"
        "TOKEN may be - to read it from standard input, or @FILE.\n\n"
        "  --config FILE  rackd's configuration (default: /etc/gantry/rackd.conf), for name and\n"
        "                 data_dir; --set section.key=value overrides a key\n\n"
        "example:\n  on a region:   gantry cluster token create --role rack\n"
        "  on the rack:   gantry cluster join eyJpZCI6... && systemctl start gantry-fenced\n");
}

struct join {
    const char *token, *config;
    const char *sets[8];
    int sets_count;
};

static enum error_code parse(int argc, char **argv, struct join *join, struct error *err)
{
    *join = (struct join){0};
    for (int i = 1; i < argc; i++) {
        bool is_config = !strcmp(argv[i], "--config"), is_set = !strcmp(argv[i], "--set");
        if ((is_config || is_set) && i + 1 == argc)
            return cli_usage(err, "cluster join ", "%s needs a value", argv[i]);
        if (is_config)
            join->config = argv[++i];
        else if (is_set && join->sets_count < (int)COUNT_OF(join->sets))
            join->sets[join->sets_count++] = argv[++i];
        else if (!strncmp(argv[i], "--", 2) || join->token)
            return cli_usage(err, "cluster join ", "unknown word \"%.100s\"", argv[i]);
        else
            join->token = argv[i];
    }
    return join->token ? ERR_OK : cli_usage(err, "cluster join ", "TOKEN is missing");
}

static enum error_code find_place(struct cli *cli, const struct join *join,
                                  struct join_place *place, struct error *err)
{
    struct config_source source = {
        .path = join->config ? join->config : "/etc/gantry/rackd.conf",
        .must_exist = join->config != NULL,
        .sets = join->sets,
        .sets_count = join->sets_count,
        .partial = true,
    };
    enum error_code code =
        config_load(place_keys, (int)COUNT_OF(place_keys), &source, cli->arena, place, err);
    if (code || *place->name)
        return code;
    char host[LIMIT_NAME] = "";
    if (gethostname(host, sizeof(host) - 1) || !*host)
        return error_set(err, ERR_BAD_INPUT, "this host has no name; set [rack] name in %s",
                         source.path);
    place->name = arena_strdup(cli->arena, host);
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

static enum error_code write_one(struct cli *cli, const char *folder, const char *name,
                                 const char *text, mode_t mode, struct error *err)
{
    return file_write(arena_printf(cli->arena, "%s/%s", folder, name), text, strlen(text), mode,
                      err);
}

/** rackd runs as another user than root, who joins: what was written goes to the folder's owner. */
static enum error_code give_away(struct cli *cli, const struct join_place *place, struct error *err)
{
    static const char *const names[] = {"",
                                        "/tls",
                                        "/" JOIN_FILE_KEY,
                                        "/" JOIN_FILE_CA,
                                        "/" JOIN_FILE_CERTIFICATE,
                                        "/" JOIN_FILE_REGIONS};
    if (geteuid() != 0)
        return ERR_OK;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *path = arena_printf(cli->arena, "%s%s", place->data_dir, names[i]);
        if (lchown(path, place->above.st_uid, place->above.st_gid))
            return error_errno(err, "%s: cannot give it to its folder's owner", path);
    }
    return ERR_OK;
}

static enum error_code write_files(struct cli *cli, const struct join_place *place,
                                   const char *key_pem, json_t *reply, struct error *err)
{
    const char *certificate = json_string_value(json_object_get(reply, "certificate"));
    const char *ca = json_string_value(json_object_get(reply, "ca"));
    const char *system_id = json_string_value(json_object_get(reply, "system_id"));
    json_t *regions = json_object_get(reply, "regions");
    if (!certificate || !ca || !system_id || json_array_size(regions) == 0)
        return error_set(err, ERR_CORRUPT,
                         "the region's answer lacks a part; are region and rack "
                         "of the same version?");
    json_t *known =
        json_pack("{ss ss sO}", "name", place->name, "system_id", system_id, "regions", regions);
    char *text = json_dumps(known, JSON_INDENT(2));
    ASSERT(text);
    const char *folder = place->data_dir;
    enum error_code code = file_make_folders(arena_printf(cli->arena, "%s/tls", folder), 0700, err);
    if (!code)
        code = write_one(cli, folder, JOIN_FILE_KEY, key_pem, 0600, err);
    if (!code)
        code = write_one(cli, folder, JOIN_FILE_CA, ca, 0644, err);
    if (!code)
        code = write_one(cli, folder, JOIN_FILE_CERTIFICATE, certificate, 0644, err);
    if (!code) /* last: rackd takes a host with this file for one that has joined */
        code = write_one(cli, folder, JOIN_FILE_REGIONS, text, 0644, err);
    if (!code)
        code = give_away(cli, place, err);
    if (!code && cli->json)
        printf("%s\n", text);
    else if (!code)
        printf("%s joined as rack controller %s; start gantry-fenced on this host\n", place->name,
               system_id);
    free(text);
    json_decref(known);
    return code;
}

static enum error_code exchange(struct cli *cli, const struct join_token *token,
                                const struct join_place *place, struct error *err)
{
    struct ca_subject subject = {.name = place->name, .role = CA_ROLE_RACK};
    char *key_pem = ca_make_key(cli->arena), *csr = NULL;
    enum error_code code = ca_make_request(key_pem, &subject, cli->arena, &csr, err);
    if (code)
        return code;
    json_t *body = json_pack("{ss ss ss ss ss}", "id", token->id, "secret", token->secret, "role",
                             token->role, "name", place->name, "csr", csr);
    if (!body)
        return error_set(err, ERR_BAD_INPUT, "the name of this rack is no UTF-8");
    char *text = json_dumps(body, JSON_COMPACT);
    ASSERT(text);
    json_t *reply = NULL;
    code = ask_any(cli, token, text, &reply, err);
    if (!code)
        code = write_files(cli, place, key_pem, reply, err);
    json_decref(reply);
    json_decref(body);
    free(text);
    return code;
}

/** Rather before the token is spent than after. */
static enum error_code check_place(struct cli *cli, struct join_place *place, struct error *err)
{
    char *above = arena_strdup(cli->arena, place->data_dir);
    while (stat(above, &place->above) && strrchr(above, '/') > above)
        *strrchr(above, '/') = '\0';
    const char *regions = arena_printf(cli->arena, "%s/%s", place->data_dir, JOIN_FILE_REGIONS);
    if (access(regions, F_OK) == 0)
        return error_set(err, ERR_CONFLICT,
                         "this host has joined a cluster already (%s); to join anew stop "
                         "gantry-fenced and remove %s",
                         regions, place->data_dir);
    if (access(*above ? above : "/", W_OK))
        return error_errno(err, "%s: cannot write", place->data_dir);
    return ERR_OK;
}

enum error_code join_run(struct cli *cli, int argc, char **argv, struct error *err)
{
    if (cli->help) {
        print_help();
        return ERR_OK;
    }
    struct join join;
    struct join_token token;
    struct join_place place = {0};
    enum error_code code = parse(argc, argv, &join, err);
    if (!code && (!strcmp(join.token, "-") || *join.token == '@'))
        code = cli_read_secret(cli, join.token + (*join.token == '@'), &join.token, err);
    if (!code)
        code = join_token_parse(join.token, cli->arena, &token, err);
    if (!code && strcmp(token.role, CA_ROLE_RACK) != 0)
        code = error_set(err, ERR_BAD_INPUT,
                         "this token is for a %s; a host joins with: gantry "
                         "cluster token create --role rack",
                         token.role);
    if (!code)
        code = find_place(cli, &join, &place, err);
    if (!code)
        code = check_place(cli, &place, err);
    if (!code)
        code = exchange(cli, &token, &place, err);
    return code ? error_wrap(err, "cluster join") : ERR_OK;
}
