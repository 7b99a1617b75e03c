/* `gantry vip list`, `add`, `move` and `remove`. Control threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/region/control_socket.h"

enum { ASK_MS = 5000, HTTP_PORT = 5240, HTTPS_PORT = 5443 };

static enum error_code read_view(struct cluster_view *view, struct error *err)
{
    cluster_read(view);
    return view->known && view->facts.name[0]
               ? ERR_OK
               : error_set(err, ERR_UNAVAILABLE,
                           "no cluster here, or it has no quorum: `gantry status` says more");
}

static json_t *describe(const struct cluster_state *facts, const struct cluster_vip *vip)
{
    const struct cluster_member *holder = cluster_state_member(facts, vip->holder);
    return json_pack("{ss ss so sI si si}", "address", vip->net, "interface", vip->interface,
                     "holder", holder ? json_string(holder->name) : json_null(), "epoch",
                     (json_int_t)vip->epoch, "http_port", (int)vip->http_port, "https_port",
                     (int)vip->https_port);
}

enum error_code vip_control_list(struct control_call *call, json_t *reply, struct error *err)
{
    struct cluster_view view;
    (void)call;
    enum error_code code = read_view(&view, err);
    if (code)
        return code;
    json_t *vips = json_array();
    for (int i = 0; i < view.facts.vips_count; i++)
        json_array_append_new(vips, describe(&view.facts, &view.facts.vips[i]));
    json_object_set_new(reply, "vips", vips);
    return ERR_OK;
}

/* "10.0.0.9" or "10.0.0.9/24": the virtual IP of the cluster that is meant. */
static enum error_code find(const struct control_call *call, const struct cluster_state *facts,
                            const struct cluster_vip **vip, struct error *err)
{
    const char *text = control_call_param(call, "address");
    size_t length = strlen(text);
    *vip = cluster_state_vip(facts, text);
    for (int i = 0; i < facts->vips_count && !*vip; i++)
        if (!strncmp(facts->vips[i].net, text, length) && facts->vips[i].net[length] == '/')
            *vip = &facts->vips[i];
    return *vip ? ERR_OK : error_set(err, ERR_NOT_FOUND, "no virtual IP %.60s", text);
}

enum error_code vip_control_add(struct control_call *call, json_t *reply, struct error *err)
{
    struct cluster_view view;
    struct command command = {.kind = COMMAND_VIP_DEFINE};
    struct cluster_vip *vip = &command.vip_define;
    struct ip4_net net;
    char text[IP4_NET_TEXT];
    const char *interface = control_call_param(call, "interface");
    enum error_code code = read_view(&view, err);
    if (code)
        return code;
    if (!ip4_net_parse(control_call_param(call, "address"), &net) || net.prefix < 1)
        return error_set(err, ERR_BAD_INPUT, "address: expected ADDRESS/PREFIX, as 10.0.0.9/24");
    if (!interface && view.facts.vips_count)
        interface = view.facts.vips[0].interface;
    if (!interface || !record_is_text(interface, CLUSTER_INTERFACE) || !interface[0])
        return error_set(err, ERR_BAD_INPUT, "interface: expected the name of a network interface");
    snprintf(vip->net, sizeof(vip->net), "%s", ip4_net_format(net, text));
    snprintf(vip->interface, sizeof(vip->interface), "%s", interface);
    vip->http_port = view.facts.vips_count ? view.facts.vips[0].http_port : HTTP_PORT;
    vip->https_port = view.facts.vips_count ? view.facts.vips[0].https_port : HTTPS_PORT;
    code = cluster_ask(&command, ASK_MS, err);
    if (!code)
        json_object_set_new(reply, "address", json_string(vip->net));
    return code;
}

enum error_code vip_control_move(struct control_call *call, json_t *reply, struct error *err)
{
    struct cluster_view view;
    struct command command = {.kind = COMMAND_VIP_ASSIGN};
    const struct cluster_vip *vip = NULL;
    const char *name = control_call_param(call, "to");
    enum error_code code = read_view(&view, err);
    code = code ? code : find(call, &view.facts, &vip, err);
    if (code)
        return code;
    const struct cluster_member *to = cluster_state_member_named(&view.facts, name);
    if (!to)
        return error_set(err, ERR_NOT_FOUND, "no region is named %.60s", name);
    if (to->id == vip->holder)
        return error_set(err, ERR_CONFLICT, "%s holds it already", name);
    memcpy(command.vip_assign.net, vip->net, sizeof(vip->net));
    command.vip_assign.epoch = vip->epoch;
    command.vip_assign.holder = to->id;
    code = cluster_ask(&command, ASK_MS, err);
    if (!code)
        json_object_set_new(reply, "holder", json_string(name));
    return code;
}

enum error_code vip_control_remove(struct control_call *call, json_t *reply, struct error *err)
{
    struct cluster_view view;
    struct command command = {.kind = COMMAND_VIP_REMOVE};
    const struct cluster_vip *vip = NULL;
    enum error_code code = read_view(&view, err);
    code = code ? code : find(call, &view.facts, &vip, err);
    if (!code && view.facts.vips_count == 1)
        code = error_set(err, ERR_CONFLICT,
                         "it is the only one: nobody would find the API any more; add another "
                         "first");
    if (code)
        return code;
    memcpy(command.vip_remove.net, vip->net, sizeof(vip->net));
    code = cluster_ask(&command, ASK_MS, err);
    if (!code)
        json_object_set_new(reply, "removed", json_string(vip->net));
    return code;
}
