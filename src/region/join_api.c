/*
 * POST /MAAS/cluster/join: a host with a token has its key signed (src/model/join.h). Needs no
 * database. The token is checked against the facts before anything is proposed, so that who has
 * none cannot fill the log. Pool threads.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/cluster_door.h"
#include "src/base/clock.h"
#include "src/region/http.h"
#include "src/region/routes.h"
#include "src/wire/ca.h"
#include "src/wire/digest.h"

enum { BODY_BYTES = 64 << 10, ASK_MS = 5000, SYSTEM_ID_CHARS = 6 };

struct join {
    struct arena *arena;
    json_t *body;
    const char *id, *secret, *role, *name, *csr;
    char bearer[CLUSTER_FINGERPRINT]; /* of the key to be certified */
    char system_id[SYSTEM_ID_CHARS + 1];
    uint8_t secret_hash[CLUSTER_HASH];
};

static enum error_code take(struct join *join, const char *key, size_t most, const char **text,
                            struct error *err)
{
    *text = json_string_value(json_object_get(join->body, key));
    if (!*text || !**text || strlen(*text) > most)
        return error_set(err, ERR_BAD_INPUT, "%s: expected a text of 1 to %zu characters", key,
                         most);
    return ERR_OK;
}

static enum error_code read_body(const struct api_request *request, struct join *join,
                                 struct error *err)
{
    size_t size;
    const char *bytes = api_body(request, &size);
    const char *scheme = api_header(request, "X-Forwarded-Proto");
    if (!scheme || strcmp(scheme, "https") != 0)
        return error_set(err, ERR_FORBIDDEN, "join over https: the token is a secret");
    if (size > BODY_BYTES)
        return error_set(err, ERR_TOO_LARGE, "the request is larger than %d bytes", BODY_BYTES);
    join->body = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(join->body))
        return error_set(err, ERR_BAD_INPUT, "the request is no JSON object");
    enum error_code code = take(join, "id", LIMIT_NAME - 1, &join->id, err);
    code = code ? code : take(join, "secret", 256, &join->secret, err);
    code = code ? code : take(join, "role", 16, &join->role, err);
    code = code ? code : take(join, "name", LIMIT_NAME - 1, &join->name, err);
    return code ? code : take(join, "csr", BODY_BYTES, &join->csr, err);
}

/* The id follows from the key: who asks again with the same key is the same rack. */
static void make_system_id(struct join *join)
{
    static const char letters[] = "34678abcdefghkmnpqrstwxy";
    uint8_t bytes[DIGEST_BYTES];
    digest_sha256(join->bearer, strlen(join->bearer), bytes);
    for (int i = 0; i < SYSTEM_ID_CHARS; i++)
        join->system_id[i] = letters[bytes[i] % (sizeof(letters) - 1)];
}

static enum error_code read_request(struct join *join, struct error *err)
{
    struct ca_subject asked;
    if (!record_is_name(join->name, LIMIT_NAME))
        return error_set(err, ERR_BAD_INPUT,
                         "name: expected letters, digits, '.', '-', '_': correct [rack] name");
    enum error_code code = ca_read_request(join->csr, &asked, join->arena, err);
    code = code ? code : ca_request_key(join->csr, join->bearer, err);
    if (code)
        return code;
    digest_sha256(join->secret, strlen(join->secret), join->secret_hash);
    make_system_id(join);
    if (strcmp(join->role, cluster_role_word(CLUSTER_ROLE_RACK)) != 0)
        return error_set(err, ERR_BAD_INPUT, "role: a cluster of this version takes racks only");
    return ERR_OK;
}

