/*
 * The network's objects as MAAS shows them, each written down once, as SQL. A column is a key:
 *
 *   SELECT to_json(s) FROM (SUBNET_SQL) s WHERE s.id = $1
 *
 * answers the object, and who nests one in another joins the same text: lists need one statement.
 * names: ZONE_ POOL_ DOMAIN_ FABRIC_ VLAN_ SUBNET_ SPACE_ IP_RANGE_ RESERVED_IP_ STATIC_ROUTE_
 */
#pragma once

#define ZONE_SQL                                                                                \
    "SELECT id, name, description, '/MAAS/api/2.0/zones/' || replace(name, ' ', '%20') || '/' " \
    "AS resource_uri FROM zone"

#define POOL_SQL                                                                                \
    "SELECT id, name, description, '/MAAS/api/2.0/resourcepool/' || id || '/' AS resource_uri " \
    "FROM "                                                                                     \
    "resource_pool"

/** Lacks resource_record_count: it is a number of the DNS, not of the domain. */
#define DOMAIN_SQL                                                                               \
    "SELECT id, name, ttl, authoritative, is_default, '/MAAS/api/2.0/domains/' || id || '/' AS " \
    "resource_uri FROM domain"

/** A VLAN as table v, its fabric as f; a VLAN with vid 0 is called untagged unless it has a name.
 */
#define FABRIC_NAME_SQL(f) "coalesce(" f ".name, 'fabric-' || " f ".id)"
#define VLAN_NAME_SQL(v) \
    "coalesce(" v ".name, CASE " v ".vid WHEN 0 THEN 'untagged' ELSE " v ".vid::text END)"

#define VLAN_SQL_WITH(v, relay)                                                              \
    "SELECT " v ".id, " v ".vid, " VLAN_NAME_SQL(v) " AS name, " FABRIC_NAME_SQL(            \
        v "_f") " AS fabric, " v ".fabric_id, " v ".mtu, coalesce(" v                        \
                "_s.name, 'undefined') AS space, " v ".dhcp_on, " v ".external_dhcp, " relay \
                " AS relay_vlan, " v "_p.system_id AS primary_rack, " v                      \
                "_q.system_id AS secondary_rack, '/MAAS/api/2.0/vlans/' || " v               \
                ".id || '/' AS resource_uri "                                                \
                "FROM vlan " v " JOIN fabric " v "_f ON " v "_f.id = " v ".fabric_id "       \
                "LEFT JOIN space " v "_s ON " v "_s.id = " v ".space_id "                    \
                "LEFT JOIN node " v "_p ON " v "_p.id = " v ".primary_rack_id "              \
                "LEFT JOIN node " v "_q ON " v "_q.id = " v ".secondary_rack_id"

#define VLAN_SQL                                                              \
    VLAN_SQL_WITH(                                                            \
        "v", "CASE WHEN v.relay_vlan_id IS NOT NULL THEN (SELECT to_json(r) " \
             "FROM (" VLAN_SQL_WITH("w", "NULL::json") ") r WHERE r.id = v.relay_vlan_id) END")

#define SUBNET_SQL                                                                            \
    "SELECT s.id, s.name, s.description, to_json(v) AS vlan, v.space, s.cidr, s.gateway_ip, " \
    "s.dns_servers, s.rdns_mode, s.active_discovery, s.allow_dns, s.allow_proxy, s.managed, " \
    "s.disabled_boot_architectures, '/MAAS/api/2.0/subnets/' || s.id || '/' AS resource_uri " \
    "FROM subnet s JOIN (" VLAN_SQL ") v ON v.id = s.vlan_id"

#define FABRIC_SQL                                                                              \
    "SELECT f.id, " FABRIC_NAME_SQL(                                                            \
        "f") " AS name, f.class_type, (SELECT coalesce(json_agg(v "                             \
             "ORDER BY v.id), '[]') FROM (" VLAN_SQL ") v WHERE v.fabric_id = f.id) AS vlans, " \
             "'/MAAS/api/2.0/fabrics/' || f.id || '/' AS resource_uri FROM fabric f"

/** What belongs to no space is shown in the space -1, "undefined". */
#define SPACE_SQL                                                                                 \
    "SELECT p.id, p.name, p.description, (SELECT coalesce(json_agg(v ORDER BY v.id), '[]') FROM " \
    "(" VLAN_SQL ") v WHERE v.space = p.name) AS vlans, (SELECT coalesce(json_agg(s ORDER BY "    \
    "s.id), '[]') FROM (" SUBNET_SQL ") s WHERE s.space = p.name) AS subnets, "                   \
    "'/MAAS/api/2.0/spaces/' || p.key || '/' AS resource_uri FROM (SELECT id, name, "             \
    "description, id::text AS key FROM space UNION ALL SELECT -1, 'undefined', '', 'undefined') p"

/** The account as table a. */
#define USER_JSON_SQL(a)                                                                      \
    "CASE WHEN " a ".id IS NOT NULL THEN json_build_object('username', " a                    \
    ".username, 'email', " a ".email, 'is_superuser', " a ".is_superuser, 'is_local', true, " \
    "'resource_uri', '/MAAS/api/2.0/users/' || " a ".username || '/') END"

#define IP_RANGE_SQL                                                                              \
    "SELECT r.id, r.type, r.start_ip, r.end_ip, r.comment, " USER_JSON_SQL(                       \
        "a") " AS user, "                                                                         \
             "to_json(s) AS subnet, '/MAAS/api/2.0/ipranges/' || r.id || '/' AS resource_uri "    \
             "FROM ip_range r JOIN (" SUBNET_SQL ") s ON s.id = r.subnet_id LEFT JOIN account a " \
             "ON a.id = r.account_id"

#define RESERVED_IP_SQL                                                               \
    "SELECT r.id, r.ip, r.mac_address, r.comment, to_json(s) AS subnet, "             \
    "'/MAAS/api/2.0/reservedips/' || r.id || '/' AS resource_uri FROM reserved_ip r " \
    "JOIN (" SUBNET_SQL ") s ON s.id = r.subnet_id"

#define STATIC_ROUTE_SQL                                                                      \
    "SELECT t.id, to_json(a) AS source, to_json(b) AS destination, t.gateway_ip, t.metric, "  \
    "'/MAAS/api/2.0/static-routes/' || t.id || '/' AS resource_uri FROM static_route t JOIN " \
    "(" SUBNET_SQL ") a ON a.id = t.source_id JOIN (" SUBNET_SQL ") b ON b.id = t.destination_id"
