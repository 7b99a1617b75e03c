/* VLANs of fabrics. Source: MAAS API 2.0, vlans. */
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"

/* fabric, space, relay_vlan and the racks as a client names them, "" for none. */
struct vlan {
    int64_t id, vid, mtu;
    const char *name, *description, *fabric, *space, *relay_vlan, *primary_rack, *secondary_rack;
    bool dhcp_on;
};

static const struct field fields[] = {
    FIELD(struct vlan, id, FIELD_INT, 0, "its number"),
    FIELD(struct vlan, vid, FIELD_INT, FIELD_WRITE, "number in its tags"),
    FIELD(struct vlan, mtu, FIELD_INT, FIELD_WRITE, "bytes of the largest packet"),
    FIELD(struct vlan, name, FIELD_TEXT, FIELD_WRITE, "its name"),
    FIELD(struct vlan, description, FIELD_TEXT, FIELD_WRITE, "for people"),
    FIELD(struct vlan, fabric, FIELD_TEXT, FIELD_WRITE, "the fabric it belongs to"),
    FIELD(struct vlan, space, FIELD_TEXT, FIELD_WRITE, "the space it belongs to"),
    FIELD(struct vlan, relay_vlan, FIELD_TEXT, FIELD_WRITE, "the VLAN whose racks answer"),
    FIELD(struct vlan, primary_rack, FIELD_TEXT, FIELD_WRITE, "the rack that gives addresses"),
    FIELD(struct vlan, secondary_rack, FIELD_TEXT, FIELD_WRITE, "the rack that stands in"),
    FIELD(struct vlan, dhcp_on, FIELD_BOOL, FIELD_WRITE, "racks give addresses"),
};

/* The ids behind those names, as texts for the next statement. */
struct vlan_links {
    const char *fabric_id, *space_id, *relay_vlan_id, *primary_rack_id, *secondary_rack_id;
    bool has_range, relay_is_relayed;
};

static enum error_code find_fabric(struct api_request *request, const char *key, const char **id,
                                   struct error *err)
{
    DB_STATEMENT(vlan_fabric, "SELECT id FROM fabric f WHERE id = $1::bigint OR " FABRIC_NAME_SQL(
                                  "f") " = $2 ORDER BY (id = $1::bigint) DESC NULLS LAST LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &vlan_fabric, DB_PARAMS(field_form_id(key), key), &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Fabric matches the given query.");
    if (!code)
        *id = arena_strdup(request->arena, db_text(&rows, 0, 0));
    return code;
}

