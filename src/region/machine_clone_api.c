/*
 * Machines configured as another one is: its storage layout and special file systems, its links by
 * the names of interfaces. All or none of it is done. Source: MAAS API 2.0, machines clone.
 */
#include <jansson.h>
#include <string.h>

#include "src/model/machine_status.h"
#include "src/region/deploy_storage.h"
#include "src/region/event_store.h"
#include "src/region/machine_store.h"
#include "src/region/routes.h"

enum { DESTINATIONS_MOST = 256 };

struct clone {
    struct machine source, *list;
    int count;
    bool storage, interfaces;
    const char *ids; /* of the destinations, as an array */
};

static enum error_code find_source(struct api_request *request, struct api_reply *reply,
                                   struct clone *clone, struct error *err)
{
    const char *id = api_param(request, "source");
    if (!id || !*id) {
        api_field_error(reply, "source", "This field is required.");
        return ERR_OK;
    }
    enum error_code code = machine_store_find(request, id, NODE_MACHINES, &clone->source, err);
    if (code != ERR_NOT_FOUND)
        return code;
    api_field_error(reply, "source", "Select a valid choice. %.64s is not one of the machines.",
                    id);
    return ERR_OK;
}

static bool is_found(const struct clone *clone, const char *system_id)
{
    for (int i = 0; i < clone->count; i++)
        if (!strcmp(clone->list[i].system_id, system_id))
            return true;
    return false;
}

static void check_destination(struct api_reply *reply, const struct clone *clone,
                              const struct machine *machine)
{
    bool fits = machine->status == MACHINE_READY || machine->status == MACHINE_FAILED_TESTING;
    if (clone->source.system_id && !strcmp(machine->system_id, clone->source.system_id))
        api_field_error(reply, "destinations", "Source machine %s cannot be a destination machine.",
                        machine->system_id);
    else if (!fits || machine->locked)
        api_field_error(reply, "destinations", "Machine %s cannot be changed: it is %s.",
                        machine->system_id,
                        machine->locked ? "locked" : machine_status_name(machine->status));
}

static enum error_code find_destinations(struct api_request *request, struct api_reply *reply,
                                         struct clone *clone, struct error *err)
{
    int count;
    const char *const *ids = api_param_list(request, "destinations", &count);
    if (!count || count > DESTINATIONS_MOST) {
        api_field_error(reply, "destinations", "Name between 1 and %d machines.",
                        DESTINATIONS_MOST);
        return ERR_OK;
    }
    enum error_code code = machine_store_list(request->db, db_array(request->arena, ids, count),
                                              request->arena, &clone->list, &clone->count, err);
    for (int i = 0; i < count && !code; i++)
        if (!is_found(clone, ids[i]))
            api_field_error(reply, "destinations",
                            "Select a valid choice. %.64s is not one of the machines.", ids[i]);
    const char **numbers = ARENA_ARRAY(request->arena, const char *, (size_t)clone->count + 1);
    for (int i = 0; i < clone->count; i++) {
        check_destination(reply, clone, &clone->list[i]);
        numbers[i] = db_number(request->arena, clone->list[i].id);
    }
    clone->ids = db_array(request->arena, numbers, clone->count);
    return code;
}

static enum error_code read_clone(struct api_request *request, struct api_reply *reply,
                                  struct clone *clone, struct error *err)
{
    enum error_code code = api_param_bool(request, "storage", &clone->storage, err);
    if (!code)
        code = api_param_bool(request, "interfaces", &clone->interfaces, err);
    if (!code && !clone->storage && !clone->interfaces)
        api_field_error(reply, "__all__", "Either storage or interfaces must be true.");
    if (!code)
        code = find_source(request, reply, clone, err);
    if (!code)
        code = find_destinations(request, reply, clone, err);
    return code ? code : api_fields_valid(reply, err);
}

/* Can each of the disks take the layout of the source? */
static enum error_code check_layouts(struct api_request *request, struct api_reply *reply,
                                     const struct clone *clone, struct error *err)
{
    enum error_code code = ERR_OK;
    for (int i = 0; i < clone->count && !code; i++) {
        json_t *storage = NULL;
        code = deploy_storage_make(request->db, clone->list[i].id, request->arena, &storage, err);
        json_decref(storage);
        if (code != ERR_CONFLICT)
            continue;
        api_field_error(reply, "destinations", "Machine %s cannot be cloned to: %s",
                        clone->list[i].system_id, err->text);
        code = ERR_OK;
    }
    return code ? code : api_fields_valid(reply, err);
}

