/*
 * Nodes, their interfaces and disks as MAAS shows them, each key written down once: X(key, type,
 * who has it, SQL), interfaces and disks without who. The SQL sees the node as n, its domain as d,
 * its owner as o; the interface as j, its VLAN as v; the disk as k. Who: M machine, D device, R
 * rack, G region, E what an anonymous enlistment is told of its machine. Types: see node_value.h.
 * Source: MAAS API 2.0, MACHINE, DEVICE, CONTROLLER, INTERFACE, BLOCKDEVICE. names: NODE_
 */
#pragma once

#include "src/region/network_sql.h"
#include "src/region/value_sql.h"

#define NODE_COLUMNS(X)                                                                           \
    X(system_id, TEXT, M | D | R | G | E, "n.system_id")                                          \
    X(hostname, TEXT, M | D | R | G | E, "n.hostname")                                            \
    X(fqdn, TEXT, M | D | R | G | E, "n.hostname || '.' || d.name")                               \
    X(domain, DOMAIN, M | D | R | G | E, "n.domain_id")                                           \
    X(description, TEXT, M | D | R | G, "n.description")                                          \
    X(node_type, INT, M | D | R | G | E, "n.node_type")                                           \
    X(status, INT, M | E, "n.status")                                                             \
    X(status_message, TEXT, M | E, "n.status_message")                                            \
    X(status_action, TEXT, M | R | G | E, "n.status_action")                                      \
    X(error_description, TEXT, M, "n.error_description")                                          \
    X(hardware_uuid, TEXT, M | R | G, "n.hardware_uuid")                                          \
    X(owner, TEXT, M | D, "o.username")                                                           \
    X(owner_data, JSON, M | D, "n.owner_data")                                                    \
    X(locked, BOOL, M, "n.locked")                                                                \
    X(bios_boot_method, TEXT, M, "n.bios_boot_method")                                            \
    X(architecture, TEXT, M | R | G | E, "n.architecture")                                        \
    X(min_hwe_kernel, TEXT, M, "n.min_hwe_kernel")                                                \
    X(hwe_kernel, TEXT, M, "n.hwe_kernel")                                                        \
    X(cpu_count, INT, M | R | G, "n.cpu_count")                                                   \
    X(cpu_speed, INT, M | R | G, "n.cpu_speed")                                                   \
    X(memory, INT, M | R | G, "n.memory")                                                         \
    X(swap_size, INT, M | R | G, "n.swap_size")                                                   \
    X(storage, STORAGE, M, "NULL")                                                                \
    X(osystem, TEXT, M | R | G, "n.osystem")                                                      \
    X(distro_series, TEXT, M | R | G, "n.distro_series")                                          \
    X(netboot, BOOL, M, "n.netboot")                                                              \
    X(ephemeral_deploy, BOOL, M, "n.ephemeral_deploy")                                            \
    X(enable_kernel_crash_dump, BOOL, M,                                                          \
      "coalesce((n.deploy_options ->> 'enable_kernel_crash_dump')::bool, false)")                 \
    X(enable_hw_sync, BOOL, M, "n.enable_hw_sync")                                                \
    X(sync_interval, INT, M, "n.sync_interval")                                                   \
    X(last_sync, TEXT, M, VALUE_TIME_SQL("n.last_sync"))                                          \
    X(next_sync, TEXT, M, VALUE_TIME_SQL("(n.last_sync + n.sync_interval * interval '1 s')"))     \
    X(power_type, TEXT, M | R | G | E, "n.power_type")                                            \
    X(power_state, TEXT, M | R | G | E, "n.power_state")                                          \
    X(version, TEXT, R | G, "n.version")                                                          \
    X(tag_names, JSON, M | D | R | G,                                                             \
      "(SELECT coalesce(json_agg(t.name ORDER BY t.name), '[]') FROM node_tag l JOIN tag t ON "   \
      "t.id = l.tag_id WHERE l.node_id = n.id)")                                                  \
    X(ip_addresses, ADDRESSES, M | D | R | G, "NULL")                                             \
    X(interface_set, INTERFACES, M | D | R | G, "NULL")                                           \
    X(boot_interface, BOOT_INTERFACE, M, "n.boot_interface_id")                                   \
    X(default_gateways, GATEWAYS, M,                                                              \
      "concat_ws(' ', coalesce(n.gateway_link_ipv4_id, 0), coalesce(n.gateway_link_ipv6_id, 0), " \
      "n.boot_interface_id)")                                                                     \
    X(blockdevice_set, DISKS, M, "NULL")                                                          \
    X(physicalblockdevice_set, DISKS, M, "'physical'")                                            \
    X(virtualblockdevice_set, DISKS, M, "'virtual'")                                              \
    X(boot_disk, BOOT_DISK, M, "n.boot_disk_id")                                                  \
    X(special_filesystems, JSON, M,                                                               \
      "(SELECT coalesce(json_agg(json_build_object('fstype', f.fstype, 'label', '', 'uuid', "     \
      "md5('special' || f.id)::uuid, 'mount_point', f.mount_point, 'mount_options', "             \
      "f.mount_options) ORDER BY f.mount_point), '[]') FROM special_filesystem f WHERE "          \
      "f.node_id = n.id)")                                                                        \
    X(numanode_set, JSON, M,                                                                      \
      "(SELECT coalesce(json_agg(json_build_object('index', u.index, 'memory', u.memory, "        \
      "'cores', u.cores, 'hugepages_set', json_build_array()) ORDER BY u.index), '[]') "          \
      "FROM numa_node u WHERE u.node_id = n.id)")                                                 \
    X(zone, ZONE, M | D | R | G | E, "n.zone_id")                                                 \
    X(pool, POOL, M, "n.pool_id")                                                                 \
    X(hardware_info, JSON, M | R | G, "nullif(n.hardware, '{}')")                                 \
    X(current_commissioning_result_id, INT, M | R | G, "n.commissioning_set_id")                  \
    X(current_testing_result_id, INT, M | R | G, "n.testing_set_id")                              \
    X(current_installation_result_id, INT, M | R | G, "n.installation_set_id")

