/* Nodes as JSON: see node_json.h. PostgreSQL nests, one row of columns a node comes back. */
#include "src/region/node_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/base/container.h"
#include "src/model/machine_status.h"
#include "src/region/node_table.h"
#include "src/region/rack_seen.h"

enum column_type { TEXT, INT, REAL, BOOL, JSON };
enum who { M = 1, D = 2, R = 4, G = 8, E = 16 };

static const struct column {
    const char *key;
    enum column_type type;
    unsigned who;
} columns[] = {
#define COLUMN(key, type, who, sql) {#key, type, (who)},
    NODE_COLUMNS(COLUMN)
#undef COLUMN
};

enum {
#define COLUMN(key, type, who, sql) COLUMN_##key,
    NODE_COLUMNS(COLUMN)
#undef COLUMN
};

#define COLUMN(key, type, who, sql) sql ", "
DB_STATEMENT(
    node_json_rows,
    "SELECT " NODE_COLUMNS(
        COLUMN) "(SELECT system_id FROM node p WHERE p.id = n.parent_id) "
                "FROM unnest($1::bigint[]) AS wanted (id) JOIN node n ON n.id = wanted.id "
                "LEFT JOIN LATERAL (SELECT json_agg(x.made ORDER BY x.id) AS all_of, "
                "(array_agg(x.made ORDER BY x.id <> n.boot_interface_id, x.id))[1] AS boot FROM "
                "(SELECT j.id, " NODE_INTERFACE_SQL
                " AS made FROM interface j WHERE j.node_id = n.id) x) i "
                "ON true "
                "LEFT JOIN LATERAL (SELECT json_agg(x.made ORDER BY x.id) AS all_of, "
                "json_agg(x.made ORDER BY x.id) FILTER (WHERE x.type = 'physical') AS physical, "
                "json_agg(x.made ORDER BY x.id) FILTER (WHERE x.type = 'virtual') AS virtual, "
                "(array_agg(x.made ORDER BY x.id <> n.boot_disk_id, x.id))[1] AS boot, "
                "sum(x.size) FILTER (WHERE x.type = 'physical') AS bytes FROM "
                "(SELECT k.id, k.type, k.size, " NODE_DISK_SQL " AS made FROM block_device k "
                "WHERE k.node_id = n.id) x) b ON true "
                "ORDER BY n.id");
#undef COLUMN

/* What the firmware did not tell. */
#define UNKNOWN_HARDWARE                                                                  \
    "{\"system_vendor\":\"Unknown\",\"system_product\":\"Unknown\","                      \
    "\"system_family\":\"Unknown\",\"system_version\":\"Unknown\","                       \
    "\"system_sku\":\"Unknown\",\"system_serial\":\"Unknown\",\"cpu_model\":\"Unknown\"," \
    "\"mainboard_vendor\":\"Unknown\",\"mainboard_product\":\"Unknown\","                 \
    "\"mainboard_serial\":\"Unknown\",\"mainboard_version\":\"Unknown\","                 \
    "\"mainboard_firmware_vendor\":\"Unknown\",\"mainboard_firmware_date\":\"Unknown\","  \
    "\"mainboard_firmware_version\":\"Unknown\",\"chassis_vendor\":\"Unknown\","          \
    "\"chassis_type\":\"Unknown\",\"chassis_serial\":\"Unknown\",\"chassis_version\":\"Unknown\"}"

static const char *const type_names[] = {"Machine", "Device", "Rack controller",
                                         "Region controller", "Region and rack controller"};
static const char *const type_paths[] = {"machines", "devices", "rackcontrollers",
                                         "regioncontrollers", "rackcontrollers"};
static const unsigned type_who[] = {M, D, R, G, R};

static const char *script_status_name(int64_t status)
{
    static const char *const names[] = {
        "Unknown",
        "Pending",
        "Running",
        "Passed",
        "Failed",
        "Timed out",
        "Aborted",
        "Degraded",
        "Installing dependencies",
        "Failed installing dependencies",
        "Skipped",
        "Applying custom network configuration",
        "Failed to apply custom network configuration",
    };
    ASSERT(status >= -1 && status + 1 < (int64_t)COUNT_OF(names));
    return names[status + 1];
}

static void write_column(struct json_out *out, const struct column *column, const char *text)
{
    if (!text) {
        json_out_null(out, column->key);
        return;
    }
    switch (column->type) {
    case TEXT:
        json_out_text(out, column->key, text);
        break;
    case BOOL:
        json_out_bool(out, column->key, text[0] == 't');
        break;
    case REAL:
        json_out_real(out, column->key, strtod(text, NULL));
        break;
    case INT: /* PostgreSQL's text of a whole number is JSON */
    case JSON:
        json_out_raw(out, column->key, text);
        break;
    }
}

static void write_never_run(struct json_out *out)
{
    static const char *const keys[][2] = {
        {"testing_status", "testing_status_name"},
        {"cpu_test_status", "cpu_test_status_name"},
        {"memory_test_status", "memory_test_status_name"},
        {"network_test_status", "network_test_status_name"},
        {"storage_test_status", "storage_test_status_name"},
        {"interface_test_status", "interface_test_status_name"},
        {"other_test_status", "other_test_status_name"},
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        json_out_int(out, keys[i][0], -1);
        json_out_text(out, keys[i][1], script_status_name(-1));
    }
    json_out_null(out, "current_testing_result_id");
    json_out_null(out, "current_installation_result_id");
}

