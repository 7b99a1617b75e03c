/* MAAS's filters of nodes: see node_filter.h. Source: MAAS API 2.0, machines read. */
#include "src/region/node_filter.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/base/limits.h"
#include "src/model/machine_status.h"

enum kind {
    KIND_TEXT,
    KIND_MAC,
    KIND_STATUS,
    KIND_NUMBER, /* the greatest counts */
    KIND_NAMES,  /* as text; commas separate */
    KIND_ALL_OF, /* as KIND_NAMES, each must hold */
    KIND_DEVICE, /* "vendor_id=8086,product_id=1572"; each must be there */
    KIND_SIMPLE, /* a status, all failures as one: see simple_statuses */
    KIND_TARGET, /* what a system is deployed to */
    KIND_TAKING, /* only for allocate */
};

/* The order is that of the statement's parameters, behind the fixed ones. */
static const struct filter {
    const char *name;
    enum kind kind;
} filters[] = {
    {"id", KIND_TEXT},
    {"hostname", KIND_TEXT},
    {"mac_address", KIND_MAC},
    {"domain", KIND_NAMES},
    {"zone", KIND_NAMES},
    {"pool", KIND_NAMES},
    {"agent_name", KIND_TEXT},
    {"tags", KIND_ALL_OF},
    {"status", KIND_STATUS},
    {"owner", KIND_TEXT},
    {"power_state", KIND_NAMES},
    {"arch", KIND_NAMES},
    {"fabrics", KIND_NAMES},
    {"vlans", KIND_NAMES},
    {"subnets", KIND_NAMES},
    {"cpu_count", KIND_NUMBER},
    {"cpu_speed", KIND_NUMBER},
    {"mem", KIND_NUMBER},
    {"not_id", KIND_TEXT},
    {"not_hostname", KIND_TEXT},
    {"not_mac_address", KIND_MAC},
    {"not_domain", KIND_NAMES},
    {"not_in_zone", KIND_NAMES},
    {"not_in_pool", KIND_NAMES},
    {"not_agent_name", KIND_TEXT},
    {"not_tags", KIND_NAMES},
    {"not_status", KIND_STATUS},
    {"not_owner", KIND_TEXT},
    {"not_power_state", KIND_NAMES},
    {"not_arch", KIND_NAMES},
    {"not_fabrics", KIND_NAMES},
    {"not_vlans", KIND_NAMES},
    {"not_subnets", KIND_NAMES},
    {"devices", KIND_DEVICE},
    {"link_speed", KIND_NUMBER},
    {"fabric_classes", KIND_NAMES},
    {"not_fabric_classes", KIND_NAMES},
    {"pod", KIND_NAMES}, /* no machine is in one */
    {"pod_type", KIND_NAMES},
    {"storage", KIND_TAKING},
    {"interfaces", KIND_TAKING},
    {"simple_status", KIND_SIMPLE},
    {"deployment_target", KIND_TARGET},
};

/* By status. */
static const char *const simple_statuses[MACHINE_STATUS_COUNT] = {
    "new",       "commissioning", "failed",    "missing",   "ready",       "reserved",
    "deployed",  "retired",       "broken",    "deploying", "allocated",   "failed",
    "releasing", "failed",        "releasing", "failed",    "rescue_mode", "rescue_mode",
    "failed",    "rescue_mode",   "failed",    "testing",   "failed",
};

/* Other spellings that clients use. */
static const char *const aliases[][2] = {
    {"system_id", "id"},         {"not_system_id", "not_id"}, {"not_zone", "not_in_zone"},
    {"not_pool", "not_in_pool"}, {"architecture", "arch"},
};

enum { FIXED = 5, FILTERS = COUNT_OF(filters), ID = 0 };

#define IS(k, what)   "AND ($" #k "::text[] IS NULL OR " what " = ANY ($" #k ")) "
#define NOT(k, what)  "AND ($" #k "::text[] IS NULL OR coalesce(" what " <> ALL ($" #k "), true)) "
#define MEETS(k, sql) "AND ($" #k "::text[] IS NULL OR EXISTS (" sql " = ANY ($" #k "))) "
#define LACKS(k, sql) "AND ($" #k "::text[] IS NULL OR NOT EXISTS (" sql " = ANY ($" #k "))) "

#define MACS "SELECT FROM interface i WHERE i.node_id = n.id AND i.mac::text"
#define TAGS \
    "SELECT FROM node_tag l JOIN tag t ON t.id = l.tag_id WHERE l.node_id = n.id AND t.name"
