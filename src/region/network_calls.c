/* What racks ask about networks: rows of rack_calls.def. Contract: docs/rack-protocol.md. */
#include "raft/cluster_door.h"
#include "src/region/controller_store.h"
#include "src/region/dhcp_document.h"
#include "src/region/dhcp_store.h"
#include "src/region/rack_call.h"

enum error_code network_calls_hello(const struct rack_peer *peer, struct db *db, json_t *params,
                                    struct arena *arena, json_t **result, struct error *err)
{
    struct controller controller = {.system_id = peer->system_id,
                                    .name = peer->name,
                                    .version = peer->version,
                                    .node_type = CONTROLLER_RACK,
                                    .interfaces = json_object_get(params, "interfaces")};
    (void)result;
    return controller_store_register(db, &controller, arena, err);
}

enum error_code network_calls_interfaces(const struct rack_peer *peer, struct db *db,
                                         json_t *params, struct arena *arena, json_t **result,
                                         struct error *err)
{
    (void)result;
    return controller_store_interfaces(db, peer->system_id, json_object_get(params, "interfaces"),
                                       arena, err);
}

static enum error_code read_number(const json_t *params, const char *key, int64_t *number,
                                   struct error *err)
{
    const json_t *value = json_object_get(params, key);
    *number = json_integer_value(value);
    if (value && (!json_is_integer(value) || *number < 0))
        return error_set(err, ERR_BAD_INPUT, "%s: expected a number", key);
    return ERR_OK;
}

enum error_code network_calls_dhcp_config(const struct rack_peer *peer, struct db *db,
                                          json_t *params, struct arena *arena, json_t **result,
                                          struct error *err)
{
    struct dhcp_document_ask ask = {
        .rack = peer->system_id, .version = json_string_value(json_object_get(params, "version"))};
    struct cluster_view *view = ARENA_NEW(arena, struct cluster_view);
    if (!ask.version)
        return error_set(err, ERR_BAD_INPUT, "version: expected a text");
    enum error_code code = read_number(params, "number", &ask.number, err);
    code = code ? code : read_number(params, "owner", &ask.owner, err);
    code = code ? code : read_number(params, "refused", &ask.refused, err);
    code = code ? code : dhcp_document_lock(db, err);
    if (code)
        return code;
    cluster_read(view);
    if (!view->known)
        return error_set(err, ERR_UNAVAILABLE, "the cluster's facts are not known here yet");
    ask.facts = &view->facts;
    return dhcp_document_answer(db, &ask, arena, result, err);
}

enum error_code network_calls_leases(const struct rack_peer *peer, struct db *db, json_t *params,
                                     struct arena *arena, json_t **result, struct error *err)
{
    (void)result;
    return dhcp_store_leases(db, peer->system_id, params, arena, err);
}

enum error_code network_calls_partner_leases(const struct rack_peer *peer, struct db *db,
                                             json_t *params, struct arena *arena, json_t **result,
                                             struct error *err)
{
    json_t *since = json_object_get(params, "since");
    if (!json_is_integer(since))
        return error_set(err, ERR_BAD_INPUT, "since: expected a number");
    return dhcp_store_partner(db, peer->system_id, json_integer_value(since), arena, result, err);
}
