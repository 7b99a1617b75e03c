/* Actions that all kinds of nodes have: see node_reply.h. */
#include "src/region/node_reply.h"

#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/machine_power.h"
#include "src/region/network_sql.h"
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

/* VLANs that would be without DHCP; NULL when there is none. */
static enum error_code only_served_by(struct api_request *request, const char *id,
                                      const char **vlans, struct error *err)
{
    DB_STATEMENT(node_reply_only,
                 "SELECT string_agg(" VLAN_NAME_SQL("v") " || ' in ' || " FABRIC_NAME_SQL(
                     "f") ", ', ' ORDER BY v.id) FROM vlan v JOIN fabric f ON f.id = v.fabric_id "
                          "WHERE v.primary_rack_id = $1 AND v.secondary_rack_id IS NULL AND "
                          "v.dhcp_on");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &node_reply_only, DB_PARAMS(id), &rows, err);
    if (!code)
        *vlans = arena_strdup(request->arena, db_text(&rows, 0, 0));
    return code;
}

/* The secondary rack stands in; where there is none DHCP is off. */
static enum error_code hand_over(struct api_request *request, const char *id, struct error *err)
{
    DB_STATEMENT(node_reply_hand_over,
                 "UPDATE vlan SET dhcp_on = dhcp_on AND (primary_rack_id <> $1 OR "
                 "secondary_rack_id IS NOT NULL), primary_rack_id = CASE WHEN primary_rack_id = "
                 "$1 THEN secondary_rack_id ELSE primary_rack_id END, secondary_rack_id = NULL, "
                 "updated = now() WHERE $1 IN (primary_rack_id, secondary_rack_id)");
    return db_query(request->db, &node_reply_hand_over, DB_PARAMS(id), NULL, err);
}

/* A rack goes only when another serves its VLANs, or when that is said not to matter. */
static enum error_code take_rack_out(struct api_request *request, const struct machine *rack,
                                     struct error *err)
{
    const char *vlans = NULL, *id = db_number(request->arena, rack->id);
    bool force = false;
    enum error_code code = api_param_bool(request, "force", &force, err);
    if (!code && !force)
        code = only_served_by(request, id, &vlans, err);
    if (!code && vlans)
        return error_set(err, ERR_BAD_INPUT,
                         "Unable to delete '%s'; it is currently set as a primary rack controller "
                         "on VLANs %.300s, and no other rack controllers can provide DHCP.",
                         rack->hostname, vlans);
    return code ? code : hand_over(request, id, err);
}

enum error_code node_reply_delete(struct api_request *request, struct api_reply *reply,
                                  const struct machine *machine, struct error *err)
{
    enum error_code code = ERR_OK;
    if (machine->locked)
        return error_set(err, ERR_FORBIDDEN, "%s is locked.", machine->hostname);
    if (1U << machine->node_type & NODE_RACKS)
        code = take_rack_out(request, machine, err);
    if (!code)
        code = machine_store_delete(request->db, machine->id, request->arena, err);
    if (code)
        return code;
    api_reply_empty(reply, 204);
    return event_audit(
        request, "NODE",
        arena_printf(request->arena, "Deleted '%s' (%s).", machine->hostname, machine->system_id),
        err);
}
