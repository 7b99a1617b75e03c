/* Hardware as rows: see hardware_store.h. One statement a table, however much there is. */
#include "src/region/hardware_store.h"

#include "src/base/json_out.h"

#define KNOWN(path) "coalesce($2::jsonb #>> '{" path "}', 'Unknown')"

static enum error_code put_node(struct db *db, const char *id, const char *report,
                                struct error *err)
{
    DB_STATEMENT(hardware_put_node,
                 "UPDATE node SET architecture = $2::jsonb ->> 'architecture', "
                 "cpu_count = coalesce(($2::jsonb #>> '{cpu,threads}')::int, 0), "
                 "cpu_speed = coalesce(($2::jsonb #>> '{cpu,max_mhz}')::int, 0), "
                 "memory = coalesce(($2::jsonb #>> '{memory,installed_bytes}')::bigint / "
                 "1048576, 0), "
                 "hardware_uuid = coalesce($2::jsonb #>> '{system,uuid}', "
                 "hardware_uuid), "
                 "bios_boot_method = CASE $2::jsonb ->> 'boot_method' WHEN 'uefi' THEN "
                 "'uefi' ELSE 'pxe' "
                 "END, updated = now(), hardware = jsonb_build_object("
                 "'system_vendor', " KNOWN("system,vendor") ", 'system_product', " KNOWN(
                     "system,product") ", 'system_family', " KNOWN("system,family") ", "
                                                                                    "'system_"
                                                                                    "version',"
                                                                                    " " KNOWN("syst"
                                                                                              "em,"
                                                                                              "vers"
                                                                                              "ion") ", "
                                                                                                     "'sy"
                                                                                                     "ste"
                                                                                                     "m_"
                                                                                                     "sku"
                                                                                                     "',"
                                                                                                     " " KNOWN("system,sku") ", 'system_serial', " KNOWN(
                                                                                                         "system,serial") ", 'cpu_model', " KNOWN("cpu,model") ", 'mainboard_vendor', " KNOWN("mainboard,vendor") ", 'mainboard_product', " KNOWN("mainboard,product") ", 'mainboard_serial', " KNOWN("mainboard,serial") ", 'mainboard_version', " KNOWN("mainboard,version") ", 'mainboard_firmware_vendor', " KNOWN("firmware,vendor") ", 'mainboard_firmware_date', " KNOWN("firmware,date") ", 'mainboard_firmware_version', " KNOWN("firmware,version") ", 'chassis_vendor', " KNOWN("chassis,vendor") ", 'chassis_type', " KNOWN("chassis,type") ", 'chassis_serial', " KNOWN("chassis,serial") ", 'chassis_version', " KNOWN("chassis,version") ") WHERE id = $1");
    return db_query(db, &hardware_put_node, DB_PARAMS(id, report), NULL, err);
}

static enum error_code put_numa(struct db *db, const char *id, const char *report,
                                struct error *err)
{
    DB_STATEMENT(hardware_drop_numa, "DELETE FROM numa_node WHERE node_id = $1");
    DB_STATEMENT(
        hardware_put_numa,
        "INSERT INTO numa_node (node_id, index, memory, cores) SELECT $1::bigint, x.index, "
        "coalesce(x.memory_bytes, 0) / 1048576, ARRAY(SELECT c::int FROM "
        "jsonb_array_elements_text(x.cpus) c) FROM jsonb_to_recordset($2::jsonb -> 'numa') "
        "AS x (index int, memory_bytes bigint, cpus jsonb)");
    enum error_code code = db_query(db, &hardware_drop_numa, DB_PARAMS(id), NULL, err);
    return code ? code : db_query(db, &hardware_put_numa, DB_PARAMS(id, report), NULL, err);
}

static enum error_code put_disks(struct db *db, const char *id, const char *report,
                                 struct error *err)
{
    DB_STATEMENT(
        hardware_drop_disks,
        "DELETE FROM block_device WHERE node_id = $1 AND type = 'physical' AND name NOT IN "
        "(SELECT x.name FROM jsonb_to_recordset($2::jsonb -> 'disks') AS x (name text))");
    DB_STATEMENT(
        hardware_put_disks,
        "INSERT INTO block_device (node_id, name, model, serial, vendor, firmware_version, "
        "id_path, "
        "address, size, block_size, numa_node, tags) SELECT $1::bigint, x.name, x.model, x.serial, "
        "x.vendor, x.firmware_version, x.id_path, x.address, x.size_bytes, x.block_size, "
        "x.numa_node, ARRAY[CASE WHEN x.rotational THEN 'rotary' ELSE 'ssd' END] || "
        "CASE WHEN x.removable THEN ARRAY['removable'] ELSE '{}' END "
        "FROM jsonb_to_recordset($2::jsonb -> 'disks') AS x (name text, model text, serial text, "
        "vendor text, firmware_version text, id_path text, address text, size_bytes bigint, "
        "block_size int, numa_node int, rotational bool, removable bool) ORDER BY x.name "
        "ON CONFLICT (node_id, name) DO UPDATE SET model = excluded.model, "
        "serial = excluded.serial, vendor = excluded.vendor, "
        "firmware_version = excluded.firmware_version, id_path = excluded.id_path, "
        "address = excluded.address, size = excluded.size, block_size = excluded.block_size, "
        "numa_node = excluded.numa_node, tags = excluded.tags, updated = now()");
    enum error_code code = db_query(db, &hardware_drop_disks, DB_PARAMS(id, report), NULL, err);
    return code ? code : db_query(db, &hardware_put_disks, DB_PARAMS(id, report), NULL, err);
}