/* What apply would refuse is refused here, without an entry in the log. */
static enum error_code check_facts(const struct join *join, struct cluster_view *view,
                                   struct error *err)
{
    cluster_read(view);
    if (!view->known)
        return error_set(err, ERR_UNAVAILABLE, "the cluster has no quorum right now; try again");
    const struct cluster_token *token = cluster_state_token(&view->facts, join->id);
    if (!token || !digest_equal(token->secret_hash, join->secret_hash, CLUSTER_HASH))
        return error_set(err, ERR_UNAUTHORIZED,
                         "the cluster does not know this token, or it has expired: make a new one "
                         "with `gantry cluster token create`");
    if (token->expires_ms <= clock_real_ms())
        return error_set(
            err, ERR_GONE,
            "the token has expired: make a new one with `gantry cluster token create`");
    if (token->used_by[0] && strcmp(token->used_by, join->bearer) != 0)
        return error_set(err, ERR_GONE,
                         "the token was used already: make a new one with `gantry cluster token "
                         "create`");
    if (strcmp(cluster_role_word(token->role), join->role) != 0)
        return error_set(err, ERR_FORBIDDEN, "the token is for a %s",
                         cluster_role_word(token->role));
    const struct cluster_rack *namesake = cluster_state_rack_named(&view->facts, join->name);
    if (namesake && strcmp(namesake->system_id, join->system_id) != 0)
        return error_set(err, ERR_CONFLICT,
                         "the cluster has a rack %s already: give this one another [rack] name",
                         join->name);
    return ERR_OK;
}

static enum error_code use_token(const struct join *join, struct error *err)
{
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_TOKEN_USE;
    struct command_token_use *use = &command.token_use;
    snprintf(use->id, sizeof(use->id), "%s", join->id);
    memcpy(use->secret_hash, join->secret_hash, sizeof(use->secret_hash));
    use->role = CLUSTER_ROLE_RACK;
    use->now_ms = clock_real_ms();
    memcpy(use->bearer, join->bearer, sizeof(use->bearer));
    return record_is_name(use->id, sizeof(use->id))
               ? cluster_ask(&command, ASK_MS, err)
               : error_set(err, ERR_UNAUTHORIZED, "the cluster does not know this token");
}

static enum error_code add_rack(const struct join *join, const char *certificate_pem,
                                struct error *err)
{
    struct command command;
    struct certificate certificate;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_RACK_ADD;
    struct cluster_rack *rack = &command.rack_add;
    enum error_code code = certificate_parse(certificate_pem, &certificate, err);
    if (code)
        return code;
    snprintf(rack->system_id, sizeof(rack->system_id), "%s", join->system_id);
    snprintf(rack->name, sizeof(rack->name), "%s", join->name);
    snprintf(rack->serial, sizeof(rack->serial), "%s", certificate.serial);
    return cluster_ask(&command, ASK_MS, err);
}

static void write_reply(const struct join *join, const struct cluster_state *facts,
                        const char *certificate_pem, const struct ca *ca, struct api_reply *reply)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "system_id", join->system_id);
    json_out_text(out, "certificate", certificate_pem);
    json_out_text(out, "ca", ca_pem(ca));
    json_out_open_list(out, "regions");
    for (int i = 0; i < facts->members_count; i++) {
        json_out_open_object(out, NULL);
        json_out_text(out, "name", facts->members[i].name);
        json_out_text(out, "address", facts->members[i].address);
        json_out_int(out, "port", facts->members[i].ports[CLUSTER_PORT_RACK]);
        json_out_close_object(out);
    }
    json_out_close_list(out);
    json_out_close_object(out);
}

static enum error_code admit(struct join *join, const char *ca_dir, struct api_reply *reply,
                             struct error *err)
{
    struct cluster_view view;
    struct ca_subject subject = {.name = join->name, .role = CA_ROLE_RACK};
    struct ca *ca = NULL;
    char *pem = NULL;
    enum error_code code = check_facts(join, &view, err);
    code = code ? code : ca_open(ca_dir, &ca, err);
    code = code ? code : use_token(join, err);
    code = code ? code : ca_sign(ca, join->csr, &subject, CA_LEAF_DAYS, join->arena, &pem, err);
    code = code ? code : add_rack(join, pem, err);
    if (!code)
        write_reply(join, &view.facts, pem, ca, reply);
    ca_free(ca);
    return code;
}

enum error_code page_cluster_join(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct join join = {.arena = request->arena};
    const char *ca_dir = http_settings(request->http)->ca_dir;
    enum error_code code =
        ca_dir ? read_body(request, &join, err) : error_set(err, ERR_NOT_FOUND, "Not Found");
    code = code ? code : read_request(&join, err);
    code = code ? code : admit(&join, ca_dir, reply, err);
    json_decref(join.body);
    return code;
}