#define FABRICS                                                                                 \
    "SELECT FROM interface i JOIN vlan v ON v.id = i.vlan_id JOIN fabric f ON "                 \
    "f.id = v.fabric_id, LATERAL (VALUES (f.id::text), (coalesce(f.name, 'fabric-' || f.id)), " \
    "('fabric:' || coalesce(f.name, 'fabric-' || f.id))) s (word) "                             \
    "WHERE i.node_id = n.id AND s.word"
#define VLANS                                                                                 \
    "SELECT FROM interface i JOIN vlan v ON v.id = i.vlan_id, LATERAL (VALUES (v.id::text), " \
    "('id:' || v.id), ('vlan:' || v.id), ('vid:' || v.vid), (v.name)) s (word) "              \
    "WHERE i.node_id = n.id AND s.word"
#define SUBNETS                                                                            \
    "SELECT FROM interface i JOIN ip_address a ON a.interface_id = i.id JOIN subnet u ON " \
    "u.id = a.subnet_id, LATERAL (VALUES (u.id::text), ('id:' || u.id), (u.name), "        \
    "(u.cidr::text), "                                                                     \
    "('name:' || u.name), ('cidr:' || u.cidr)) s (word) WHERE i.node_id = n.id AND s.word"
#define CLASSES                                                                 \
    "SELECT FROM interface i JOIN vlan v ON v.id = i.vlan_id JOIN fabric f ON " \
    "f.id = v.fabric_id WHERE i.node_id = n.id AND f.class_type"
#define DOMAIN_NAME "(SELECT name FROM domain WHERE id = n.domain_id)"
#define ZONE_NAME   "(SELECT name FROM zone WHERE id = n.zone_id)"
#define POOL_NAME   "(SELECT name FROM resource_pool WHERE id = n.pool_id)"
#define OWNER_NAME  "(SELECT username FROM account WHERE id = n.owner_id)"

/* $1 types, $2 who looks (NULL = sees all), $3 tag, $4 statuses, $5 owner; then the filters. */
/* clang-format off */
DB_STATEMENT(node_filter_rows,
    "SELECT array_agg(n.id ORDER BY n.id) FROM node n WHERE (1 << n.node_type) & $1::int <> 0 "
    "AND ($2::bigint IS NULL OR n.owner_id IS NULL OR n.owner_id = $2) AND ($3::text IS NULL OR "
    "EXISTS (" TAGS
    " = $3)) AND ($4::int[] IS NULL OR n.status = ANY ($4)) AND ($5::bigint IS NULL OR "
    "n.owner_id = $5) " IS(6, "n.system_id") IS(7, "n.hostname") MEETS(8, MACS)
    IS(9, DOMAIN_NAME) IS(10, ZONE_NAME) IS(11, POOL_NAME) IS(12, "n.agent_name")
    "AND ($13::text[] IS NULL OR (SELECT count(DISTINCT t.name) FROM node_tag l JOIN tag t ON "
    "t.id = l.tag_id WHERE l.node_id = n.id AND t.name = ANY ($13)) = (SELECT count(DISTINCT w) "
    "FROM unnest($13) w)) " IS(14, "n.status::text") IS(15, OWNER_NAME) IS(16, "n.power_state")
    "AND ($17::text[] IS NULL OR n.architecture = ANY ($17) OR split_part(n.architecture, '/', "
    "1) = ANY ($17)) " MEETS(18, FABRICS) MEETS(19, VLANS) MEETS(20, SUBNETS)
    "AND ($21::text[] IS NULL OR n.cpu_count >= ALL ($21::int[])) AND ($22::text[] IS NULL OR "
    "n.cpu_speed >= ALL ($22::int[])) AND ($23::text[] IS NULL OR n.memory >= ALL "
    "($23::bigint[])) " NOT(24, "n.system_id") NOT(25, "n.hostname") LACKS(26, MACS)
    NOT(27, DOMAIN_NAME) NOT(28, ZONE_NAME) NOT(29, POOL_NAME) NOT(30, "n.agent_name")
    LACKS(31, TAGS) NOT(32, "n.status::text") NOT(33, OWNER_NAME) NOT(34, "n.power_state")
    "AND ($35::text[] IS NULL OR (n.architecture <> ALL ($35) AND split_part(n.architecture, "
    "'/', 1) <> ALL ($35))) " LACKS(36, FABRICS) LACKS(37, VLANS) LACKS(38, SUBNETS)
    "AND ($39::text[] IS NULL OR NOT EXISTS (SELECT FROM unnest($39) w WHERE NOT EXISTS (SELECT "
    "FROM node_device d WHERE d.node_id = n.id AND to_jsonb(d) @> w::jsonb))) AND ($40::text[] "
    "IS NULL OR EXISTS (SELECT FROM interface i WHERE i.node_id = n.id AND i.link_speed >= ALL "
    "($40::int[]))) " MEETS(41, CLASSES) LACKS(42, CLASSES)
    "AND coalesce($43::text[], $44::text[], $45::text[], $46::text[]) IS NULL "
    IS(47, "n.status::text")
    IS(48, "CASE WHEN n.ephemeral_deploy THEN 'memory' WHEN n.osystem <> '' THEN 'disk' END"));