/* Of p.address, "0000:03:1f.2". */
#define PCI_BUS_SQL    "('x000000' || substring(p.address FROM ':(..):'))::bit(32)::int"
#define PCI_DEVICE_SQL "('x000000' || substring(p.address FROM '(..)[.].$'))::bit(32)::int"

/* What is plugged in where it was keeps its id. Of USB devices what hangs on them tells the kind.
 */
static enum error_code put_devices(struct db *db, const char *id, const char *report,
                                   struct error *err)
{
    DB_STATEMENT(
        hardware_put_devices,
        "WITH seen AS (SELECT DISTINCT ON (bus, address) * FROM (SELECT 1 AS bus, CASE "
        "left(p.class, 2) WHEN '01' THEN 3 WHEN '02' THEN 4 WHEN '03' THEN 5 WHEN '05' THEN 2 "
        "WHEN '0b' THEN 1 ELSE 0 END AS kind, p.address, " PCI_BUS_SQL
        " AS bus_number, " PCI_DEVICE_SQL " AS device_number, "
        "coalesce(p.numa_node, 0) AS numa_node, p.vendor_id, p.product_id, p.vendor, p.product, "
        "p.driver FROM jsonb_to_recordset($2::jsonb -> 'pci') AS p (address text, class text, "
        "vendor_id text, product_id text, vendor text, product text, driver text, numa_node int) "
        "UNION ALL SELECT 2, CASE WHEN u.address IN (SELECT x ->> 'address' FROM "
        "jsonb_array_elements($2::jsonb -> 'interfaces') x) THEN 4 WHEN u.address IN (SELECT x ->> "
        "'address' FROM jsonb_array_elements($2::jsonb -> 'disks') x) THEN 3 ELSE 0 END, "
        "u.address, coalesce(u.bus_number, 0), coalesce(u.device_number, 0), 0, u.vendor_id, "
        "u.product_id, u.vendor, u.product, NULL FROM jsonb_to_recordset($2::jsonb -> 'usb') AS u "
        "(address text, bus_number int, device_number int, vendor_id text, product_id text, "
        "vendor text, product text) WHERE u.vendor_id IS NOT NULL AND u.product_id IS NOT NULL) x "
        "ORDER BY bus, address), gone AS (DELETE FROM node_device d WHERE d.node_id = $1::bigint "
        "AND NOT EXISTS (SELECT FROM seen s WHERE s.bus = d.bus AND s.address = d.address)) "
        "INSERT INTO node_device (node_id, bus, hardware_type, address, bus_number, "
        "device_number, numa_node, vendor_id, product_id, vendor_name, product_name, "
        "commissioning_driver) SELECT $1::bigint, bus, kind, address, bus_number, device_number, "
        "numa_node, vendor_id, product_id, coalesce(vendor, ''), coalesce(product, ''), "
        "coalesce(driver, '') FROM seen ON CONFLICT ON CONSTRAINT node_device_once DO UPDATE SET "
        "hardware_type = excluded.hardware_type, bus_number = excluded.bus_number, "
        "device_number = excluded.device_number, numa_node = excluded.numa_node, "
        "vendor_id = excluded.vendor_id, product_id = excluded.product_id, "
        "vendor_name = excluded.vendor_name, product_name = excluded.product_name, "
        "commissioning_driver = excluded.commissioning_driver");
    return db_query(db, &hardware_put_devices, DB_PARAMS(id, report), NULL, err);
}

