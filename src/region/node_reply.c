/* Actions that all kinds of nodes have: see node_reply.h. */
#include "src/region/node_reply.h"

#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/machine_power.h"
#include "src/region/node_json.h"

enum error_code node_reply_find(struct api_request *request, unsigned types,
                                struct machine *machine, struct error *err)
{
    return machine_store_find(request, api_path(request, "system_id"), types, machine, err);
}

enum error_code node_reply_list(struct api_request *request, struct api_reply *reply,
                                const struct node_filter *filter, struct error *err)
{
    const char *ids;
    enum error_code code = node_filter_ids(request, reply, filter, &ids, err);
    return code ? code : node_json_reply_list(request, ids, reply, err);
}

enum error_code node_reply_one(struct api_request *request, struct api_reply *reply, unsigned types,
                               struct error *err)
{
    struct machine machine;
    enum error_code code = node_reply_find(request, types, &machine, err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

enum error_code node_reply_power(struct api_request *request, struct api_reply *reply,
                                 unsigned types, struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct machine machine;
    enum error_code code = node_reply_find(request, types, &machine, err);
    if (!code)
        code = machine_power_load(request->db, http_settings(request->http)->ring,
                                  machine.system_id, request->arena, &power, err);
    if (!code)
        machine_power_write(&power, api_reply_json(reply));
    return code;
}

enum error_code node_reply_power_all(struct api_request *request, struct api_reply *reply,
                                     unsigned types, struct error *err)
{
    const char *ids;
    struct node_filter filter = {.types = types, .only_ids = true};
    enum error_code code = node_filter_ids(request, reply, &filter, &ids, err);
    return code ? code
                : machine_power_write_all(request->db, http_settings(request->http)->ring, ids,
                                          api_reply_json(reply), request->arena, err);
}

enum error_code node_reply_delete(struct api_request *request, struct api_reply *reply,
                                  const struct machine *machine, struct error *err)
{
    struct event event = {.type = "NODE",
                          .username = request->user->username,
                          .description = arena_printf(request->arena, "Deleted '%s' (%s).",
                                                      machine->hostname, machine->system_id)};
    enum error_code code = machine_store_delete(request->db, machine->id, request->arena, err);
    if (code)
        return code;
    api_reply_empty(reply, 204);
    return event_add(request->db, &event, request->arena, err);
}