/* clang-format on */

#define NOT_A_CHOICE "Select a valid choice. %.64s is not one of the available choices."

/* The filter of a parameter's name, or -1. */
static int find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (!strcmp(aliases[i][0], name))
            name = aliases[i][1];
    for (int i = 0; i < FILTERS; i++)
        if (!strcmp(filters[i].name, name))
            return i;
    return -1;
}

/* The terms as a JSON object that a row of node_device must contain; NULL = malformed. */
static const char *device_of(struct arena *arena, const char *value)
{
    static const char *const keys[] = {"vendor_id", "product_id", "vendor_name", "product_name",
                                       "commissioning_driver"};
    __attribute__((cleanup(json_decrefp))) json_t *wanted = json_object();
    while (*value) {
        size_t size = strcspn(value, ","), key = 0;
        char *term = arena_trim(arena, arena_strndup(arena, value, size));
        char *equals = strchr(term, '=');
        value += size + (value[size] == ',');
        if (!equals || !equals[1])
            return NULL;
        *equals = '\0';
        while (key < COUNT_OF(keys) && strcmp(keys[key], term) != 0)
            key++;
        if (key == COUNT_OF(keys) ||
            json_object_set_new(wanted, keys[key], json_string(equals + 1)))
            return NULL;
    }
    return json_out_dump(arena, wanted);
}

struct words {
    const char *texts[LIMIT_PARAMS];
    int count;
};

/* One value, checked and in the form the database compares; NULL after a field error. */
static const char *checked(struct api_reply *reply, struct arena *arena,
                           const struct filter *filter, const char *value)
{
    struct mac mac;
    const char *word;
    char *end;
    int status;
    switch (filter->kind) {
    case KIND_MAC:
        if (mac_parse(value, &mac))
            return mac_format(mac, arena_alloc(arena, MAC_TEXT));
        api_field_error(reply, filter->name, "'%.64s' is not a valid MAC address.", value);
        return NULL;
    case KIND_STATUS:
        status = machine_status_parse(value);
        if (status >= 0)
            return db_number(arena, status);
        api_field_error(reply, filter->name, NOT_A_CHOICE, value);
        return NULL;
    case KIND_NUMBER:
        end = NULL;
        if (strtol(value, &end, 10) >= 0 && end != value && strlen(value) < 10 &&
            (!*end || !strcmp(end, ".0")))
            return arena_strndup(arena, value, strcspn(value, "."));
        api_field_error(reply, filter->name, "Enter a whole number.");
        return NULL;
    case KIND_DEVICE:
        word = device_of(arena, value);
        if (!word)
            api_field_error(reply, filter->name,
                            "Malformed constraint, \"%.100s\": enter terms as vendor_id=8086.",
                            value);
        return word;
    case KIND_TARGET:
        if (!strcmp(value, "memory") || !strcmp(value, "disk"))
            return value;
        api_field_error(reply, filter->name, NOT_A_CHOICE, value);
        return NULL;
    case KIND_TAKING:
        api_field_error(reply, filter->name, "This constraint is for allocate.");
        return NULL;
    default:
        return value;
    }
}

/* All statuses that are called so. */
static void add_statuses(struct api_reply *reply, struct arena *arena, const struct filter *filter,
                         const char *value, struct words *words)
{
    int before = words->count;
    for (int i = 0; i < MACHINE_STATUS_COUNT && words->count < LIMIT_PARAMS; i++)
        if (!strcmp(simple_statuses[i], value))
            words->texts[words->count++] = db_number(arena, i);
    if (words->count == before)
        api_field_error(reply, filter->name, NOT_A_CHOICE, value);
}

static void add_words(struct api_reply *reply, struct arena *arena, const struct filter *filter,
                      const char *value, struct words *words)
{
    bool split = filter->kind == KIND_NAMES || filter->kind == KIND_ALL_OF;
    while (value && words->count < LIMIT_PARAMS) {
        size_t size = split ? strcspn(value, ",") : strlen(value);
        const char *word = arena_strndup(arena, value, size);
        value = value[size] ? value + size + 1 : NULL;
        word += strspn(word, " ");
        word = *word ? checked(reply, arena, filter, word) : NULL;
        if (word)
            words->texts[words->count++] = word;
    }
}