#define NODE_INTERFACE_COLUMNS(X)                                              \
    X(id, INT, "j.id")                                                         \
    X(system_id, SYSTEM_ID, "NULL")                                            \
    X(name, TEXT, "j.name")                                                    \
    X(type, TEXT, "j.type")                                                    \
    X(vlan, VLAN, "j.vlan_id")                                                 \
    X(mac_address, TEXT, "j.mac")                                              \
    X(parents, PARENTS, "j.id")                                                \
    X(children, CHILDREN, "j.id")                                              \
    X(tags, JSON, "to_json(j.tags)")                                           \
    X(enabled, BOOL, "j.enabled")                                              \
    X(link_connected, BOOL, "j.link_connected")                                \
    X(links, LINKS, "j.id")                                                    \
    X(params, JSON, "CASE WHEN j.params = '{}' THEN '\"\"' ELSE j.params END") \
    X(discovered, DISCOVERED, "j.id")                                          \
    X(effective_mtu, INT, "coalesce(j.mtu, v.mtu, 1500)")                      \
    X(vendor, TEXT, "j.vendor")                                                \
    X(product, TEXT, "j.product")                                              \
    X(firmware_version, TEXT, "j.firmware_version")                            \
    X(interface_speed, INT, "j.interface_speed")                               \
    X(link_speed, INT, "j.link_speed")                                         \
    X(numa_node, INT, "j.numa_node")                                           \
    X(sriov_max_vf, INT, "j.sriov_max_vf")

/* Nothing of this version lays a disk out: all of it is available. */
#define NODE_DISK_COLUMNS(X)                         \
    X(id, INT, "k.id")                               \
    X(system_id, SYSTEM_ID, "NULL")                  \
    X(name, TEXT, "k.name")                          \
    X(uuid, TEXT, "k.uuid")                          \
    X(type, TEXT, "k.type")                          \
    X(path, TEXT, "'/dev/disk/by-dname/' || k.name") \
    X(model, TEXT, "k.model")                        \
    X(serial, TEXT, "k.serial")                      \
    X(id_path, TEXT, "k.id_path")                    \
    X(size, INT, "k.size")                           \
    X(block_size, INT, "k.block_size")               \
    X(available_size, INT, "k.size")                 \
    X(used_size, INT, "0")                           \
    X(used_for, TEXT, "'Unused'")                    \
    X(tags, JSON, "to_json(k.tags)")                 \
    X(filesystem, JSON, "NULL")                      \
    X(partition_table_type, JSON, "NULL")            \
    X(partitions, JSON, "'[]'")                      \
    X(firmware_version, TEXT, "k.firmware_version")  \
    X(storage_pool, JSON, "NULL")                    \
    X(numa_node, INT, "k.numa_node")
