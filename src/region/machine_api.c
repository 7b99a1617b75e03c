/* Machines: the actions of machines/ and machines/{system_id}/. Source: MAAS API 2.0, machines. */
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/region/http.h"
#include "src/region/machine_form.h"
#include "src/region/machine_power.h"
#include "src/region/node_json.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"
#include "src/region/token_store.h"

static const struct seal_ring *ring_of(const struct api_request *request)
{
    return http_settings(request->http)->ring;
}

enum error_code machines_read(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    return node_reply_list(request, reply, &(struct node_filter){.types = NODE_MACHINES}, err);
}

enum error_code machines_list_allocated(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    struct node_filter filter = {
        .types = NODE_MACHINES, .status = "{10}", .owner_id = request->user->id, .only_ids = true};
    return node_reply_list(request, reply, &filter, err);
}

/* Commissioning is not a thing that this version does: who asks for it is told so. */
static enum error_code check_commission(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    bool commission = false, deployed = false;
    enum error_code code = api_param_bool(request, "commission", &commission, err);
    if (!code)
        code = api_param_bool(request, "deployed", &deployed, err);
    if (!code && commission)
        api_field_error(reply, "commission",
                        "This version does not commission machines: say "
                        "commission=false.");
    if (!code && deployed)
        api_field_error(reply, "deployed", "This version makes machines in status New only.");
    return code;
}

enum error_code machines_create(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine made = {0};
    bool known;
    enum error_code code = check_commission(request, reply, err);
    if (!code)
        code = machine_form_read(request, reply, true, form, err);
    if (!code)
        code = machine_power_from_form(request, reply, &power, err);
    if (!code)
        code = api_fields_valid(reply, err);
    if (!code)
        code = machine_store_create(request, reply, form, &made, &known, err);
    power.system_id = made.system_id;
    if (!code && !known && power.changed)
        code = machine_power_store(request->db, ring_of(request), &power, request->arena, err);
    if (code)
        return code;
    if (request->user)
        return node_json_reply(request, made.id, reply, err);
    return node_json_write(request->db, arena_printf(request->arena, "{%lld}", (long long)made.id),
                           NODE_SHAPE_ENLISTED, api_reply_json(reply), NULL, err);
}

static enum error_code reply_has_mac(struct api_request *request, struct api_reply *reply,
                                     bool busy, struct error *err)
{
    const char *text;
    struct mac mac;
    bool found = false;
    enum error_code code = api_need(request, "mac_address", &text, err);
    if (code)
        return code;
    if (!mac_parse(text, &mac))
        return error_set(err, ERR_BAD_INPUT, "'%.64s' is not a valid MAC address.", text);
    const char *word = mac_format(mac, arena_alloc(request->arena, MAC_TEXT));
    code =
        machine_store_has_mac(request->db, db_array(request->arena, &word, 1), busy, &found, err);
    if (!code)
        json_out_bool(api_reply_json(reply), NULL, found);
    return code;
}

enum error_code machines_is_registered(struct api_request *request, struct api_reply *reply,
                                       struct error *err)
{
    return reply_has_mac(request, reply, false, err);
}

enum error_code machines_is_action_in_progress(struct api_request *request, struct api_reply *reply,
                                               struct error *err)
{
    return reply_has_mac(request, reply, true, err);
}

enum error_code machines_power_parameters(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    return node_reply_power_all(request, reply, NODE_MACHINES, err);
}

enum error_code machines_set_zone(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    const char *zone;
    int count;
    const char *const *nodes = api_param_list(request, "nodes", &count);
    enum error_code code = api_need(request, "zone", &zone, err);
    if (!code && !count)
        return error_set(err, ERR_BAD_INPUT, "No provided nodes!");
    if (!code)
        code =
            machine_store_set_zone(request->db, zone, db_array(request->arena, nodes, count), err);
    if (!code)
        json_out_null(api_reply_json(reply), NULL);
    return code;
}

enum error_code machine_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return node_reply_one(request, reply, NODE_MACHINES, err);
}

enum error_code machine_update(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_MACHINES, &machine, err);
    if (!code)
        code = machine_power_load(request->db, ring_of(request), machine.system_id, request->arena,
                                  &power, err);
    if (!code)
        code = machine_form_read(request, reply, false, form, err);
    if (!code)
        code = machine_power_from_form(request, reply, &power, err);
    if (!code)
        code = api_fields_valid(reply, err);
    if (!code)
        code = machine_store_update(request, reply, machine.id, form, err);
    if (!code && power.changed)
        code = machine_power_store(request->db, ring_of(request), &power, request->arena, err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

enum error_code machine_delete(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_MACHINES, &machine, err);
    return code ? code : node_reply_delete(request, reply, &machine, err);
}

enum error_code machine_power_parameters(struct api_request *request, struct api_reply *reply,
                                         struct error *err)
{
    return node_reply_power(request, reply, NODE_MACHINES, err);
}

enum error_code machine_get_token(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct machine machine;
    struct token_list list;
    enum error_code code = node_reply_find(request, NODE_MACHINES, &machine, err);
    if (!code)
        code = token_store_list(request->db, ring_of(request),
                                &(struct token_for){.system_id = machine.system_id}, request->arena,
                                &list, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    if (!list.count) {
        json_out_null(out, NULL);
        return ERR_OK;
    }
    const struct token *token = &list.tokens[list.count - 1];
    json_out_open_object(out, NULL);
    json_out_text(out, "token_key", token->token_key);
    json_out_text(out, "token_secret", token->secret);
    json_out_text(out, "consumer_key", token->consumer_key);
    json_out_close_object(out);
    return ERR_OK;
}
