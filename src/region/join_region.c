/*
 * A region joins: see join_call.h. Its reply carries what every region keeps, the CA's key and the
 * seal ring among it, so it is given for a good one-use token and over TLS only. The id is the
 * cluster's to give: two that join at once are told apart by apply, and the later one asks again.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/region/join_call.h"
#include "src/region/routes.h"

enum { ADD_TRIES = 20, ADD_PAUSE_US = 100000 };

static const struct {
    const char *name;
    enum cluster_port port;
} ports[] = {
    {"raft", CLUSTER_PORT_RAFT},     {"racks", CLUSTER_PORT_RACK},
    {"hop", CLUSTER_PORT_HOP},       {"postgres", CLUSTER_PORT_POSTGRES},
    {"health", CLUSTER_PORT_HEALTH}, {"https", CLUSTER_PORT_HTTPS},
};

static enum error_code take_port(const json_t *from, const char *name, uint32_t *port,
                                 struct error *err)
{
    json_int_t number = json_integer_value(json_object_get(from, name));
    if (number < 1 || number > 65535)
        return error_set(err, ERR_BAD_INPUT, "ports: %s: expected a port", name);
    *port = (uint32_t)number;
    return ERR_OK;
}

static enum error_code read_member(const struct join *join, struct cluster_member *member,
                                   struct error *err)
{
    const char *address;
    ip4 parsed;
    enum error_code code = join_take(join, "address", CLUSTER_ADDRESS - 1, &address, err);
    if (!code && !ip4_parse(address, &parsed))
        code = error_set(err, ERR_BAD_INPUT, "address: expected an IPv4 address");
    for (size_t i = 0; i < COUNT_OF(ports) && !code; i++)
        code = take_port(json_object_get(join->body, "ports"), ports[i].name,
                         &member->ports[ports[i].port], err);
    if (code)
        return code;
    snprintf(member->name, sizeof(member->name), "%s", join->name);
    snprintf(member->address, sizeof(member->address), "%s", address);
    memcpy(member->key, join->bearer, sizeof(member->key));
    return ERR_OK;
}

/* The virtual IP that its configuration names, if the cluster does not have it yet. */
static enum error_code read_vip(const struct join *join, struct cluster_vip *vip, struct error *err)
{
    json_t *body = json_object_get(join->body, "vip");
    const char *net_text = json_string_value(json_object_get(body, "address"));
    const char *interface = json_string_value(json_object_get(body, "interface"));
    struct ip4_net net;
    if (!body)
        return ERR_OK;
    if (!net_text || !ip4_net_parse(net_text, &net) || !interface ||
        !record_is_name(interface, CLUSTER_INTERFACE))
        return error_set(err, ERR_BAD_INPUT, "vip: expected address/prefix and an interface");
    ip4_net_format(net, vip->net);
    snprintf(vip->interface, sizeof(vip->interface), "%s", interface);
    enum error_code code = take_port(body, "http_port", &vip->http_port, err);
    return code ? code : take_port(body, "https_port", &vip->https_port, err);
}

enum error_code join_region_read(const struct join *join, struct cluster_member *member,
                                 struct cluster_vip *vip, struct error *err)
{
    enum error_code code = read_member(join, member, err);
    return code ? code : read_vip(join, vip, err);
}

/* What apply would refuse is refused here, before the token is spent. */
static enum error_code check(const struct join *join, const struct cluster_member *asked,
                             const struct cluster_state *facts, struct error *err)
{
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        if (!strcmp(member->key, join->bearer))
            return !strcmp(member->name, join->name) && !strcmp(member->address, asked->address)
                       ? ERR_OK
                       : error_set(err, ERR_CONFLICT, "this key is region %s's", member->name);
        if (!strcmp(member->name, join->name))
            return error_set(err, ERR_CONFLICT,
                             "the cluster has a region %s already: give this one another [region] "
                             "name, or take the old one out with `gantry cluster remove --name %s`",
                             join->name, join->name);
        if (!strcmp(member->address, asked->address) &&
            member->ports[CLUSTER_PORT_RAFT] == asked->ports[CLUSTER_PORT_RAFT])
            return error_set(err, ERR_CONFLICT,
                             "region %s has the address %s: correct [region] address", member->name,
                             asked->address);
    }
    if (facts->members_count == LIMIT_REGIONS)
        return error_set(err, ERR_LIMIT, "a cluster has at most %d regions", LIMIT_REGIONS);
    return ERR_OK;
}