/* vlans/{id}/ or fabrics/{fabric_id}/vlans/{vid}/. */
static enum error_code find(struct api_request *request, struct vlan *vlan, struct error *err)
{
    DB_STATEMENT(vlan_find,
                 "SELECT v.id, v.vid, v.mtu, coalesce(v.name, '') AS name, v.description, "
                 "v.fabric_id::text AS fabric, coalesce(v.space_id::text, '') AS space, "
                 "coalesce(v.relay_vlan_id::text, '') AS relay_vlan, coalesce(p.system_id, '') AS "
                 "primary_rack, coalesce(q.system_id, '') AS secondary_rack, v.dhcp_on "
                 "FROM vlan v LEFT JOIN node p ON p.id = v.primary_rack_id "
                 "LEFT JOIN node q ON q.id = v.secondary_rack_id "
                 "WHERE v.id = $1::bigint OR (v.fabric_id = $2::bigint AND v.vid = $3::bigint)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *id = NULL, *fabric_id = NULL, *vid = NULL;
    enum error_code code = ERR_OK;
    if (strstr(request->route->resource->path, "{vid}")) {
        vid = api_path(request, "vid");
        vid = field_form_id(strcmp(vid, "untagged") ? vid : "0");
        code = find_fabric(request, api_path(request, "fabric_id"), &fabric_id, err);
    } else {
        id = field_form_id(api_path(request, "id"));
    }
    if (!code)
        code = db_query(request->db, &vlan_find, DB_PARAMS(id, fabric_id, vid), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No VLAN matches the given query.");
    db_map(&rows, 0, fields, COUNT_OF(fields), vlan, request->arena);
    return ERR_OK;
}

/*
 * A rack can serve a VLAN that one of its interfaces is on. A rack that serves it already stays
 * allowed, else a VLAN could not be changed while its rack's cable is out.
 */
static enum error_code look_up(struct api_request *request, const struct vlan *vlan,
                               struct vlan_links *links, struct error *err)
{
    DB_STATEMENT(
        vlan_links,
        "WITH rack AS (SELECT n.id, n.system_id FROM node n WHERE n.node_type IN (2, 4) AND "
        "(EXISTS (SELECT FROM interface i WHERE i.node_id = n.id AND i.vlan_id = $1) OR EXISTS "
        "(SELECT FROM vlan v WHERE v.id = $1 AND n.id IN (v.primary_rack_id, "
        "v.secondary_rack_id)))) "
        "SELECT (SELECT id FROM fabric f WHERE id::text = $2 OR " FABRIC_NAME_SQL(
            "f") " = $2 ORDER BY id::text = $2 DESC LIMIT 1), "
                 "(SELECT id FROM space WHERE id::text = $3 OR name = $3 "
                 "ORDER BY id::text = $3 DESC LIMIT 1), "
                 "(SELECT id FROM vlan WHERE id::text = $4), "
                 "(SELECT id FROM rack WHERE system_id = $5), "
                 "(SELECT id FROM rack WHERE system_id = $6), "
                 "EXISTS (SELECT FROM ip_range r JOIN subnet s ON s.id = r.subnet_id "
                 "WHERE s.vlan_id = $1 AND r.type = 'dynamic'), "
                 "EXISTS (SELECT FROM vlan WHERE id::text = $4 AND relay_vlan_id IS NOT NULL)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &vlan_links,
                 DB_PARAMS(db_number(request->arena, vlan->id), vlan->fabric, vlan->space,
                           vlan->relay_vlan, vlan->primary_rack, vlan->secondary_rack),
                 &rows, err);
    if (code)
        return code;
    const char **ids[] = {&links->fabric_id, &links->space_id, &links->relay_vlan_id,
                          &links->primary_rack_id, &links->secondary_rack_id};
    for (int i = 0; i < (int)COUNT_OF(ids); i++)
        *ids[i] = arena_strdup(request->arena, db_text(&rows, 0, i));
    links->has_range = db_bool(&rows, 0, COUNT_OF(ids));
    links->relay_is_relayed = db_bool(&rows, 0, COUNT_OF(ids) + 1);
    return ERR_OK;
}

static void check_choice(struct api_reply *reply, const char *field, const char *given,
                         const char *found)
{
    if (given && *given && !found)
        api_field_error(reply, field,
                        "Select a valid choice. That choice is not one of the available choices.");
}

static void check_dhcp(struct api_reply *reply, const struct vlan *vlan,
                       const struct vlan_links *links)
{
    bool primary = *vlan->primary_rack, secondary = *vlan->secondary_rack;
    if (secondary && !strcmp(vlan->primary_rack, vlan->secondary_rack))
        api_field_error(reply, "secondary_rack",
                        "The primary and secondary rack must be different.");
    if (secondary && !primary)
        api_field_error(reply, "secondary_rack",
                        "A secondary rack can only be set beside a primary rack.");
    if (vlan->dhcp_on && !primary)
        api_field_error(reply, "dhcp_on",
                        "DHCP can only be turned on when a primary rack controller is set.");
    if (vlan->dhcp_on && !links->has_range)
        api_field_error(reply, "dhcp_on",
                        "DHCP can only be turned on when a dynamic IP range is defined.");
    if (!*vlan->relay_vlan)
        return;
    if (vlan->dhcp_on)
        api_field_error(reply, "relay_vlan", "'relay_vlan' cannot be set when DHCP is on.");
    if (links->relay_vlan_id && strtoll(links->relay_vlan_id, NULL, 10) == vlan->id)
        api_field_error(reply, "relay_vlan", "'relay_vlan' cannot match the current VLAN id.");
    if (links->relay_is_relayed)
        api_field_error(reply, "relay_vlan",
                        "'relay_vlan' cannot be set to another VLAN that is a relay.");
}

static enum error_code read_form(struct api_request *request, struct api_reply *reply,
                                 struct vlan *vlan, struct vlan_links *links, struct error *err)
{
    struct field_form form = {fields, COUNT_OF(fields)};
    field_form_read(request, reply, &form, vlan);
    if (!strcmp(vlan->space, "undefined"))
        vlan->space = "";
    if (*vlan->name)
        field_form_name(reply, "name", vlan->name);
    if (vlan->vid < 0 || vlan->vid > 4094)
        api_field_error(reply, "vid", "VID must be between 0 and 4094.");
    if (vlan->mtu < 552 || vlan->mtu > 65535)
        api_field_error(reply, "mtu", "Ensure this value is between 552 and 65535.");
    enum error_code code = look_up(request, vlan, links, err);
    if (code)
        return code;
    check_choice(reply, "fabric", vlan->fabric, links->fabric_id);
    check_choice(reply, "space", vlan->space, links->space_id);
    check_choice(reply, "relay_vlan", vlan->relay_vlan, links->relay_vlan_id);
    check_choice(reply, "primary_rack", vlan->primary_rack, links->primary_rack_id);
    check_choice(reply, "secondary_rack", vlan->secondary_rack, links->secondary_rack_id);
    check_dhcp(reply, vlan, links);
    return api_fields_valid(reply, err);
}

static enum error_code taken(struct api_reply *reply, struct error *err)
{
    api_field_error(reply, "vid",
                    "A VLAN with the specified VID already exists in the destination fabric.");
    return api_fields_valid(reply, err);
}

/*
 * Addresses of the VLAN (as v) whose new meaning waits, and for which rack: it may still give them
 * by the old one. Not MAAS's: shown with the one object only, and while there are some.
 */
#define PENDING_SQL                                                                             \
    "(SELECT jsonb_agg(jsonb_build_object('address', a.address, 'rack', a.rack) ORDER BY "      \
    "a.address::inet, a.rack) AS pending FROM (SELECT DISTINCT h.address, h.rack FROM (SELECT " \
    "DISTINCT ON (rack) held FROM dhcp_document ORDER BY rack, number DESC) d CROSS JOIN "      \
    "jsonb_to_recordset(d.held) h (address text, rack text) JOIN subnet s ON s.cidr >>= "       \
    "h.address::inet AND s.vlan_id = v.id) a)"

static enum error_code answer(struct api_request *request, struct api_reply *reply, const char *id,
                              struct error *err)
{
    DB_STATEMENT(vlan_read, "SELECT CASE WHEN p.pending IS NULL THEN to_json(v) ELSE (to_jsonb(v) "
                            "|| jsonb_build_object('dhcp_pending', p.pending))::json END FROM "
                            "(" VLAN_SQL ") v CROSS JOIN LATERAL " PENDING_SQL " p WHERE id = $1");
    struct rows_one one = {&vlan_read, "VLAN"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

enum error_code vlans_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(vlan_list, "SELECT to_json(v) FROM (" VLAN_SQL ") v WHERE fabric_id = $1 "
                            "ORDER BY vid");
    const char *fabric_id;
    enum error_code code = find_fabric(request, api_path(request, "fabric_id"), &fabric_id, err);
    return code ? code : rows_reply_list(request, reply, &vlan_list, DB_PARAMS(fabric_id), err);
}

enum error_code vlans_create(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(vlan_create,
                 "INSERT INTO vlan (fabric_id, vid, name, description, mtu, space_id) VALUES "
                 "($1, $2, nullif($3, ''), $4, $5, $6) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct arena *arena = request->arena;
    struct vlan vlan = {.id = -1,
                        .vid = -1,
                        .mtu = 1500,
                        .name = "",
                        .description = "",
                        .fabric = "",
                        .space = "",
                        .relay_vlan = "",
                        .primary_rack = "",
                        .secondary_rack = ""};
    struct vlan_links links = {0};
    const char *fabric_id;
    enum error_code code = find_fabric(request, api_path(request, "fabric_id"), &fabric_id, err);
    if (code)
        return code;
    if (!api_param(request, "vid")) {
        api_field_error(reply, "vid", "This field is required.");
        vlan.vid = 0;
    }
    code = read_form(request, reply, &vlan, &links, err);
    if (!code)
        code = db_query(request->db, &vlan_create,
                        DB_PARAMS(fabric_id, db_number(arena, vlan.vid), vlan.name,
                                  vlan.description, db_number(arena, vlan.mtu), links.space_id),
                        &rows, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, db_text(&rows, 0, 0), err);
}

enum error_code vlan_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct vlan vlan;
    enum error_code code = find(request, &vlan, err);
    return code ? code : answer(request, reply, db_number(request->arena, vlan.id), err);
}

enum error_code vlan_update(struct api_request *request, struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(vlan_update, "UPDATE vlan SET fabric_id = $2, vid = $3, name = nullif($4, ''), "
                              "description = $5, mtu = $6, space_id = $7, relay_vlan_id = $8, "
                              "primary_rack_id = $9, secondary_rack_id = $10, dhcp_on = $11, "
                              "updated = now() WHERE id = $1");
    struct arena *arena = request->arena;
    struct vlan vlan;
    struct vlan_links links = {0};
    enum error_code code = find(request, &vlan, err);
    if (!code)
        code = read_form(request, reply, &vlan, &links, err);
    if (code)
        return code;
    const char *id = db_number(arena, vlan.id);
    code = db_query(request->db, &vlan_update,
                    DB_PARAMS(id, links.fabric_id, db_number(arena, vlan.vid), vlan.name,
                              vlan.description, db_number(arena, vlan.mtu), links.space_id,
                              links.relay_vlan_id, links.primary_rack_id, links.secondary_rack_id,
                              vlan.dhcp_on ? "true" : "false"),
                    NULL, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, id, err);
}

enum error_code vlan_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(vlan_is_default, "SELECT min(d.id) = $1::bigint, min(d.id) FROM vlan d JOIN vlan "
                                  "v ON v.fabric_id = d.fabric_id WHERE v.id = $1::bigint");
    /* What was on it is on the fabric's default VLAN now. */
    DB_STATEMENT(vlan_delete, "WITH s AS (UPDATE subnet SET vlan_id = $2 WHERE vlan_id = $1), "
                              "i AS (UPDATE interface SET vlan_id = $2 WHERE vlan_id = $1) "
                              "DELETE FROM vlan WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct vlan vlan;
    enum error_code code = find(request, &vlan, err);
    const char *id = code ? NULL : db_number(request->arena, vlan.id);
    if (!code)
        code = db_query(request->db, &vlan_is_default, DB_PARAMS(id), &rows, err);
    if (!code && db_bool(&rows, 0, 0))
        return error_set(err, ERR_BAD_INPUT,
                         "This VLAN is the default VLAN in the fabric, it cannot be deleted.");
    if (!code)
        code = db_query(request->db, &vlan_delete, DB_PARAMS(id, db_text(&rows, 0, 1)), NULL, err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