static enum error_code clone_storage(struct api_request *request, struct api_reply *reply,
                                     const struct clone *clone, struct error *err)
{
    DB_STATEMENT(clone_specials_gone,
                 "DELETE FROM special_filesystem WHERE node_id = ANY ($1::bigint[])");
    DB_STATEMENT(clone_layout,
                 "WITH source AS (SELECT storage_layout FROM node WHERE id = $2), specials AS ("
                 "INSERT INTO special_filesystem (node_id, fstype, mount_point, mount_options) "
                 "SELECT d, f.fstype, f.mount_point, f.mount_options FROM special_filesystem f, "
                 "unnest($1::bigint[]) d WHERE f.node_id = $2) UPDATE node SET storage_layout = "
                 "source.storage_layout, updated = now() FROM source WHERE id = ANY "
                 "($1::bigint[])");
    const char *source = db_number(request->arena, clone->source.id);
    enum error_code code =
        db_query(request->db, &clone_specials_gone, DB_PARAMS(clone->ids), NULL, err);
    if (!code)
        code = db_query(request->db, &clone_layout, DB_PARAMS(clone->ids, source), NULL, err);
    return code ? code : check_layouts(request, reply, clone, err);
}

/* Each must have all interfaces of the source. */
static enum error_code check_interfaces(struct api_request *request, struct api_reply *reply,
                                        const struct clone *clone, struct error *err)
{
    DB_STATEMENT(
        clone_missing,
        "SELECT n.system_id, string_agg(i.name, ', ' ORDER BY i.name) FROM node n, interface i "
        "WHERE n.id = ANY ($1::bigint[]) AND i.node_id = $2 AND i.type = 'physical' AND NOT EXISTS "
        "(SELECT FROM interface o WHERE o.node_id = n.id AND o.type = 'physical' AND o.name = "
        "i.name) GROUP BY n.system_id ORDER BY 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &clone_missing,
                 DB_PARAMS(clone->ids, db_number(request->arena, clone->source.id)), &rows, err);
    for (int i = 0; i < rows.count && !code; i++)
        api_field_error(reply, "destinations", "Machine %s has no interface %s.",
                        db_text(&rows, i, 0), db_text(&rows, i, 1));
    return code ? code : api_fields_valid(reply, err);
}

/* Two statements: those that insert do not see what the same statement deleted. */
static enum error_code clone_interfaces(struct api_request *request, struct api_reply *reply,
                                        const struct clone *clone, struct error *err)
{
    DB_STATEMENT(
        clone_links,
        "WITH pairs AS (SELECT i.id AS from_id, o.id AS to_id, i.vlan_id, i.enabled, i.tags FROM "
        "interface i JOIN interface o ON o.name = i.name AND o.type = 'physical' WHERE i.node_id = "
        "$2 AND i.type = 'physical' AND o.node_id = ANY ($1::bigint[])), links AS (INSERT INTO "
        "ip_address (ip, alloc_type, subnet_id, interface_id) SELECT NULL, CASE WHEN a.alloc_type "
        "= 1 AND a.ip IS NOT NULL THEN 0 ELSE a.alloc_type END, a.subnet_id, p.to_id FROM pairs p "
        "JOIN ip_address a ON a.interface_id = p.from_id WHERE a.alloc_type IN (0, 1, 5) ORDER BY "
        "p.to_id, a.id) UPDATE interface SET vlan_id = pairs.vlan_id, enabled = pairs.enabled, "
        "tags = pairs.tags, updated = now() FROM pairs WHERE interface.id = pairs.to_id");
    const char *source = db_number(request->arena, clone->source.id);
    enum error_code code = check_interfaces(request, reply, clone, err);
    if (!code)
        code = machine_store_unlink(request->db, clone->ids, err);
    return code ? code
                : db_query(request->db, &clone_links, DB_PARAMS(clone->ids, source), NULL, err);
}

enum error_code machines_clone(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    struct clone clone = {.count = 0};
    enum error_code code = read_clone(request, reply, &clone, err);
    if (!code && clone.interfaces)
        code = clone_interfaces(request, reply, &clone, err);
    if (!code && clone.storage)
        code = clone_storage(request, reply, &clone, err);
    for (int i = 0; i < clone.count && !code; i++) {
        struct event event = {.type = "NODE",
                              .system_id = clone.list[i].system_id,
                              .username = request->user->username,
                              .description =
                                  arena_printf(request->arena, "Cloned from '%s' to '%s'.",
                                               clone.source.hostname, clone.list[i].hostname)};
        code = event_add(request->db, &event, request->arena, err);
    }
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
