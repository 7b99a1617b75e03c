/* The values of nodes' keys: see node_value.h. Source: MAAS API 2.0, INTERFACE, BLOCKDEVICE. */
#include "src/region/node_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"

struct column {
    const char *key;
    enum node_value_type type;
};

#define COLUMN(key, type, sql) {#key, VALUE_##type},
static const struct column interface_columns[] = {NODE_INTERFACE_COLUMNS(COLUMN)};
static const struct column disk_columns[] = {NODE_DISK_COLUMNS(COLUMN)};
#undef COLUMN

_Static_assert((int)INTERFACE_AT_id == (int)DISK_AT_id, "found alike in write_object");

/* One of a list of objects, with the keys of its table and its address. */
static void write_object(const struct node_parts *parts, struct json_out *out, const char *key,
                         enum node_part part, int row)
{
    bool disk = part == NODE_PART_DISKS;
    const struct column *columns = disk ? disk_columns : interface_columns;
    int count = disk ? (int)COUNT_OF(disk_columns) : (int)COUNT_OF(interface_columns);
    const struct db_rows *rows = &parts->rows[part];
    char uri[128];
    json_out_open_object(out, key);
    for (int i = 0; i < count; i++)
        node_value_write(parts, out, columns[i].key, columns[i].type, db_text(rows, row, i + 1));
    snprintf(uri, sizeof(uri), "/MAAS/api/2.0/nodes/%s/%s/%s/", node_parts_system_id(parts),
             disk ? "blockdevices" : "interfaces", db_text(rows, row, DISK_AT_id));
    json_out_text(out, "resource_uri", uri);
    json_out_close_object(out);
}

static void write_objects(const struct node_parts *parts, struct json_out *out, const char *key,
                          enum node_part part, const char *type)
{
    json_out_open_list(out, key);
    for (int row = parts->first[part]; row < parts->end[part]; row++)
        if (!type || !strcmp(type, db_text(&parts->rows[part], row, DISK_AT_type)))
            write_object(parts, out, NULL, part, row);
    json_out_close_list(out);
}

static void write_boot(const struct node_parts *parts, struct json_out *out, const char *key,
                       enum node_part part, const char *id)
{
    int row = parts->first[part];
    while (id && row < parts->end[part] && strcmp(id, db_text(&parts->rows[part], row, DISK_AT_id)))
        row++;
    if (row == parts->end[part])
        row = parts->first[part];
    if (row == parts->end[part])
        json_out_null(out, key);
    else
        write_object(parts, out, key, part, row);
}

static void write_storage(const struct node_parts *parts, struct json_out *out, const char *key)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_DISKS];
    double bytes = 0;
    for (int row = parts->first[NODE_PART_DISKS]; row < parts->end[NODE_PART_DISKS]; row++)
        if (!strcmp(db_text(rows, row, DISK_AT_type), "physical"))
            bytes += (double)db_int(rows, row, DISK_AT_size);
    json_out_real(out, key, bytes / 1e6);
}

static void write_relatives(const struct node_parts *parts, struct json_out *out, const char *key,
                            const char *id)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_PARENTS];
    bool children = !strcmp(key, "children");
    int mine = children ? PARENT_AT_ID : PARENT_AT_CHILD_ID;
    int name = children ? PARENT_AT_CHILD_NAME : PARENT_AT_NAME;
    json_out_open_list(out, key);
    for (int row = parts->first[NODE_PART_PARENTS]; row < parts->end[NODE_PART_PARENTS]; row++)
        if (!strcmp(db_text(rows, row, mine), id))
            json_out_text(out, NULL, db_text(rows, row, name));
    json_out_close_list(out);
}

/* alloc_type of ip_address, as text: see the migration. */
static bool is_type(const struct node_parts *parts, int row, const char *type)
{
    return !strcmp(db_text(&parts->rows[NODE_PART_ADDRESSES], row, ADDRESS_AT_TYPE), type);
}

