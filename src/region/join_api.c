/*
 * POST /MAAS/cluster/join: a host with a token has its key signed (src/model/join.h). Needs no
 * database. The token is checked against the facts before anything is proposed, so that who has
 * none cannot fill the log. Pool threads.
 */
#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/region/join_call.h"
#include "src/region/routes.h"
#include "src/wire/digest.h"

enum { BODY_BYTES = 64 << 10 };

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
    enum error_code code = join_take(join, "id", LIMIT_NAME - 1, &join->id, err);
    code = code ? code : join_take(join, "secret", 256, &join->secret, err);
    code = code ? code : join_take(join, "role", 16, &join->role, err);
    code = code ? code : join_take(join, "name", LIMIT_NAME - 1, &join->name, err);
    return code ? code : join_take(join, "csr", BODY_BYTES, &join->csr, err);
}

static enum error_code read_request(struct join *join, struct error *err)
{
    struct ca_subject asked;
    if (!record_is_name(join->name, LIMIT_NAME))
        return error_set(err, ERR_BAD_INPUT,
                         "name: expected letters, digits, '.', '-', '_': correct [%s] name",
                         join->role);
    enum error_code code = ca_read_request(join->csr, &asked, join->arena, err);
    code = code ? code : ca_request_key(join->csr, join->bearer, err);
    if (code)
        return code;
    digest_sha256(join->secret, strlen(join->secret), join->secret_hash);
    for (int role = 0; role < CLUSTER_ROLES; role++)
        if (!strcmp(join->role, cluster_role_word(role))) {
            join->role_number = role;
            return ERR_OK;
        }
    return error_set(err, ERR_BAD_INPUT, "role: expected region or rack");
}

/* What apply would refuse is refused here, without an entry in the log. */
static enum error_code check_facts(const struct join *join, struct cluster_view *view,
                                   struct error *err)
{
    cluster_read(view);
    if (!view->known || !view->raft.quorum)
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
    if (token->role != join->role_number)
        return error_set(err, ERR_FORBIDDEN, "the token is for a %s",
                         cluster_role_word(token->role));
    return ERR_OK;
}

enum error_code page_cluster_join(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct cluster_view *view = ARENA_NEW(request->arena, struct cluster_view);
    struct join join = {.arena = request->arena, .settings = http_settings(request->http)};
    enum error_code code = join.settings->ca_dir ? read_body(request, &join, err)
                                                 : error_set(err, ERR_NOT_FOUND, "Not Found");
    code = code ? code : read_request(&join, err);
    code = code ? code : check_facts(&join, view, err);
    if (!code)
        code = join.role_number == CLUSTER_ROLE_REGION ? join_region(&join, view, reply, err)
                                                       : join_rack(&join, view, reply, err);
    json_decref(join.body);
    return code;
}
