/* Machines: the actions of machines/ and machines/{system_id}/. Source: MAAS API 2.0, machines. */
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/model/machine_status.h"
#include "src/region/http.h"
#include "src/region/machine_form.h"
#include "src/region/machine_power.h"
#include "src/region/node_details.h"
#include "src/region/node_json.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"
#include "src/region/script_run.h"
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

/* What becomes of a new machine. Nobody but an administrator has machines commissioned; one that
 * enlists itself says so by a signal. */
struct beginning {
    bool commission, deployed;
};

static enum error_code read_beginning(struct api_request *request, struct api_reply *reply,
                                      struct beginning *beginning, struct error *err)
{
    bool is_admin = request->user && request->user->is_superuser;
    *beginning = (struct beginning){.commission = is_admin};
    enum error_code code = api_param_bool(request, "commission", &beginning->commission, err);
    if (!code)
        code = api_param_bool(request, "deployed", &beginning->deployed, err);
    if (!code && beginning->deployed && !request->user)
        api_field_error(reply, "deployed", "Log in to add a machine that is deployed.");
    beginning->commission = beginning->commission && is_admin && !beginning->deployed;
    return code;
}

static enum error_code begin_deployed(struct api_request *request, struct machine *machine,
                                      struct error *err)
{
    DB_STATEMENT(machine_own, "UPDATE node SET owner_id = $2 WHERE id = $1");
    struct machine_life life = machine_ask_life(request);
    enum error_code code = machine_life_settle(&life, machine, MACHINE_DEPLOYED, NULL, err);
    return code ? code
                : db_query(request->db, &machine_own,
                           DB_PARAMS(db_number(request->arena, machine->id),
                                     db_number(request->arena, request->user->id)),
                           NULL, err);
}

static enum error_code begin_life(struct api_request *request, struct machine *machine,
                                  const struct beginning *beginning, struct error *err)
{
    enum error_code code = machine_store_reload(request->db, machine, request->arena, err);
    if (!code && beginning->deployed)
        code = begin_deployed(request, machine, err);
    if (!code && beginning->commission)
        code = script_run_commission(request, machine, err);
    return code;
}

enum error_code machines_create(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine made = {0};
    struct beginning beginning;
    bool known;
    enum error_code code = read_beginning(request, reply, &beginning, err);
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
    if (!code && request->user)
        code = begin_life(request, &made, &beginning, err);
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

static enum error_code find_unlocked(struct api_request *request, struct machine *machine,
                                     struct error *err)
{
    enum error_code code = node_reply_find(request, NODE_MACHINES, machine, err);
    return code || !machine->locked
               ? code
               : error_set(err, ERR_FORBIDDEN, "%s is locked.", machine->hostname);
}

enum error_code machine_update(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine machine;
    enum error_code code = find_unlocked(request, &machine, err);
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
    enum error_code code = find_unlocked(request, &machine, err);
    return code ? code : node_reply_delete(request, reply, &machine, err);
}

enum error_code machine_power_parameters(struct api_request *request, struct api_reply *reply,
                                         struct error *err)
{
    return node_reply_power(request, reply, NODE_MACHINES, err);
}

enum error_code machine_details(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    return node_details_reply(request, reply, NODE_MACHINES, err);
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