static void write_ip(const struct node_parts *parts, struct json_out *out, bool all, bool fixed)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    for (int row = parts->first[NODE_PART_ADDRESSES]; row < parts->end[NODE_PART_ADDRESSES]; row++)
        if (!db_is_null(rows, row, ADDRESS_AT_IP) &&
            (all || (!is_type(parts, row, "6") && is_type(parts, row, "1") == fixed)))
            json_out_text(out, NULL, db_text(rows, row, ADDRESS_AT_IP));
}

/* Those that it was given, the fixed ones first; what was seen counts when there is nothing else.
 */
static void write_addresses(const struct node_parts *parts, struct json_out *out, const char *key)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    bool given = false;
    for (int row = parts->first[NODE_PART_ADDRESSES]; row < parts->end[NODE_PART_ADDRESSES]; row++)
        given = given || (!is_type(parts, row, "6") && !db_is_null(rows, row, ADDRESS_AT_IP));
    json_out_open_list(out, key);
    write_ip(parts, out, !given, true);
    if (given)
        write_ip(parts, out, false, false);
    json_out_close_list(out);
}

static const char *link_mode(const char *type, const char *ip)
{
    if (!strcmp(type, "0"))
        return "auto";
    if (!strcmp(type, "5"))
        return "dhcp";
    return ip ? "static" : "link_up";
}

/* One link of an interface; keys that do not apply are left out. */
static void write_link(const struct node_parts *parts, struct json_out *out, int row)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    const char *ip = db_text(rows, row, ADDRESS_AT_IP),
               *subnet = db_text(rows, row, ADDRESS_AT_SUBNET);
    json_out_open_object(out, NULL);
    json_out_raw(out, "id", db_text(rows, row, ADDRESS_AT_ID));
    json_out_text(out, "mode", link_mode(db_text(rows, row, ADDRESS_AT_TYPE), ip));
    if (ip)
        json_out_text(out, "ip_address", ip);
    if (subnet)
        json_out_raw(out, "subnet", node_parts_shared(parts, NODE_SUBNET, subnet));
    json_out_close_object(out);
}

static void write_seen(const struct node_parts *parts, struct json_out *out, int row)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    json_out_open_object(out, NULL);
    json_out_text(out, "ip_address", db_text(rows, row, ADDRESS_AT_IP));
    json_out_raw(out, "subnet",
                 node_parts_shared(parts, NODE_SUBNET, db_text(rows, row, ADDRESS_AT_SUBNET)));
    json_out_close_object(out);
}

static void write_links(const struct node_parts *parts, struct json_out *out, const char *key,
                        const char *id)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    json_out_open_list(out, key);
    for (int row = parts->first[NODE_PART_ADDRESSES]; row < parts->end[NODE_PART_ADDRESSES]; row++)
        if (!strcmp(db_text(rows, row, ADDRESS_AT_INTERFACE), id) && !is_type(parts, row, "6"))
            write_link(parts, out, row);
    json_out_close_list(out);
}

/* null when nothing was seen */
static void write_discovered(const struct node_parts *parts, struct json_out *out, const char *key,
                             const char *id)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    bool any = false;
    for (int row = parts->first[NODE_PART_ADDRESSES]; row < parts->end[NODE_PART_ADDRESSES];
         row++) {
        if (strcmp(db_text(rows, row, ADDRESS_AT_INTERFACE), id) || !is_type(parts, row, "6"))
            continue;
        if (!any)
            json_out_open_list(out, key);
        any = true;
        write_seen(parts, out, row);
    }
    if (any)
        json_out_close_list(out);
    else
        json_out_null(out, key);
}

/*
 * The link whose gateway the node uses, -1 = none: the one that was chosen, else one of the
 * interface that it boots by, before the others.
 */
