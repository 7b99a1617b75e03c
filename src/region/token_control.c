/* `gantry cluster token create`: a token with which one more host joins. Control threads. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/address.h"
#include "src/base/clock.h"
#include "src/model/join.h"
#include "src/region/control_socket.h"
#include "src/wire/certificate.h"
#include "src/wire/digest.h"

enum {
    ID_CHARS = 10,
    SECRET_CHARS = 32,
    LIFETIME_MS = 15 * 60 * 1000,
    ASK_MS = 5000,
    KNOWN_US = 200000 /* until every region knows of it: some heartbeats */
};

static enum error_code read_role(const struct control_call *call, int *role, struct error *err)
{
    const char *word = control_call_param(call, "role");
    for (*role = 0; *role < CLUSTER_ROLES; (*role)++)
        if (word && !strcmp(word, cluster_role_word(*role)))
            return ERR_OK;
    return error_set(err, ERR_BAD_INPUT, "role: expected region or rack");
}

/* Where the joining host finds the API: the virtual IPs, whichever region holds them. */
static void fill_addresses(const struct cluster_state *facts, struct arena *arena,
                           struct join_token *token)
{
    for (int i = 0; i < facts->vips_count && token->addresses_count < JOIN_ADDRESSES; i++) {
        struct ip4_net net;
        char text[IP4_TEXT];
        if (ip4_net_parse(facts->vips[i].net, &net))
            token->addresses[token->addresses_count++] = arena_printf(
                arena, "%s:%u", ip4_format(net.address, text), facts->vips[i].https_port);
    }
}

static enum error_code ask(const struct join_token *token, int role, struct error *err)
{
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_TOKEN_CREATE;
    struct command_token_create *create = &command.token_create;
    snprintf(create->token.id, sizeof(create->token.id), "%s", token->id);
    digest_sha256(token->secret, strlen(token->secret), create->token.secret_hash);
    create->token.role = role;
    create->now_ms = clock_real_ms();
    create->token.expires_ms = create->now_ms + LIFETIME_MS;
    return cluster_ask(&command, ASK_MS, err);
}

enum error_code token_control_run(struct control_call *call, json_t *reply, struct error *err)
{
    char id[ID_CHARS + 1], secret[SECRET_CHARS + 1];
    struct certificate ca;
    struct cluster_view view;
    int role;
    enum error_code code = read_role(call, &role, err);
    if (code)
        return code;
    cluster_read(&view);
    if (!view.known || !view.facts.name[0] || !view.raft.quorum)
        return error_set(err, ERR_UNAVAILABLE,
                         "no cluster here, or it has no quorum: `gantry status` says more");
    code = certificate_read(call->region->paths.ca, &ca, err);
    if (code)
        return code;
    digest_random_text(id, ID_CHARS);
    digest_random_text(secret, SECRET_CHARS);
    struct join_token token = {
        .id = id, .secret = secret, .role = cluster_role_word(role), .ca = ca.fingerprint};
    fill_addresses(&view.facts, call->arena, &token);
    if (!token.addresses_count)
        return error_set(err, ERR_CONFLICT, "the cluster has no virtual IP to join through");
    code = ask(&token, role, err);
    if (code)
        return code;
    usleep(KNOWN_US);
    json_object_set_new(reply, "token", json_string(join_token_format(&token, call->arena)));
    json_object_set_new(reply, "role", json_string(token.role));
    json_object_set_new(reply, "expires_s", json_integer(LIFETIME_MS / 1000));
    return ERR_OK;
}
