/*
 * What people ask of many machines at once: release, accept, accept_all. All or none of it is done.
 * Source: MAAS API 2.0, machines.
 */
#include <string.h>

#include "src/model/machine_status.h"
#include "src/region/machine_release.h"
#include "src/region/node_json.h"
#include "src/region/routes.h"
#include "src/region/script_run.h"

/* The machines that a request names. */
struct named {
    const char *const *ids;
    int ids_count;
    struct machine *list;
    int count;
};

static bool is_known(const struct named *named, const char *system_id)
{
    for (int i = 0; i < named->count; i++)
        if (!strcmp(named->list[i].system_id, system_id))
            return true;
    return false;
}

static const char *append(struct arena *arena, const char *list, const char *text)
{
    return list ? arena_printf(arena, "%s, %s", list, text) : text;
}

static enum error_code find_named(struct api_request *request, struct named *named,
                                  struct error *err)
{
    const char *unknown = NULL;
    *named = (struct named){0};
    named->ids = api_param_list(request, "machines", &named->ids_count);
    enum error_code code =
        machine_store_list(request->db, db_array(request->arena, named->ids, named->ids_count),
                           request->arena, &named->list, &named->count, err);
    for (int i = 0; i < named->ids_count && !code; i++)
        if (!is_known(named, named->ids[i]))
            unknown = append(request->arena, unknown, named->ids[i]);
    return code || !unknown ? code
                            : error_set(err, ERR_BAD_INPUT, "Unknown machine(s): %s.", unknown);
}

static bool is_done(const struct machine *machine)
{
    return machine->status == MACHINE_READY || machine->status == MACHINE_RELEASING;
}

/* Not one is released when one cannot be. */
static enum error_code check_release(struct api_request *request, const struct named *named,
                                     struct error *err)
{
    const char *refused = NULL, *wrong = NULL;
    struct arena *arena = request->arena;
    struct error why;
    for (int i = 0; i < named->count; i++) {
        const struct machine *machine = &named->list[i];
        enum error_code code =
            is_done(machine) ? machine_store_check_owner(request, machine, &why)
                             : machine_ask_about(request, MACHINE_ACTION_RELEASE, machine, &why);
        if (code == ERR_FORBIDDEN)
            refused = append(arena, refused, machine->system_id);
        else if (code)
            wrong = append(arena, wrong,
                           arena_printf(arena, "%s ('%s')", machine->system_id,
                                        machine_status_name(machine->status)));
    }
    if (refused)
        return error_set(err, ERR_FORBIDDEN,
                         "You don't have the required permission to release the following "
                         "machine(s): %s.",
                         refused);
    return wrong ? error_set(err, ERR_CONFLICT,
                             "Machine(s) cannot be released in their current state: %s.", wrong)
                 : ERR_OK;
}

enum error_code machines_release(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    struct named named;
    struct machine_release release;
    enum error_code code = find_named(request, &named, err);
    if (!code)
        code = machine_release_read(request, &release, err);
    if (!code)
        code = check_release(request, &named, err);
    struct json_out *out = code ? NULL : api_reply_json(reply);
    if (!code)
        json_out_open_list(out, NULL);
    for (int i = 0; i < named.count && !code; i++) {
        if (is_done(&named.list[i]))
            continue;
        json_out_text(out, NULL, named.list[i].system_id);
        code = machine_release_begin(request, &named.list[i], &release, err);
    }
    if (!code)
        json_out_close_list(out);
    return code;
}

/* New ones begin to be commissioned; the reply lists these. */
static enum error_code accept(struct api_request *request, struct api_reply *reply,
                              const struct named *named, struct error *err)
{
    const char **ids = arena_alloc(request->arena, sizeof(*ids) * (size_t)(named->count + 1));
    int count = 0;
    enum error_code code = ERR_OK;
    for (int i = 0; i < named->count && !code; i++) {
        struct machine *machine = &named->list[i];
        if (machine->status != MACHINE_NEW)
            continue;
        ids[count++] = db_number(request->arena, machine->id);
        code = machine_ask_note(request, MACHINE_ACTION_COMMISSION, machine, err);
        if (!code)
            code = script_run_commission(request, machine, err);
    }
    return code ? code
                : node_json_reply_list(request, db_array(request->arena, ids, count), reply, err);
}

enum error_code machines_accept(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    struct named named;
    enum error_code code = find_named(request, &named, err);
    for (int i = 0; i < named.count && !code; i++) {
        const struct machine *machine = &named.list[i];
        if (machine->status != MACHINE_NEW && machine->status != MACHINE_COMMISSIONING &&
            machine->status != MACHINE_FAILED_COMMISSIONING)
            code = error_set(err, ERR_CONFLICT,
                             "Cannot accept node enlistment: node %s is in state %s.",
                             machine->system_id, machine_status_name(machine->status));
    }
    return code ? code : accept(request, reply, &named, err);
}

enum error_code machines_accept_all(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    struct named named = {0};
    enum error_code code = machine_store_in_status(request->db, MACHINE_NEW, request->arena,
                                                   &named.list, &named.count, err);
    return code ? code : accept(request, reply, &named, err);
}
