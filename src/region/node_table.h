/*
 * Nodes as MAAS shows them, each key written down once: X(key, type, who has it, SQL). The SQL sees
 * the node as n, its interfaces as i, its disks as b (see node_json.c). Who: M machine, D device, R
 * rack, G region, E what an anonymous enlistment is told of its machine.
 * Source: MAAS API 2.0, MACHINE, DEVICE, CONTROLLER, INTERFACE, BLOCKDEVICE. names: NODE_
 */
#pragma once

#include "src/region/network_sql.h"

#define NODE_DOMAIN_SQL                                                                           \
    "(SELECT to_json(d) FROM (SELECT m.*, 0 AS resource_record_count FROM (" DOMAIN_SQL ") m) d " \
    "WHERE d.id = n.domain_id)"

#define NODE_ADDRESSES_SQL                                                                         \
    "(SELECT coalesce(json_agg(host(a.ip) ORDER BY a.alloc_type <> 1, a.id) FILTER "               \
    "(WHERE a.alloc_type <> 6), json_agg(host(a.ip) ORDER BY a.id), '[]'::json) FROM interface i " \
    "JOIN ip_address a ON a.interface_id = i.id WHERE i.node_id = n.id AND a.ip IS NOT NULL)"

/* Of several results the one that most needs a look; -1 = never run. */
#define NODE_COMMISSIONING_SQL                                                              \
    "CASE WHEN n.commissioning_set_id IS NULL THEN -1 ELSE (SELECT CASE WHEN count(*) = 0 " \
    "THEN -1 WHEN bool_or(status IN (1, 7, 10)) THEN 1 WHEN bool_or(status = 0) THEN 0 "    \
    "WHEN bool_or(status IN (3, 8, 11)) THEN 3 WHEN bool_or(status = 4) THEN 4 "            \
    "WHEN bool_or(status = 5) THEN 5 WHEN bool_or(status = 6) THEN 6 ELSE 2 END "           \
    "FROM script_result WHERE script_set_id = n.commissioning_set_id) END"

#define NODE_COLUMNS(X)                                                                         \
    X(system_id, TEXT, M | D | R | G | E, "n.system_id")                                        \
    X(hostname, TEXT, M | D | R | G | E, "n.hostname")                                          \
    X(fqdn, TEXT, M | D | R | G | E,                                                            \
      "n.hostname || '.' || (SELECT name FROM domain WHERE id = n.domain_id)")                  \
    X(domain, JSON, M | D | R | G | E, NODE_DOMAIN_SQL)                                         \
    X(description, TEXT, M | D | R | G, "n.description")                                        \
    X(node_type, INT, M | D | R | G | E, "n.node_type")                                         \
    X(status, INT, M | E, "n.status")                                                           \
    X(status_message, TEXT, M | E, "n.status_message")                                          \
    X(error_description, TEXT, M, "n.error_description")                                        \
    X(hardware_uuid, TEXT, M | R | G, "n.hardware_uuid")                                        \
    X(owner, TEXT, M | D, "(SELECT username FROM account WHERE id = n.owner_id)")               \
    X(owner_data, JSON, M | D, "n.owner_data")                                                  \
    X(locked, BOOL, M, "n.locked")                                                              \
    X(bios_boot_method, TEXT, M, "n.bios_boot_method")                                          \
    X(architecture, TEXT, M | R | G | E, "n.architecture")                                      \
    X(min_hwe_kernel, TEXT, M, "n.min_hwe_kernel")                                              \
    X(hwe_kernel, TEXT, M, "n.hwe_kernel")                                                      \
    X(cpu_count, INT, M | R | G, "n.cpu_count")                                                 \
    X(cpu_speed, INT, M | R | G, "n.cpu_speed")                                                 \
    X(memory, INT, M | R | G, "n.memory")                                                       \
    X(swap_size, INT, M | R | G, "n.swap_size")                                                 \
    X(storage, REAL, M, "coalesce(b.bytes, 0) / 1000000.0")                                     \
    X(osystem, TEXT, M | R | G, "n.osystem")                                                    \
    X(distro_series, TEXT, M | R | G, "n.distro_series")                                        \
    X(netboot, BOOL, M, "n.netboot")                                                            \
    X(power_type, TEXT, M | R | G | E, "n.power_type")                                          \
    X(power_state, TEXT, M | R | G | E, "n.power_state")                                        \
    X(version, TEXT, R | G, "n.version")                                                        \
    X(tag_names, JSON, M | D | R | G,                                                           \
      "(SELECT coalesce(json_agg(t.name ORDER BY t.name), '[]') FROM node_tag l JOIN tag t ON " \
      "t.id = l.tag_id WHERE l.node_id = n.id)")                                                \
    X(ip_addresses, JSON, M | D | R | G, NODE_ADDRESSES_SQL)                                    \
    X(interface_set, JSON, M | D | R | G, "coalesce(i.all_of, '[]')")                           \
    X(boot_interface, JSON, M, "i.boot")                                                        \
    X(blockdevice_set, JSON, M, "coalesce(b.all_of, '[]')")                                     \
    X(physicalblockdevice_set, JSON, M, "coalesce(b.physical, '[]')")                           \
    X(virtualblockdevice_set, JSON, M, "coalesce(b.virtual, '[]')")                             \
    X(boot_disk, JSON, M, "b.boot")                                                             \
    X(numanode_set, JSON, M,                                                                    \
      "(SELECT coalesce(json_agg(json_build_object('index', u.index, 'memory', u.memory, "      \
      "'cores', u.cores, 'hugepages_set', json_build_array()) ORDER BY u.index), '[]') "        \
      "FROM numa_node u WHERE u.node_id = n.id)")                                               \
    X(zone, JSON, M | D | R | G | E,                                                            \
      "(SELECT to_json(z) FROM (" ZONE_SQL ") z WHERE z.id = n.zone_id)")                       \
    X(pool, JSON, M, "(SELECT to_json(p) FROM (" POOL_SQL ") p WHERE p.id = n.pool_id)")        \
    X(hardware_info, JSON, M | R | G, "nullif(n.hardware, '{}')")                               \
    X(current_commissioning_result_id, INT, M | R | G, "n.commissioning_set_id")                \
    X(commissioning_status, INT, M | R | G, NODE_COMMISSIONING_SQL)

