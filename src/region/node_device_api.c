/*
 * What is plugged into the buses of a node: the actions of nodes/{system_id}/devices/. Source: MAAS
 * API 2.0, node devices.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "src/base/container.h"
#include "src/model/script.h"
#include "src/region/node_reply.h"
#include "src/region/node_value.h"
#include "src/region/routes.h"
#include "src/region/script_form.h"

static const char *const buses[] = {NULL, "PCIE", "USB"};

/* As the API names the kinds of hardware of script.h. */
static const char *const kinds[] = {"Node", "CPU", "Memory", "Storage", "Network", "GPU"};

enum {
    AT_ID,
    AT_BUS,
    AT_KIND,
    AT_NUMA,
    AT_VENDOR_ID,
    AT_PRODUCT_ID,
    AT_VENDOR,
    AT_PRODUCT,
    AT_DRIVER,
    AT_BUS_NUMBER,
    AT_DEVICE_NUMBER,
    AT_ADDRESS,
    AT_INTERFACE,
    AT_DISK,
};

/* $1 the node. An interface or a disk is a device's when nothing else of its kind hangs on it. */
#define OWN_SQL(table)                                                                            \
    "(SELECT address, min(id) AS id FROM " table " WHERE node_id = $1 AND type = 'physical' AND " \
    "address IS NOT NULL GROUP BY address HAVING count(*) = 1)"
#define DEVICES_SQL                                                                          \
    "SELECT d.id, d.bus, d.hardware_type, d.numa_node, d.vendor_id, d.product_id, "          \
    "d.vendor_name, d.product_name, d.commissioning_driver, d.bus_number, d.device_number, " \
    "d.address, i.id, k.id FROM node_device d LEFT JOIN " OWN_SQL(                           \
        "interface") " i ON "                                                                \
                     "i.address = d.address LEFT JOIN " OWN_SQL(                             \
                         "block_device") " k ON k.address = d.address "                      \
                                         "WHERE d.node_id = $1 "

static void write_device(const struct node_parts *parts, const struct db_rows *rows, int row,
                         struct json_out *out)
{
    static const struct {
        const char *key;
        int column;
    } texts[] = {{"vendor_id", AT_VENDOR_ID},
                 {"product_id", AT_PRODUCT_ID},
                 {"vendor_name", AT_VENDOR},
                 {"product_name", AT_PRODUCT},
                 {"commissioning_driver", AT_DRIVER}};
    const char *system_id = node_parts_system_id(parts);
    const char *interface = db_text(rows, row, AT_INTERFACE), *disk = db_text(rows, row, AT_DISK);
    int64_t bus = db_int(rows, row, AT_BUS), kind = db_int(rows, row, AT_KIND);
    char uri[128];
    json_out_open_object(out, NULL);
    json_out_int(out, "id", db_int(rows, row, AT_ID));
    json_out_int(out, "bus", bus);
    json_out_text(out, "bus_name", buses[bus]);
    json_out_int(out, "hardware_type", kind);
    json_out_text(out, "hardware_type_name", kinds[kind]);
    json_out_text(out, "system_id", system_id);
    json_out_int(out, "numa_node", db_int(rows, row, AT_NUMA));
    if (disk)
        node_value_write(parts, out, "physical_blockdevice", VALUE_BOOT_DISK, disk);
    else
        json_out_null(out, "physical_blockdevice");
    if (interface)
        node_value_write(parts, out, "physical_interface", VALUE_BOOT_INTERFACE, interface);
    else
        json_out_null(out, "physical_interface");
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        json_out_text(out, texts[i].key, db_text(rows, row, texts[i].column));
    json_out_int(out, "bus_number", db_int(rows, row, AT_BUS_NUMBER));
    json_out_int(out, "device_number", db_int(rows, row, AT_DEVICE_NUMBER));
    json_out_text(out, "pci_address", bus == 1 ? db_text(rows, row, AT_ADDRESS) : NULL);
    snprintf(uri, sizeof(uri), "/MAAS/api/2.0/nodes/%s/devices/%s/", system_id,
             db_text(rows, row, AT_ID));
    json_out_text(out, "resource_uri", uri);
    json_out_close_object(out);
}

