/* Nodes of all types: the actions of nodes/ and nodes/{system_id}/. Source: MAAS API 2.0, nodes. */
#include "src/region/node_details.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"

enum error_code nodes_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return node_reply_list(request, reply, &(struct node_filter){.types = NODE_ALL}, err);
}

enum error_code node_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return node_reply_one(request, reply, NODE_ALL, err);
}

enum error_code node_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_ALL, &machine, err);
    if (!code)
        code = machine_store_check_owner(request, &machine, err);
    return code ? code : node_reply_delete(request, reply, &machine, err);
}

enum error_code node_power_parameters(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    return node_reply_power(request, reply, NODE_ALL, err);
}

enum error_code node_details(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return node_details_reply(request, reply, NODE_ALL, err);
}