/* What a parameter says of a filter, NULL = nothing. */
static const char *said(const struct node_filter *filter, struct arena *arena, int f,
                        const char *name, const char *value)
{
    if (filter->only_ids && f != ID)
        return NULL;
    if (filter->allocating && (!strcmp(name, "agent_name") || filters[f].kind == KIND_TAKING))
        return NULL;
    if (filter->allocating && !strcmp(name, "name")) {
        size_t host = strcspn(value, ".");
        if (f == find("hostname"))
            return arena_strndup(arena, value, host);
        return f == find("domain") && value[host] ? value + host + 1 : NULL;
    }
    return find(name) == f ? value : NULL;
}

/* The values of all filters as arrays, NULL where the request names none. */
static void collect(struct api_request *request, struct api_reply *reply,
                    const struct node_filter *filter, const char *values[FILTERS])
{
    struct words *words = ARENA_NEW(request->arena, struct words);
    for (int f = 0; f < FILTERS; f++) {
        bool named = false;
        words->count = 0;
        for (int i = 0; i < api_param_count(request); i++) {
            const char *name, *value;
            api_param_at(request, i, &name, &value);
            value = said(filter, request->arena, f, name, value);
            if (!value || !*value)
                continue;
            named = true;
            if (filters[f].kind == KIND_SIMPLE)
                add_statuses(reply, request->arena, &filters[f], value, words);
            else
                add_words(reply, request->arena, &filters[f], value, words);
        }
        values[f] = named ? db_array(request->arena, words->texts, words->count) : NULL;
    }
}

static const char *value_of(const char *const values[FILTERS], const char *name)
{
    const char *value = values[find(name)];
    return value ? value : "{}";
}

/* Names of zones, pools and tags that do not exist are mistakes, not empty results. */
static enum error_code check_names(struct api_request *request, struct api_reply *reply,
                                   const char *const values[FILTERS], struct error *err)
{
    DB_STATEMENT(node_filter_unknown, "SELECT 'zone', w FROM unnest($1::text[]) w WHERE NOT EXISTS "
                                      "(SELECT FROM zone WHERE name = w) UNION ALL "
                                      "SELECT 'pool', w FROM unnest($2::text[]) w WHERE NOT EXISTS "
                                      "(SELECT FROM resource_pool WHERE name = w) UNION ALL "
                                      "SELECT 'tags', w FROM unnest($3::text[]) w WHERE NOT EXISTS "
                                      "(SELECT FROM tag WHERE name = w)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    if (!values[find("zone")] && !values[find("pool")] && !values[find("tags")])
        return ERR_OK;
    enum error_code code = db_query(
        request->db, &node_filter_unknown,
        DB_PARAMS(value_of(values, "zone"), value_of(values, "pool"), value_of(values, "tags")),
        &rows, err);
    for (int i = 0; i < rows.count && !code; i++) {
        const char *field = db_text(&rows, i, 0);
        api_field_error(reply, field,
                        strcmp(field, "tags") ? "No such %s: '%.100s'."
                                              : "No such %.3s(s): '%.100s'.",
                        field, db_text(&rows, i, 1));
    }
    return code ? code : api_fields_valid(reply, err);
}

static enum error_code run(struct api_request *request, const struct node_filter *filter,
                           const char *const values[FILTERS], const char **ids, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *params[FIXED + FILTERS];
    const struct api_user *user = request->user;
    struct arena *arena = request->arena;
    params[0] = db_number(arena, filter->types);
    params[1] = user && !user->is_superuser ? db_number(arena, user->id) : NULL;
    params[2] = filter->tag;
    params[3] = filter->status;
    params[4] = filter->owner_id ? db_number(arena, filter->owner_id) : NULL;
    for (int f = 0; f < FILTERS; f++)
        params[FIXED + f] = values[f];
    enum error_code code = db_query(request->db, &node_filter_rows,
                                    (struct db_params){FIXED + FILTERS, params}, &rows, err);
    if (!code)
        *ids = db_is_null(&rows, 0, 0) ? "{}" : arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

enum error_code node_filter_ids(struct api_request *request, struct api_reply *reply,
                                const struct node_filter *filter, const char **ids,
                                struct error *err)
{
    const char *values[FILTERS];
    collect(request, reply, filter, values);
    enum error_code code = api_fields_valid(reply, err);
    if (!code)
        code = check_names(request, reply, values, err);
    return code ? code : run(request, filter, values, ids, err);
}

bool node_filter_given(const struct api_request *request)
{
    for (int i = 0; i < api_param_count(request); i++) {
        const char *name, *value;
        api_param_at(request, i, &name, &value);
        if (*value && find(name) >= 0 && strcmp(name, "owner"))
            return true;
    }
    return false;
}
