/* What racks ask about networks: rows of rack_calls.def. Contract: docs/rack-protocol.md. */
#include "src/region/controller_store.h"
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

enum error_code network_calls_dhcp_config(const struct rack_peer *peer, struct db *db,
                                          json_t *params, struct arena *arena, json_t **result,
                                          struct error *err)
{
    const char *version = json_string_value(json_object_get(params, "version"));
    if (!version)
        return error_set(err, ERR_BAD_INPUT, "version: expected a text");
    return dhcp_store_document(db, peer->system_id, version, arena, result, err);
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
