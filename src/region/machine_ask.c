/* What people ask of machines: see machine_ask.h. */
#include "src/region/machine_ask.h"

#include "src/model/machine_status.h"
#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/node_reply.h"

const char *machine_ask_comment(const struct api_request *request)
{
    const char *comment = api_param(request, "comment");
    return comment ? comment : api_param(request, "error_description");
}

struct machine_life machine_ask_life(struct api_request *request)
{
    return (struct machine_life){request->db, request->arena, http_settings(request->http)->ring,
                                 request->user ? request->user->username : NULL};
}

enum error_code machine_ask_about(struct api_request *request, enum machine_action_kind kind,
                                  const struct machine *machine, struct error *err)
{
    const struct machine_action *action = machine_action_of(kind);
    /* what is free may be taken by anybody; the status says whether it is */
    bool taking = kind == MACHINE_ACTION_ALLOCATE ||
                  (kind == MACHINE_ACTION_DEPLOY && machine->status == MACHINE_READY);
    if (!taking || machine->owner_id) {
        enum error_code code = machine_store_check_owner(request, machine, err);
        if (code)
            return code;
    }
    if (machine->locked && !action->takes_locked)
        return error_set(err, ERR_FORBIDDEN, "%s cannot be %s: it is locked.", machine->hostname,
                         action->verb);
    if (!machine_action_from(action, machine->status))
        return error_set(err, ERR_CONFLICT, "%s cannot be %s: its status is '%s'.",
                         machine->hostname, action->verb, machine_status_name(machine->status));
    return ERR_OK;
}

enum error_code machine_ask(struct api_request *request, enum machine_action_kind kind,
                            struct machine *machine, struct error *err)
{
    enum error_code code = node_reply_find(request, NODE_MACHINES, machine, err);
    return code ? code : machine_ask_about(request, kind, machine, err);
}

enum error_code machine_ask_note(struct api_request *request, enum machine_action_kind kind,
                                 const struct machine *machine, struct error *err)
{
    struct event event = {machine_action_of(kind)->event, machine->system_id,
                          request->user->username, machine_ask_comment(request)};
    return event_add(request->db, &event, request->arena, err);
}
