/* Taking machines and having systems installed on them. Source: MAAS API 2.0, allocate, deploy. */
#include "src/region/http.h"
#include "src/region/machine_allocate.h"
#include "src/region/machine_deploy.h"
#include "src/region/node_json.h"
#include "src/region/routes.h"

enum error_code machines_allocate(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct machine_allocation allocation;
    bool dry_run = false, verbose = false;
    enum error_code code = api_param_bool(request, "dry_run", &dry_run, err);
    if (!code)
        code = api_param_bool(request, "verbose", &verbose, err);
    if (!code)
        code = machine_allocate_find(request, reply, &allocation, err);
    if (!code && !dry_run)
        code = machine_allocate_take(request, &allocation.machine, err);
    if (code)
        return code;
    struct node_json_extra extra = {"constraints_by_type", allocation.labels};
    return node_json_reply_with(request, allocation.machine.id, &extra, reply, err);
}

enum error_code machine_deploy(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    struct machine machine;
    struct machine_deploy deploy;
    enum error_code code = machine_ask(request, MACHINE_ACTION_DEPLOY, &machine, err);
    if (!code)
        code = machine_deploy_read(request, reply, &deploy, err);
    if (!code)
        code = machine_deploy_image(request, reply, &machine, &deploy, err);
    if (!code && machine.status == MACHINE_READY)
        code = machine_allocate_take(request, &machine, err);
    if (!code)
        code = machine_deploy_begin(request, &machine, &deploy, err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}
