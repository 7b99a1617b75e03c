/* Interfaces and racks: see deploy_network.h. */
#include "src/region/deploy_network.h"

#include <string.h>

/* One row for each link; interfaces without one have one row with nulls. */
enum { AT_ID, AT_NAME, AT_MAC, AT_BOOTS, AT_TYPE, AT_ADDRESS, AT_GATEWAY, AT_DNS, AT_MTU };

static json_t *subnet_of(const struct db_rows *rows, int row)
{
    const char *address = db_text(rows, row, AT_ADDRESS), *gateway = db_text(rows, row, AT_GATEWAY);
    bool dhcp = db_is_null(rows, row, AT_TYPE) ? db_bool(rows, row, AT_BOOTS)
                                               : db_int(rows, row, AT_TYPE) == 5;
    if (dhcp)
        return json_pack("{s:s}", "type", "dhcp4");
    if (!address)
        return json_pack("{s:s}", "type", "manual");
    json_t *subnet = json_pack("{s:s, s:s}", "type", strchr(address, ':') ? "static6" : "static",
                               "address", address);
    ASSERT(subnet);
    if (gateway)
        json_object_set_new(subnet, "gateway", json_string(gateway));
    json_t *dns = json_loads(db_text(rows, row, AT_DNS), 0, NULL);
    if (json_array_size(dns))
        json_object_set(subnet, "dns_nameservers", dns);
    json_decref(dns);
    return subnet;
}

static json_t *interface_of(const struct db_rows *rows, int row)
{
    json_t *interface = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "id", db_text(rows, row, AT_NAME),
                                  "type", "physical", "name", db_text(rows, row, AT_NAME),
                                  "mac_address", db_text(rows, row, AT_MAC), "subnets");
    ASSERT(interface);
    if (!db_is_null(rows, row, AT_MTU))
        json_object_set_new(interface, "mtu", json_integer(db_int(rows, row, AT_MTU)));
    return interface;
}

enum error_code deploy_network_read(struct db *db, int64_t node_id, struct arena *arena,
                                    json_t **network, struct error *err)
{
    DB_STATEMENT(
        deploy_links,
        "SELECT i.id, i.name, i.mac, i.id = n.boot_interface_id, a.alloc_type, "
        "host(a.ip) || '/' || coalesce(masklen(s.cidr), masklen(a.ip)), CASE WHEN a.id = coalesce("
        "CASE family(s.gateway_ip) WHEN 4 THEN n.gateway_link_ipv4_id ELSE n.gateway_link_ipv6_id "
        "END, a.id) THEN host(s.gateway_ip) END, "
        "to_json(coalesce((SELECT array_agg(host(x)) FROM unnest(s.dns_servers) x), '{}')), "
        "coalesce(i.mtu, nullif(v.mtu, 1500)) FROM node n JOIN interface i ON i.node_id = n.id "
        "LEFT JOIN ip_address a ON a.interface_id = i.id AND a.alloc_type IN (0, 1, 4, 5) "
        "LEFT JOIN subnet s ON s.id = a.subnet_id LEFT JOIN vlan v ON v.id = i.vlan_id "
        "WHERE n.id = $1 AND i.type = 'physical' AND i.mac IS NOT NULL AND i.enabled "
        "ORDER BY i.id <> n.boot_interface_id, i.id, a.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &deploy_links, DB_PARAMS(db_number(arena, node_id)), &rows, err);
    if (code)
        return code;
    json_t *config = json_array(), *interface = NULL;
    for (int row = 0; row < rows.count; row++) {
        if (!row || db_int(&rows, row, AT_ID) != db_int(&rows, row - 1, AT_ID)) {
            interface = interface_of(&rows, row);
            json_array_append_new(config, interface);
        }
        json_array_append_new(json_object_get(interface, "subnets"), subnet_of(&rows, row));
    }
    *network = json_pack("{s:i, s:o}", "version", 1, "config", config);
    ASSERT(*network);
    return ERR_OK;
}

enum error_code deploy_network_racks(struct db *db, const char *address, struct arena *arena,
                                     const char **racks, struct error *err)
{
    DB_STATEMENT(
        deploy_racks,
        "SELECT coalesce(string_agg(address, ',' ORDER BY secondary, address), '') FROM ("
        "SELECT host(a.ip) AS address, r.id = v.secondary_rack_id AS secondary FROM subnet s "
        "JOIN vlan v ON v.id = s.vlan_id "
        "JOIN node r ON r.id IN (v.primary_rack_id, v.secondary_rack_id) "
        "JOIN interface i ON i.node_id = r.id JOIN ip_address a ON a.interface_id = i.id "
        "AND s.cidr >>= a.ip AND family(a.ip) = 4 WHERE s.cidr >>= $1::inet LIMIT 8) x");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &deploy_racks, DB_PARAMS(address), &rows, err);
    if (!code)
        *racks = arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}
