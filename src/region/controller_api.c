/* Controllers: the actions of rackcontrollers/ and regioncontrollers/. Source: MAAS API 2.0. */
#include "src/model/power_driver.h"
#include "src/region/http.h"
#include "src/region/machine_form.h"
#include "src/region/machine_power.h"
#include "src/region/machine_ask.h"
#include "src/region/node_details.h"
#include "src/region/node_json.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"

static const struct seal_ring *ring_of(const struct api_request *request)
{
    return http_settings(request->http)->ring;
}

/* Of what a machine's form has a controller takes a description, a zone, a domain and its power:
 * the rest it says of itself. */
static enum error_code update(struct api_request *request, struct api_reply *reply, unsigned types,
                              struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine found;
    enum error_code code = node_reply_find(request, types, &found, err);
    if (!code)
        code = machine_power_load(request->db, ring_of(request), found.system_id, request->arena,
                                  &power, err);
    if (!code)
        code = machine_form_read(request, reply, false, form, err);
    if (!code)
        code = machine_power_from_form(request, reply, &power, err);
    if (!code)
        code = api_fields_valid(reply, err);
    struct machine_form taken = {.description = form->description,
                                 .zone_id = form->zone_id,
                                 .domain_id = types == NODE_RACKS ? form->domain_id : NULL};
    if (!code)
        code = machine_store_update(request, reply, found.id, &taken, err);
    if (!code && power.changed)
        code = machine_power_store(request->db, ring_of(request), &power, request->arena, err);
    return code ? code : node_json_reply(request, found.id, reply, err);
}

/* ---- racks ---- */

enum error_code rack_controllers_read(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    return node_reply_list(request, reply, &(struct node_filter){.types = NODE_RACKS}, err);
}

enum error_code rack_controllers_power_types(struct api_request *request, struct api_reply *reply,
                                             struct error *err)
{
    struct json_out *out = api_reply_json(reply);
    (void)request;
    (void)err;
    json_out_open_list(out, NULL);
    for (int i = 0; i < power_drivers_count; i++)
        power_driver_write_json(&power_drivers[i], out);
    json_out_close_list(out);
    return ERR_OK;
}

enum error_code rack_controllers_power_parameters(struct api_request *request,
                                                  struct api_reply *reply, struct error *err)
{
    return node_reply_power_all(request, reply, NODE_RACKS, err);
}

enum error_code rack_controller_read(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    return node_reply_one(request, reply, NODE_RACKS, err);
}

enum error_code rack_controller_update(struct api_request *request, struct api_reply *reply,
                                       struct error *err)
{
    return update(request, reply, NODE_RACKS, err);
}

enum error_code rack_controller_power_parameters(struct api_request *request,
                                                 struct api_reply *reply, struct error *err)
{
    return node_reply_power(request, reply, NODE_RACKS, err);
}

enum error_code rack_controller_delete(struct api_request *request, struct api_reply *reply,
                                       struct error *err)
{
    struct machine found;
    enum error_code code = node_reply_find(request, NODE_RACKS, &found, err);
    return code ? code : node_reply_delete(request, reply, &found, err);
}

enum error_code rack_controller_details(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    return node_details_reply(request, reply, NODE_RACKS, err);
}

/* A controller serves: it is never taken into a status in which these would do anything. */
static enum error_code refuse(struct api_request *request, enum machine_action_kind kind,
                              struct error *err)
{
    struct machine found;
    enum error_code code = node_reply_find(request, NODE_RACKS, &found, err);
    return code ? code
                : error_set(err, ERR_CONFLICT,
                            "%s cannot be %s: it is a rack controller, and at work.",
                            found.hostname, machine_action_of(kind)->verb);
}

enum error_code rack_controller_test(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    (void)reply;
    return refuse(request, MACHINE_ACTION_TEST, err);
}

enum error_code rack_controller_abort(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    (void)reply;
    return refuse(request, MACHINE_ACTION_ABORT, err);
}

enum error_code rack_controller_override_failed_testing(struct api_request *request,
                                                        struct api_reply *reply, struct error *err)
{
    (void)reply;
    return refuse(request, MACHINE_ACTION_OVERRIDE_FAILED_TESTING, err);
}

/* ---- regions ---- */

enum error_code region_controllers_read(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    return node_reply_list(request, reply, &(struct node_filter){.types = NODE_REGIONS}, err);
}

enum error_code region_controller_read(struct api_request *request, struct api_reply *reply,
                                       struct error *err)
{
    return node_reply_one(request, reply, NODE_REGIONS, err);
}

enum error_code region_controller_update(struct api_request *request, struct api_reply *reply,
                                         struct error *err)
{
    return update(request, reply, NODE_REGIONS, err);
}

enum error_code region_controller_power_parameters(struct api_request *request,
                                                   struct api_reply *reply, struct error *err)
{
    return node_reply_power(request, reply, NODE_REGIONS, err);
}

enum error_code region_controller_delete(struct api_request *request, struct api_reply *reply,
                                         struct error *err)
{
    struct machine found;
    enum error_code code = node_reply_find(request, NODE_REGIONS, &found, err);
    return code ? code : node_reply_delete(request, reply, &found, err);
}

enum error_code region_controller_details(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    return node_details_reply(request, reply, NODE_REGIONS, err);
}