/* One link of an interface; keys that do not apply are left out. */
#define NODE_LINK_SQL                                                                          \
    "('{\"id\":' || a.id || ',\"mode\":\"' || CASE a.alloc_type WHEN 0 THEN 'auto' WHEN 5 "    \
    "THEN 'dhcp' ELSE CASE WHEN a.ip IS NULL THEN 'link_up' ELSE 'static' END END || '\"' || " \
    "coalesce(',\"ip_address\":\"' || host(a.ip) || '\"', '') || "                             \
    "coalesce(',\"subnet\":' || (SELECT to_json(s) FROM (" SUBNET_SQL                          \
    ") s WHERE s.id = a.subnet_id)"                                                            \
    "::text, '') || '}')::json"

/* The interface as j; what it stands on and what stands on it by name. */
#define NODE_INTERFACE_SQL                                                                        \
    "json_build_object('id', j.id, 'system_id', n.system_id, 'name', j.name, 'type', j.type, "    \
    "'vlan', (SELECT to_json(v) FROM (" VLAN_SQL ") v WHERE v.id = j.vlan_id), "                  \
    "'mac_address', j.mac, 'parents', (SELECT coalesce(json_agg(o.name ORDER BY o.id), '[]') "    \
    "FROM interface_parent l JOIN interface o ON o.id = l.parent_id WHERE l.child_id = j.id), "   \
    "'children', (SELECT coalesce(json_agg(o.name ORDER BY o.id), '[]') FROM interface_parent l " \
    "JOIN interface o ON o.id = l.child_id WHERE l.parent_id = j.id), 'tags', j.tags, "           \
    "'enabled', j.enabled, 'link_connected', j.link_connected, 'links', "                         \
    "(SELECT coalesce(json_agg(" NODE_LINK_SQL " ORDER BY a.id), '[]') FROM ip_address a "        \
    "WHERE a.interface_id = j.id AND a.alloc_type <> 6), 'params', CASE WHEN j.params = '{}' "    \
    "THEN '\"\"' ELSE j.params END, 'discovered', (SELECT json_agg(json_build_object("            \
    "'ip_address', host(a.ip), 'subnet', (SELECT to_json(s) FROM (" SUBNET_SQL ") s "             \
    "WHERE s.id = a.subnet_id)) ORDER BY a.id) FROM ip_address a WHERE a.interface_id = j.id "    \
    "AND a.alloc_type = 6), 'effective_mtu', coalesce(j.mtu, (SELECT mtu FROM vlan WHERE "        \
    "id = j.vlan_id), 1500), 'vendor', j.vendor, 'product', j.product, 'firmware_version', "      \
    "j.firmware_version, 'interface_speed', j.interface_speed, 'link_speed', j.link_speed, "      \
    "'numa_node', j.numa_node, 'sriov_max_vf', j.sriov_max_vf, 'resource_uri', "                  \
    "'/MAAS/api/2.0/nodes/' || n.system_id || '/interfaces/' || j.id || '/')"

/* The disk as k. Nothing of this version lays it out: all of it is available. */
#define NODE_DISK_SQL                                                                          \
    "json_build_object('id', k.id, 'system_id', n.system_id, 'name', k.name, 'uuid', k.uuid, " \
    "'type', k.type, 'path', '/dev/disk/by-dname/' || k.name, 'model', k.model, 'serial', "    \
    "k.serial, 'id_path', k.id_path, 'size', k.size, 'block_size', k.block_size, "             \
    "'available_size', k.size, 'used_size', 0, 'used_for', 'Unused', 'tags', k.tags, "         \
    "'filesystem', NULL, 'partition_table_type', NULL, 'partitions', json_build_array(), "     \
    "'firmware_version', k.firmware_version, 'storage_pool', NULL, 'numa_node', k.numa_node, " \
    "'resource_uri', '/MAAS/api/2.0/nodes/' || n.system_id || '/blockdevices/' || k.id || '/')"
