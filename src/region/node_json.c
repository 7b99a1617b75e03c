/* Nodes as JSON: see node_json.h. Rows come from PostgreSQL, they are nested here. */
#include "src/region/node_json.h"

#include <stdio.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/machine_status.h"
#include "src/region/node_value.h"
#include "src/region/rack_seen.h"

/* Nodes are read so many at a time: bounds the memory of a list of any length. */
enum { BATCH = 1000, BATCH_TEXT = BATCH * 21 + 2 };

enum who { M = 1, D = 2, R = 4, G = 8, E = 16 };

static const struct column {
    const char *key;
    enum node_value_type type;
    unsigned who;
} columns[] = {
#define COLUMN(key, type, who, sql) {#key, VALUE_##type, (who)},
    NODE_COLUMNS(COLUMN)
#undef COLUMN
};

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

static void write_results(const struct node_parts *parts, struct json_out *out)
{
    static const struct {
        const char *key, *name_key;
        enum script_type type;
        int hardware;
        bool of_one;
    } sums[] = {
#define SUM(key, type, hardware, of_one) {key, key "_name", type, hardware, of_one}
        SUM("commissioning_status", SCRIPT_COMMISSIONING, -1, false),
        SUM("testing_status", SCRIPT_TESTING, -1, false),
        SUM("cpu_test_status", SCRIPT_TESTING, SCRIPT_ON_CPU, false),
        SUM("memory_test_status", SCRIPT_TESTING, SCRIPT_ON_MEMORY, false),
        SUM("network_test_status", SCRIPT_TESTING, SCRIPT_ON_NETWORK, false),
        SUM("storage_test_status", SCRIPT_TESTING, SCRIPT_ON_STORAGE, false),
        SUM("interface_test_status", SCRIPT_TESTING, SCRIPT_ON_NETWORK, true),
        SUM("other_test_status", SCRIPT_TESTING, SCRIPT_ON_NODE, false),
#undef SUM
    };
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        int status = node_parts_status(parts, sums[i].type, sums[i].hardware, sums[i].of_one);
        json_out_int(out, sums[i].key, status);
        json_out_text(out, sums[i].name_key, script_status_name(status));
    }
}

/* What machines of this version never have: keys that MAAS's clients look for all the same. */
static void write_machine_rest(struct json_out *out)
{
    static const char *const lists[] = {"cache_sets", "bcaches", "raids", "volume_groups"};
    static const char *const nulls[] = {"pod", "virtualmachine_id"};
    static const char *const falses[] = {"disable_ipv4", "is_dpu"};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        json_out_raw(out, lists[i], "[]");
    for (size_t i = 0; i < COUNT_OF(nulls); i++)
        json_out_null(out, nulls[i]);
    for (size_t i = 0; i < COUNT_OF(falses); i++)
        json_out_bool(out, falses[i], false);
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
static void write_derived(const struct node_parts *parts, int row, struct json_out *out,
                          unsigned who)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_NODES];
    int type = (int)db_int(rows, row, NODE_AT_node_type);
    char uri[128];
    snprintf(uri, sizeof(uri), "/MAAS/api/2.0/%s/%s/", type_paths[type],
             node_parts_system_id(parts));
    json_out_text(out, "resource_uri", uri);
    if (who & (M | E))
        json_out_text(out, "status_name",
                      machine_status_name((int)db_int(rows, row, NODE_AT_status)));
    if (who == E)
        return;
    json_out_text(out, "node_type_name", type_names[type]);
    if (who & (M | D)) {
        json_out_raw(out, "workload_annotations", db_text(rows, row, NODE_AT_owner_data));
        json_out_null(out, "address_ttl");
        write_parent(out, who, db_text(rows, row, NODE_AT_PARENT));
    }
    if (who != D)
        write_results(parts, out);
    if (who == R)
        write_services(out, node_parts_system_id(parts));
    if (who == M)
        write_machine_rest(out);
}

static void write_node(struct node_parts *parts, int row, enum node_shape shape,
                       const struct node_json_extra *extra, struct json_out *out)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_NODES];
    int type = (int)db_int(rows, row, NODE_AT_node_type);
    unsigned who = shape == NODE_SHAPE_ENLISTED ? E : type_who[type];
    node_parts_visit(parts, row);
    json_out_open_object(out, NULL);
    for (int i = 0; i < (int)COUNT_OF(columns); i++) {
        if (!(columns[i].who & who))
            continue;
        const char *text = db_text(rows, row, NODE_AT_system_id + i);
        if (NODE_AT_system_id + i == NODE_AT_hardware_info && !text)
            text = UNKNOWN_HARDWARE;
        node_value_write(parts, out, columns[i].key, columns[i].type, text);
    }
    write_derived(parts, row, out, who);
    if (extra)
        json_out_raw(out, extra->key, extra->json);
    json_out_close_object(out);
}

struct writer {
    struct json_out *out;
    const struct node_json_extra *extra;
    enum node_shape shape;
    int count;
};

static enum error_code write_batch(struct db *db, const char *ids, struct arena *arena,
                                   struct writer *writer, struct error *err)
{
    __attribute__((cleanup(node_parts_close))) struct node_parts parts = {0};
    enum error_code code = node_parts_load(db, ids, arena, &parts, err);
    for (int row = 0; row < parts.rows[NODE_PART_NODES].count && !code; row++)
        write_node(&parts, row, writer->shape, writer->extra, writer->out);
    writer->count += parts.rows[NODE_PART_NODES].count;
    return code;
}

/* The next ids of "{1,2,...}" behind at, as an array of their own; returns what is left, or NULL.
 */
static const char *take_batch(const char *at, char batch[BATCH_TEXT])
{
    const char *end = at;
    for (int i = 0; i < BATCH && *end && *end != '}'; i++) {
        end += strcspn(end, ",}");
        end += *end == ',';
    }
    size_t size = (size_t)(end - at);
    bool more = *end && *end != '}';
    ASSERT(size + 3 <= BATCH_TEXT);
    batch[0] = '{';
    memcpy(batch + 1, at, size);
    memcpy(batch + 1 + size - (more ? 1 : 0), "}", 2);
    return more ? end : NULL;
}

static enum error_code write_all(struct db *db, const char *ids, struct writer *writer,
                                 struct error *err)
{
    char batch[BATCH_TEXT];
    struct arena *arena = arena_new();
    enum error_code code = ERR_OK;
    ASSERT(ids[0] == '{');
    for (const char *left = ids + 1; left && *left != '}' && !code;) {
        left = take_batch(left, batch);
        arena_reset(arena);
        code = write_batch(db, batch, arena, writer, err);
    }
    arena_free(arena);
    return code;
}

enum error_code node_json_write(struct db *db, const char *ids, enum node_shape shape,
                                struct json_out *out, int *count, struct error *err)
{
    struct writer writer = {.out = out, .shape = shape};
    enum error_code code = write_all(db, ids, &writer, err);
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

enum error_code node_json_reply_with(struct api_request *request, int64_t id,
                                     const struct node_json_extra *extra, struct api_reply *reply,
                                     struct error *err)
{
    struct writer writer = {.out = api_reply_json(reply), .extra = extra, .shape = NODE_SHAPE_FULL};
    const char *ids = arena_printf(request->arena, "{%lld}", (long long)id);
    return write_all(request->db, ids, &writer, err);
}
