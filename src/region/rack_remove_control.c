/* `gantry rack remove`: its name is free again, its certificate is not. Control threads. */
#include <string.h>

#include "src/region/control_socket.h"

enum { ASK_MS = 5000 };

enum error_code rack_remove_control_run(struct control_call *call, json_t *reply, struct error *err)
{
    struct cluster_view *view = ARENA_NEW(call->arena, struct cluster_view);
    const char *name = control_call_param(call, "name");
    struct command command;
    cluster_read(view);
    if (!name)
        return error_set(err, ERR_BAD_INPUT, "name: which rack?");
    if (!view->known)
        return error_set(err, ERR_UNAVAILABLE,
                         "no cluster here, or it has no quorum: `gantry status` says more");
    const struct cluster_rack *rack = cluster_state_rack_named(&view->facts, name);
    if (!rack)
        return error_set(err, ERR_NOT_FOUND, "no rack is named %.80s: see `gantry status`", name);
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_RACK_REMOVE;
    memcpy(command.rack_remove.system_id, rack->system_id, sizeof(rack->system_id));
    enum error_code code = cluster_ask(&command, ASK_MS, err);
    if (!code)
        json_object_set_new(reply, "removed", json_string(name));
    return code;
}
