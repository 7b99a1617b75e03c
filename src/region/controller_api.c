/* Controllers: the actions of rackcontrollers/ and regioncontrollers/. Source: MAAS API 2.0. */
#include "src/model/power_driver.h"
#include "src/region/http.h"
#include "src/region/machine_form.h"
#include "src/region/machine_power.h"
#include "src/region/network_sql.h"
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

/* VLANs that would be without DHCP; NULL when there is none. */
static enum error_code only_served_by(struct api_request *request, const char *id,
                                      const char **vlans, struct error *err)
{
    DB_STATEMENT(controller_only,
                 "SELECT string_agg(" VLAN_NAME_SQL("v") " || ' in ' || " FABRIC_NAME_SQL(
                     "f") ", ', ' ORDER BY v.id) FROM vlan v JOIN fabric f ON f.id = v.fabric_id "
                          "WHERE v.primary_rack_id = $1 AND v.secondary_rack_id IS NULL AND "
                          "v.dhcp_on");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &controller_only, DB_PARAMS(id), &rows, err);
    if (!code)
        *vlans = arena_strdup(request->arena, db_text(&rows, 0, 0));
    return code;
}

/* The secondary rack stands in; where there is none DHCP is off. */
static enum error_code hand_over(struct api_request *request, const char *id, struct error *err)
{
    DB_STATEMENT(controller_hand_over,
                 "UPDATE vlan SET dhcp_on = dhcp_on AND (primary_rack_id <> $1 OR "
                 "secondary_rack_id IS NOT NULL), primary_rack_id = CASE WHEN primary_rack_id = "
                 "$1 THEN secondary_rack_id ELSE primary_rack_id END, secondary_rack_id = NULL, "
                 "updated = now() WHERE $1 IN (primary_rack_id, secondary_rack_id)");
    return db_query(request->db, &controller_hand_over, DB_PARAMS(id), NULL, err);
}

enum error_code rack_controller_delete(struct api_request *request, struct api_reply *reply,
                                       struct error *err)
{
    struct machine found;
    const char *vlans = NULL;
    bool force = false;
    enum error_code code = api_param_bool(request, "force", &force, err);
    if (!code)
        code = node_reply_find(request, NODE_RACKS, &found, err);
    if (code)
        return code;
    const char *id = db_number(request->arena, found.id);
    if (!force)
        code = only_served_by(request, id, &vlans, err);
    if (!code && vlans)
        return error_set(err, ERR_BAD_INPUT,
                         "Unable to delete '%s'; it is currently set as a primary rack controller "
                         "on VLANs %.300s, and no other rack controllers can provide DHCP.",
                         found.hostname, vlans);
    if (!code)
        code = hand_over(request, id, err);
    return code ? code : node_reply_delete(request, reply, &found, err);
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
