/* Nodes of all types: the actions of nodes/ and nodes/{system_id}/. Source: MAAS API 2.0, nodes. */
#include "src/region/event_store.h"
#include "src/region/machine_power.h"
#include "src/region/machine_store.h"
#include "src/region/node_filter.h"
#include "src/region/node_json.h"
#include "src/region/http.h"
#include "src/region/routes.h"

static enum error_code find(struct api_request *request, struct machine *machine, struct error *err)
{
    return machine_store_find(request, api_path(request, "system_id"), NODE_ALL, machine, err);
}

enum error_code nodes_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    const char *ids;
    struct node_filter filter = {.types = NODE_ALL};
    enum error_code code = node_filter_ids(request, reply, &filter, &ids, err);
    return code ? code : node_json_reply_list(request, ids, reply, err);
}

enum error_code node_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct machine machine;
    enum error_code code = find(request, &machine, err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

enum error_code node_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct machine machine;
    enum error_code code = find(request, &machine, err);
    if (!code)
        code = machine_store_check_owner(request, &machine, err);
    if (!code)
        code = machine_store_delete(request->db, machine.id, request->arena, err);
    if (code)
        return code;
    struct event event = {.type = "NODE",
                          .username = request->user->username,
                          .description = arena_printf(request->arena, "Deleted '%s' (%s).",
                                                      machine.hostname, machine.system_id)};
    api_reply_empty(reply, 204);
    return event_add(request->db, &event, request->arena, err);
}

enum error_code node_power_parameters(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct machine machine;
    enum error_code code = find(request, &machine, err);
    if (!code)
        code = machine_power_load(request->db, http_settings(request->http)->ring,
                                  machine.system_id, request->arena, &power, err);
    if (!code)
        machine_power_write(&power, api_reply_json(reply));
    return code;
}