static enum error_code load_parts(struct api_request *request, const struct machine *machine,
                                  struct node_parts *parts, struct error *err)
{
    const char *id = db_number(request->arena, machine->id);
    enum error_code code =
        node_parts_load(request->db, db_array(request->arena, &id, 1), request->arena, parts, err);
    if (!code)
        node_parts_visit(parts, 0);
    return code;
}

/* ---- what is asked for ---- */

static int bus_parse(const char *word)
{
    for (int i = 1; i < (int)COUNT_OF(buses); i++)
        if (!strcasecmp(word, buses[i]) || (word[0] == '0' + i && !word[1]))
            return i;
    return -1;
}

/* The words of a parameter as an array, in small letters; NULL = none. */
static const char *words_of(struct api_request *request, const char *name)
{
    int count, used = 0;
    const char *const *values = api_param_list(request, name, &count);
    const char **words = ARENA_ARRAY(request->arena, const char *, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        char *word = arena_trim(request->arena, values[i]);
        for (char *p = word; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        if (*word)
            words[used++] = word;
    }
    return used ? db_array(request->arena, words, used) : NULL;
}

enum error_code node_devices_read(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
#define IS(k, column) "AND ($" #k "::text[] IS NULL OR lower(d." column ") = ANY ($" #k ")) "
    DB_STATEMENT(node_devices_list,
                 DEVICES_SQL "AND ($2::int IS NULL OR d.bus = $2::int) AND ($3::int IS NULL OR "
                             "d.hardware_type = $3::int) " IS(4, "vendor_id") IS(5, "product_id")
                                 IS(6, "vendor_name") IS(7, "product_name")
                                     IS(8, "commissioning_driver") "ORDER BY d.bus, d.address, "
                                                                   "d.id");
#undef IS
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    __attribute__((cleanup(node_parts_close))) struct node_parts parts = {0};
    const char *bus = NULL, *kind = NULL;
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_ALL, &machine, err);
    if (!code)
        code = script_form_word(request, "bus", bus_parse, &bus, err);
    if (!code)
        code = script_form_word(request, "hardware_type", script_hardware_parse, &kind, err);
    if (!code)
        code =
            db_query(request->db, &node_devices_list,
                     DB_PARAMS(db_number(request->arena, machine.id), bus, kind,
                               words_of(request, "vendor_id"), words_of(request, "product_id"),
                               words_of(request, "vendor_name"), words_of(request, "product_name"),
                               words_of(request, "commissioning_driver")),
                     &rows, err);
    if (!code && rows.count)
        code = load_parts(request, &machine, &parts, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    for (int row = 0; row < rows.count; row++)
        write_device(&parts, &rows, row, out);
    json_out_close_list(out);
    return ERR_OK;
}

static enum error_code no_such_device(struct error *err)
{
    return error_set(err, ERR_NOT_FOUND, "No NodeDevice matches the given query.");
}

enum error_code node_device_read(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    DB_STATEMENT(node_device_one, DEVICES_SQL "AND d.id::text = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    __attribute__((cleanup(node_parts_close))) struct node_parts parts = {0};
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_ALL, &machine, err);
    if (!code)
        code = db_query(request->db, &node_device_one,
                        DB_PARAMS(db_number(request->arena, machine.id), api_path(request, "id")),
                        &rows, err);
    if (!code && !rows.count)
        code = no_such_device(err);
    if (!code)
        code = load_parts(request, &machine, &parts, err);
    if (!code)
        write_device(&parts, &rows, 0, api_reply_json(reply));
    return code;
}

enum error_code node_device_delete(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    DB_STATEMENT(node_device_remove,
                 "DELETE FROM node_device WHERE node_id = $1 AND id::text = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_ALL, &machine, err);
    if (!code)
        code = db_query(request->db, &node_device_remove,
                        DB_PARAMS(db_number(request->arena, machine.id), api_path(request, "id")),
                        &rows, err);
    if (!code && !rows.affected)
        code = no_such_device(err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