/* A MAC keeps its row, and with it VLAN and links; names may have changed places. */
static enum error_code put_interfaces(struct db *db, const char *id, const char *report,
                                      int64_t count, struct error *err)
{
    DB_STATEMENT(hardware_unname_interfaces, "UPDATE interface SET name = '~' || id "
                                             "WHERE node_id = $1 AND type = 'physical'");
    DB_STATEMENT(
        hardware_put_interfaces,
        "INSERT INTO interface (node_id, name, mac, link_connected, vendor, product, "
        "firmware_version, driver, address, interface_speed, link_speed, mtu, numa_node) "
        "SELECT $1::bigint, x.name, x.mac::macaddr, coalesce(x.link, false), x.vendor, x.product, "
        "x.firmware_version, x.driver, x.address, coalesce(x.speed_mbps, 0), "
        "CASE WHEN x.link THEN coalesce(x.speed_mbps, 0) ELSE 0 END, x.mtu, x.numa_node "
        "FROM jsonb_to_recordset($2::jsonb -> 'interfaces') AS x (name text, mac text, link bool, "
        "vendor text, product text, firmware_version text, driver text, address text, "
        "speed_mbps int, mtu int, numa_node int) ORDER BY x.name "
        "ON CONFLICT (mac) WHERE type = 'physical' DO UPDATE SET name = excluded.name, "
        "link_connected = excluded.link_connected, vendor = excluded.vendor, "
        "product = excluded.product, firmware_version = excluded.firmware_version, "
        "driver = excluded.driver, address = excluded.address, "
        "interface_speed = excluded.interface_speed, link_speed = excluded.link_speed, "
        "mtu = excluded.mtu, numa_node = excluded.numa_node, updated = now() "
        "WHERE interface.node_id = excluded.node_id");
    DB_STATEMENT(hardware_drop_interfaces, "DELETE FROM interface WHERE node_id = $1 "
                                           "AND type = 'physical' AND name LIKE '~%'");
    DB_STATEMENT(
        hardware_boot_interface,
        "UPDATE node SET boot_interface_id = i.id FROM interface i, "
        "jsonb_to_recordset($2::jsonb -> 'interfaces') AS x (mac text, boot bool) "
        "WHERE node.id = $1 AND i.node_id = node.id AND x.boot AND i.mac = x.mac::macaddr");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &hardware_unname_interfaces, DB_PARAMS(id), NULL, err);
    if (!code)
        code = db_query(db, &hardware_put_interfaces, DB_PARAMS(id, report), &rows, err);
    if (!code && rows.affected != count)
        return error_set(err, ERR_CONFLICT,
                         "inventory: an interface has the MAC address of another "
                         "machine.");
    if (!code)
        code = db_query(db, &hardware_drop_interfaces, DB_PARAMS(id), NULL, err);
    if (!code)
        code = db_query(db, &hardware_boot_interface, DB_PARAMS(id, report), NULL, err);
    return code;
}

static long long number_at(const json_t *report, const char *section, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(report, section), key));
}

enum error_code hardware_store_put(struct db *db, int64_t node_id, json_t *report,
                                   struct arena *arena, const char **summary, struct error *err)
{
    const char *id = db_number(arena, node_id);
    size_t interfaces = json_array_size(json_object_get(report, "interfaces"));
    size_t disks = json_array_size(json_object_get(report, "disks"));
    const char *text = json_out_dump(arena, report);
    *summary = arena_printf(arena, "%lld CPUs, %lld MiB of memory, %zu disk%s, %zu interface%s",
                            number_at(report, "cpu", "threads"),
                            number_at(report, "memory", "installed_bytes") / 1048576, disks,
                            disks == 1 ? "" : "s", interfaces, interfaces == 1 ? "" : "s");
    enum error_code code = put_node(db, id, text, err);
    if (!code)
        code = put_numa(db, id, text, err);
    if (!code)
        code = put_disks(db, id, text, err);
    if (!code)
        code = put_devices(db, id, text, err);
    return code ? code : put_interfaces(db, id, text, (int64_t)interfaces, err);
}

enum error_code hardware_store_restore(struct db *db, int64_t node_id, const json_t *report,
                                       unsigned parts, struct arena *arena, struct error *err)
{
    DB_STATEMENT(hardware_reset_interfaces,
                 "UPDATE interface SET enabled = true, params = '{}' WHERE node_id = $1 AND type = "
                 "'physical'");
    DB_STATEMENT(hardware_reset_disks, "UPDATE node SET boot_disk_id = NULL WHERE id = $1");
    const char *id = db_number(arena, node_id), *text = json_out_dump(arena, report);
    int64_t interfaces = (int64_t)json_array_size(json_object_get(report, "interfaces"));
    enum error_code code = ERR_OK;
    if (parts & HARDWARE_DISKS)
        code = put_disks(db, id, text, err);
    if (!code && parts & HARDWARE_DISKS)
        code = db_query(db, &hardware_reset_disks, DB_PARAMS(id), NULL, err);
    if (!code && parts & HARDWARE_NETWORK)
        code = put_interfaces(db, id, text, interfaces, err);
    if (!code && parts & HARDWARE_NETWORK)
        code = db_query(db, &hardware_reset_interfaces, DB_PARAMS(id), NULL, err);
    return code;
}
