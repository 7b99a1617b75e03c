/*
 * Devices: what has interfaces and addresses here and is neither installed nor switched: the
 * actions of devices/. Source: MAAS API 2.0, devices.
 */
#include "src/region/machine_form.h"
#include "src/region/node_details.h"
#include "src/region/node_json.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"

enum error_code devices_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return node_reply_list(request, reply, &(struct node_filter){.types = NODE_DEVICES}, err);
}

enum error_code device_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return node_reply_one(request, reply, NODE_DEVICES, err);
}

/* The device of the path, when who asks may change it. */
static enum error_code find_own(struct api_request *request, struct machine *device,
                                struct error *err)
{
    enum error_code code = node_reply_find(request, NODE_DEVICES, device, err);
    return code ? code : machine_store_check_owner(request, device, err);
}

/*
 * The node that `parent` names, as a number; *parent stays NULL when the request names none, "" is
 * for one that is to have none. device: the one that asks for it, 0 = a new one.
 */
static enum error_code read_parent(struct api_request *request, struct api_reply *reply,
                                   int64_t device, const char **parent, struct error *err)
{
    const char *system_id = api_param(request, "parent");
    struct machine found;
    if (!system_id || !*system_id) {
        *parent = system_id;
        return ERR_OK;
    }
    enum error_code code = machine_store_find(request, system_id, NODE_ALL, &found, err);
    if (code == ERR_NOT_FOUND || (!code && found.id == device)) {
        api_field_error(reply, "parent",
                        "Select a valid choice. %.64s is not one of the available choices.",
                        system_id);
        return ERR_OK;
    }
    if (!code)
        *parent = db_number(request->arena, found.id);
    return code;
}

enum error_code devices_create(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine made = {0};
    const char *parent = NULL;
    bool known;
    enum error_code code = machine_form_read_device(request, reply, true, form, err);
    if (!code)
        code = read_parent(request, reply, 0, &parent, err);
    if (!code)
        code = api_fields_valid(reply, err);
    form->owner_id = db_number(request->arena, request->user->id);
    form->parent_id = parent && *parent ? parent : NULL;
    if (!code)
        code = machine_store_create(request, reply, form, &made, &known, err);
    return code ? code : node_json_reply(request, made.id, reply, err);
}

static enum error_code keep_parent(struct api_request *request, int64_t id, const char *parent,
                                   struct error *err)
{
    DB_STATEMENT(device_parent, "UPDATE node SET parent_id = nullif($2, '')::bigint WHERE id = $1");
    return db_query(request->db, &device_parent, DB_PARAMS(db_number(request->arena, id), parent),
                    NULL, err);
}

enum error_code device_update(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine device;
    const char *parent = NULL;
    enum error_code code = find_own(request, &device, err);
    if (!code)
        code = machine_form_read_device(request, reply, false, form, err);
    if (!code)
        code = read_parent(request, reply, device.id, &parent, err);
    if (!code)
        code = api_fields_valid(reply, err);
    if (!code)
        code = machine_store_update(request, reply, device.id, form, err);
    if (!code && parent)
        code = keep_parent(request, device.id, parent, err);
    return code ? code : node_json_reply(request, device.id, reply, err);
}

enum error_code device_delete(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct machine device;
    enum error_code code = find_own(request, &device, err);
    return code ? code : node_reply_delete(request, reply, &device, err);
}

enum error_code device_details(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    return node_details_reply(request, reply, NODE_DEVICES, err);
}

enum error_code device_power_parameters(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    return node_reply_power(request, reply, NODE_DEVICES, err);
}

/* As it was made: its physical interfaces, without links. What was only observed stays true. */
enum error_code device_restore_networking(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    DB_STATEMENT(device_restore,
                 "WITH made AS (DELETE FROM interface WHERE node_id = $1 AND type <> 'physical'), "
                 "linked AS (DELETE FROM ip_address a USING interface i WHERE i.node_id = $1 AND "
                 "a.interface_id = i.id AND a.alloc_type <> 6) "
                 "UPDATE interface SET enabled = true, mtu = NULL, params = '{}', updated = now() "
                 "WHERE node_id = $1 AND type = 'physical'");
    struct machine device;
    enum error_code code = find_own(request, &device, err);
    if (!code)
        code = db_query(request->db, &device_restore,
                        DB_PARAMS(db_number(request->arena, device.id)), NULL, err);
    return code ? code : node_json_reply(request, device.id, reply, err);
}