/* What machines of this version never have: keys that MAAS's clients look for all the same. */
static void write_machine_rest(struct json_out *out)
{
    static const char *const lists[] = {"cache_sets", "bcaches", "raids", "volume_groups",
                                        "special_filesystems"};
    static const char *const nulls[] = {"pod", "virtualmachine_id", "last_sync", "next_sync",
                                        "sync_interval"};
    static const char *const falses[] = {"ephemeral_deploy", "disable_ipv4", "enable_hw_sync",
                                         "enable_kernel_crash_dump", "is_dpu"};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        json_out_raw(out, lists[i], "[]");
    for (size_t i = 0; i < COUNT_OF(nulls); i++)
        json_out_null(out, nulls[i]);
    for (size_t i = 0; i < COUNT_OF(falses); i++)
        json_out_bool(out, falses[i], false);
    json_out_raw(out, "default_gateways",
                 "{\"ipv4\":{\"gateway_ip\":null,\"link_id\":null},"
                 "\"ipv6\":{\"gateway_ip\":null,\"link_id\":null}}");
}

/* The servers of a rack are one program: they run while it is linked. */
static void write_services(struct json_out *out, const char *system_id)
{
    static const char *const names[] = {"rackd", "tftp", "http", "dhcpd"};
    bool linked = rack_seen_linked(system_id);
    json_out_open_list(out, "service_set");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        json_out_open_object(out, NULL);
        json_out_text(out, "name", names[i]);
        json_out_text(out, "status", linked ? "running" : "dead");
        json_out_text(out, "status_info", linked ? "" : "not linked to this region");
        json_out_close_object(out);
    }
    json_out_close_list(out);
}

struct writer {
    struct json_out *out;
    enum node_shape shape;
    int count;
};

static void write_parent(struct json_out *out, unsigned who, const char *system_id)
{
    if (who == D || !system_id) {
        json_out_text(out, "parent", system_id);
        return;
    }
    json_out_open_object(out, "parent");
    json_out_text(out, "system_id", system_id);
    json_out_raw(out, "__incomplete__", "true");
    json_out_close_object(out);
}

/* Keys that are made from columns, or stand for themselves. */
static void write_derived(struct writer *writer, const struct db_rows *rows, unsigned who, int type)
{
    struct json_out *out = writer->out;
    const char *owner_data = db_text(rows, 0, COLUMN_owner_data);
    char uri[128];
    snprintf(uri, sizeof(uri), "/MAAS/api/2.0/%s/%s/", type_paths[type],
             db_text(rows, 0, COLUMN_system_id));
    json_out_text(out, "resource_uri", uri);
    if (who != D)
        json_out_raw(out, "status_action", "\"\"");
    if (who & (M | E))
        json_out_text(out, "status_name", machine_status_name((int)db_int(rows, 0, COLUMN_status)));
    if (who == E)
        return;
    json_out_text(out, "node_type_name", type_names[type]);
    if (who & (M | D)) {
        json_out_raw(out, "workload_annotations", owner_data);
        json_out_null(out, "address_ttl");
        write_parent(out, who, db_text(rows, 0, (int)COUNT_OF(columns)));
    }
    if (who != D) {
        json_out_text(out, "commissioning_status_name",
                      script_status_name(db_int(rows, 0, COLUMN_commissioning_status)));
        write_never_run(out);
    }
    if (who == R)
        write_services(out, db_text(rows, 0, COLUMN_system_id));
    if (who == M)
        write_machine_rest(out);
}

static enum error_code write_row(void *subject, const struct db_rows *rows, struct error *err)
{
    struct writer *writer = subject;
    int type = (int)db_int(rows, 0, COLUMN_node_type);
    unsigned who = writer->shape == NODE_SHAPE_ENLISTED ? E : type_who[type];
    (void)err;
    json_out_open_object(writer->out, NULL);
    for (int i = 0; i < (int)COUNT_OF(columns); i++) {
        if (!(columns[i].who & who))
            continue;
        const char *text = db_text(rows, 0, i);
        if (i == COLUMN_hardware_info && !text)
            text = UNKNOWN_HARDWARE;
        write_column(writer->out, &columns[i], text);
    }
    write_derived(writer, rows, who, type);
    json_out_close_object(writer->out);
    writer->count++;
    return ERR_OK;
}

enum error_code node_json_write(struct db *db, const char *ids, enum node_shape shape,
                                struct json_out *out, int *count, struct error *err)
{
    struct writer writer = {out, shape, 0};
    enum error_code code = db_each(db, &node_json_rows, DB_PARAMS(ids), write_row, &writer, err);
    if (count)
        *count = writer.count;
    return code;
}

enum error_code node_json_reply_list(struct api_request *request, const char *ids,
                                     struct api_reply *reply, struct error *err)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    enum error_code code = node_json_write(request->db, ids, NODE_SHAPE_FULL, out, NULL, err);
    if (!code)
        json_out_close_list(out);
    return code;
}

enum error_code node_json_reply(struct api_request *request, int64_t id, struct api_reply *reply,
                                struct error *err)
{
    return node_json_write(request->db, arena_printf(request->arena, "{%lld}", (long long)id),
                           NODE_SHAPE_FULL, api_reply_json(reply), NULL, err);
}