/* Its id as the facts have it: of before when the bearer asks again. */
static uint64_t choose_id(const struct join *join, const struct cluster_state *facts)
{
    for (int i = 0; i < facts->members_count; i++)
        if (!strcmp(facts->members[i].key, join->bearer))
            return facts->members[i].id;
    return facts->member_next;
}

static enum error_code add_member(const struct join *join, struct cluster_member *member,
                                  struct cluster_view *view, struct error *err)
{
    struct command command;
    enum error_code code = ERR_CONFLICT;
    for (int i = 0; i < ADD_TRIES && code == ERR_CONFLICT; i++) {
        if (i > 0)
            usleep(ADD_PAUSE_US); /* another one was added, and this region's view is behind */
        cluster_read(view);
        code = check(join, member, &view->facts, err);
        if (code)
            return code;
        member->id = choose_id(join, &view->facts);
        memset(&command, 0, sizeof(command));
        command.kind = COMMAND_MEMBER_ADD;
        command.member_add = *member;
        code = cluster_ask(&command, JOIN_ASK_MS, err);
    }
    return code;
}

static enum error_code add_vip(const struct cluster_vip *vip, struct error *err)
{
    struct command command;
    if (!vip->net[0])
        return ERR_OK;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_VIP_DEFINE;
    command.vip_define = *vip;
    enum error_code code = cluster_ask(&command, JOIN_ASK_MS, err);
    return code == ERR_CONFLICT ? ERR_OK : code; /* it is there already */
}

static enum error_code sign(const struct join *join, struct ca *ca, struct cluster_member *member,
                            char **pem, struct error *err)
{
    struct ca_subject subject = {
        .name = join->name, .role = CA_ROLE_REGION, .names = {member->address}, .names_count = 1};
    struct certificate certificate;
    enum error_code code = ca_sign(ca, join->csr, &subject, CA_LEAF_DAYS, join->arena, pem, err);
    code = code ? code : certificate_parse(*pem, &certificate, err);
    if (!code)
        snprintf(member->serial, sizeof(member->serial), "%s", certificate.serial);
    return code;
}

static void write_reply(const struct join *join, const struct cluster_view *view,
                        const struct cluster_member *member, const struct ca *ca,
                        const char *certificate_pem, struct api_reply *reply)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "cluster", view->facts.name);
    json_out_text(out, "cluster_id", view->facts.id);
    json_out_int(out, "id", (int64_t)member->id);
    json_out_text(out, "certificate", certificate_pem);
    json_out_text(out, "ca", ca_pem(ca));
    json_out_text(out, "ca_key", ca_key_pem(ca, join->arena));
    json_out_text(out, "seal_ring", seal_ring_text(join->settings->ring, join->arena));
    json_out_close_object(out);
}

enum error_code join_region(struct join *join, const struct cluster_view *view,
                            struct api_reply *reply, struct error *err)
{
    struct cluster_view *fresh = ARENA_NEW(join->arena, struct cluster_view);
    struct cluster_member member = {.id = 0};
    struct cluster_vip vip = {.epoch = 0};
    struct ca *ca = NULL;
    char *pem = NULL;
    enum error_code code = join_region_read(join, &member, &vip, err);
    code = code ? code : check(join, &member, &view->facts, err);
    code = code ? code : ca_open(join->settings->ca_dir, &ca, err);
    code = code ? code : join_use_token(join, err);
    code = code ? code : sign(join, ca, &member, &pem, err);
    code = code ? code : add_member(join, &member, fresh, err);
    code = code ? code : add_vip(&vip, err);
    if (!code)
        write_reply(join, fresh, &member, ca, pem, reply);
    ca_free(ca);
    return code;
}