static int find_gateway(const struct node_parts *parts, bool ipv6, const char *chosen,
                        const char *boots)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    int found = -1, end = parts->end[NODE_PART_ADDRESSES];
    bool of_boot = false;
    for (int row = parts->first[NODE_PART_ADDRESSES]; row < end; row++) {
        const char *gateway = db_text(rows, row, ADDRESS_AT_GATEWAY);
        if (!gateway || (strchr(gateway, ':') != NULL) != ipv6 || is_type(parts, row, "6"))
            continue;
        if (!strcmp(chosen, db_text(rows, row, ADDRESS_AT_ID)))
            return row;
        bool boot = !of_boot && !strcmp(boots, db_text(rows, row, ADDRESS_AT_INTERFACE));
        if (boot || found < 0)
            found = row;
        of_boot = of_boot || boot;
    }
    return found;
}

/* link_id: the link that somebody chose. */
static void write_gateways(const struct node_parts *parts, struct json_out *out, const char *key,
                           const char *column)
{
    static const char *const families[] = {"ipv4", "ipv6"};
    const struct db_rows *rows = &parts->rows[NODE_PART_ADDRESSES];
    char chosen[2][24] = {"", ""}, boots[24] = "";
    sscanf(column, "%23s %23s %23s", chosen[0], chosen[1], boots);
    json_out_open_object(out, key);
    for (int i = 0; i < 2; i++) {
        int row = find_gateway(parts, i == 1, chosen[i], boots);
        json_out_open_object(out, families[i]);
        json_out_text(out, "gateway_ip", row < 0 ? NULL : db_text(rows, row, ADDRESS_AT_GATEWAY));
        if (row >= 0 && !strcmp(chosen[i], db_text(rows, row, ADDRESS_AT_ID)))
            json_out_raw(out, "link_id", chosen[i]);
        else
            json_out_null(out, "link_id");
        json_out_close_object(out);
    }
    json_out_close_object(out);
}

static void write_made(const struct node_parts *parts, struct json_out *out, const char *key,
                       enum node_value_type type, const char *column)
{
    switch (type) {
    case VALUE_STORAGE:
        write_storage(parts, out, key);
        break;
    case VALUE_ADDRESSES:
        write_addresses(parts, out, key);
        break;
    case VALUE_INTERFACES:
        write_objects(parts, out, key, NODE_PART_INTERFACES, NULL);
        break;
    case VALUE_BOOT_INTERFACE:
        write_boot(parts, out, key, NODE_PART_INTERFACES, column);
        break;
    case VALUE_GATEWAYS:
        write_gateways(parts, out, key, column);
        break;
    case VALUE_DISKS:
        write_objects(parts, out, key, NODE_PART_DISKS, column);
        break;
    case VALUE_BOOT_DISK:
        write_boot(parts, out, key, NODE_PART_DISKS, column);
        break;
    case VALUE_PARENTS:
    case VALUE_CHILDREN:
        write_relatives(parts, out, key, column);
        break;
    case VALUE_LINKS:
        write_links(parts, out, key, column);
        break;
    default:
        write_discovered(parts, out, key, column);
        break;
    }
}

void node_value_write(const struct node_parts *parts, struct json_out *out, const char *key,
                      enum node_value_type type, const char *column)
{
    switch (type) {
    case VALUE_TEXT:
        json_out_text(out, key, column);
        break;
    case VALUE_INT:
    case VALUE_JSON:
        json_out_raw(out, key, column);
        break;
    case VALUE_BOOL:
        json_out_bool(out, key, column && column[0] == 't');
        break;
    case VALUE_SYSTEM_ID:
        json_out_text(out, key, node_parts_system_id(parts));
        break;
    case VALUE_DOMAIN:
        json_out_raw(out, key, node_parts_shared(parts, NODE_DOMAIN, column));
        break;
    case VALUE_POOL:
        json_out_raw(out, key, node_parts_shared(parts, NODE_POOL, column));
        break;
    case VALUE_VLAN:
        json_out_raw(out, key, node_parts_shared(parts, NODE_VLAN, column));
        break;
    case VALUE_ZONE:
        json_out_raw(out, key, node_parts_shared(parts, NODE_ZONE, column));
        break;
    default:
        write_made(parts, out, key, type, column);
        break;
    }
}
