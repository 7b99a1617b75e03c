/* Choosing a machine for a user: see machine_allocate.h. Source: MAAS API 2.0, allocate. */
#include "src/region/machine_allocate.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/model/machine_status.h"

/* What node_filter and the functions below read, and options. */
static const char *const known[] = {
    "op",
    "name",
    "system_id",
    "arch",
    "cpu_count",
    "mem",
    "tags",
    "not_tags",
    "zone",
    "not_in_zone",
    "pool",
    "not_in_pool",
    "not_pod",
    "not_pod_type",
    "subnets",
    "not_subnets",
    "vlans",
    "not_vlans",
    "fabrics",
    "not_fabrics",
    "fabric_classes",
    "link_speed",
    "storage",
    "interfaces",
    "agent_name",
    "comment",
    "bridge_all",
    "bridge_type",
    "bridge_stp",
    "bridge_fd",
    "devices",
    "not_fabric_classes",
    "dry_run",
    "verbose",
    "not_id",
    "not_system_id",
    "architecture",
    "not_arch",
};

/* The free machines that are asked about, cheapest first, and what they have. */
struct offer {
    const char *id;
    uint64_t size_bytes;
    bool boots;
    const char *tags; /* ",a,b," */
};
struct search {
    struct api_request *request;
    struct constraint_disks disks;
    struct constraint_interfaces interfaces;
    struct db_rows machines, disk_rows, interface_rows;
    /* of the machine that is looked at: */
    struct offer *offers;
    int offers_count;
};

static void close_search(struct search *search)
{
    db_rows_close(&search->machines);
    db_rows_close(&search->disk_rows);
    db_rows_close(&search->interface_rows);
}

static enum error_code check_known(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    for (int i = 0; i < api_param_count(request); i++) {
        const char *name, *value;
        bool found = false;
        api_param_at(request, i, &name, &value);
        for (size_t k = 0; k < COUNT_OF(known); k++)
            found = found || !strcmp(known[k], name);
        if (!found && *value)
            api_field_error(reply, name, "No such constraint.");
    }
    return api_fields_valid(reply, err);
}

/* A parameter of its own that is about any interface. */
static void add_interface(struct search *search, struct api_reply *reply, const char *name,
                          const char *key)
{
    struct constraint_interfaces *all = &search->interfaces;
    const char *value = api_param(search->request, name);
    if (!value || !*value)
        return;
    if (all->count == CONSTRAINT_ITEMS) {
        api_field_error(reply, name, "Too many constraints.");
        return;
    }
    struct constraint_interface *item = &all->items[all->count++];
    *item = (struct constraint_interface){.terms_count = 1};
    item->terms[0] = (struct constraint_term){.key = key, .value = value};
}

static enum error_code read_constraints(struct search *search, struct api_reply *reply,
                                        struct error *err)
{
    struct api_request *request = search->request;
    struct error wrong = {0};
    const char *storage = api_param(request, "storage");
    const char *interfaces = api_param(request, "interfaces");
    if (machine_constraint_disks(storage ? storage : "", request->arena, &search->disks, &wrong))
        api_field_error(reply, "storage", "%s", wrong.text);
    if (machine_constraint_interfaces(interfaces ? interfaces : "", request->arena,
                                      &search->interfaces, &wrong))
        api_field_error(reply, "interfaces", "%s", wrong.text);
    bool bridges = false;
    enum error_code code = api_param_bool(request, "bridge_all", &bridges, err);
    if (code)
        return code;
    if (bridges)
        api_field_error(reply, "bridge_all",
                        "This version makes no bridges of its own: create them before.");
    add_interface(search, reply, "fabric_classes", "fabric_class");
    add_interface(search, reply, "link_speed", "link_speed");
    return check_known(request, reply, err);
}

static enum error_code load(struct search *search, const char *ids, struct error *err)
{
    DB_STATEMENT(allocate_machines, MACHINE_STORE_COLUMNS
                 "FROM node n WHERE n.id = ANY ($1::bigint[]) AND n.owner_id IS NULL "
                 "AND NOT n.locked ORDER BY n.cpu_count, n.memory, n.id");
    DB_STATEMENT(
        allocate_disks,
        "SELECT k.node_id, k.id, k.size, k.id = coalesce(n.boot_disk_id, (SELECT min(f.id) "
        "FROM block_device f WHERE f.node_id = n.id AND f.type = 'physical')), "
        "',' || array_to_string(k.tags, ',') || ',' FROM block_device k JOIN node n "
        "ON n.id = k.node_id WHERE k.type = 'physical' AND k.node_id = ANY "
        "($1::bigint[]) ORDER BY k.node_id, k.size, k.id");
    DB_STATEMENT(
        allocate_interfaces,
        "SELECT i.node_id, i.id, w.key, w.value FROM interface i "
        "JOIN node n ON n.id = i.node_id LEFT JOIN vlan v ON v.id = i.vlan_id "
        "LEFT JOIN fabric f ON f.id = v.fabric_id LEFT JOIN space p ON p.id = v.space_id, "
        "LATERAL (VALUES ('id', i.id::text), ('name', i.name), ('type', i.type), "
        "('link_speed', i.link_speed::text), ('hostname', n.hostname), ('vid', v.vid::text), "
        "('vlan', v.id::text), ('vlan', 'id:' || v.id), ('vlan', v.name), ('vlan', 'vid:' || "
        "v.vid), ('fabric', f.id::text), ('fabric', coalesce(f.name, 'fabric-' || f.id)), "
        "('fabric_class', f.class_type), ('space', coalesce(p.name, 'undefined')), "
        "('space', p.id::text)) w (key, value) "
        "WHERE i.node_id = ANY ($1::bigint[]) AND i.enabled AND w.value IS NOT NULL "
        "UNION ALL SELECT i.node_id, i.id, 'tag', t FROM interface i, unnest(i.tags) t "
        "WHERE i.node_id = ANY ($1::bigint[]) AND i.enabled "
        "UNION ALL SELECT i.node_id, i.id, w.key, w.value FROM interface i JOIN ip_address a ON "
        "a.interface_id = i.id LEFT JOIN subnet s ON s.id = a.subnet_id, LATERAL (VALUES "
        "('ip', host(a.ip)), ('subnet', s.id::text), ('subnet', s.name), ('subnet', 'id:' || "
        "s.id), ('subnet', 'name:' || s.name), ('subnet', 'cidr:' || s.cidr), "
        "('subnet_cidr', s.cidr::text), ('mode', CASE a.alloc_type WHEN 0 THEN 'auto' "
        "WHEN 5 THEN 'dhcp' WHEN 6 THEN NULL ELSE CASE WHEN a.ip IS NULL THEN 'link_up' ELSE "
        "'static' END END)) w (key, value) "
        "WHERE i.node_id = ANY ($1::bigint[]) AND i.enabled AND w.value IS NOT NULL "
        "ORDER BY 1, 2");
    struct db *db = search->request->db;
    enum error_code code = db_query(db, &allocate_machines, DB_PARAMS(ids), &search->machines, err);
    if (!code && search->disks.count)
        code = db_query(db, &allocate_disks, DB_PARAMS(ids), &search->disk_rows, err);
    if (!code && search->interfaces.count)
        code = db_query(db, &allocate_interfaces, DB_PARAMS(ids), &search->interface_rows, err);
    return code;
}

static bool has_tags(const struct offer *offer, const struct constraint_disk *disk)
{
    for (int i = 0; i < disk->tags_count; i++) {
        char wanted[260];
        snprintf(wanted, sizeof(wanted), ",%s,", disk->tags[i]);
        if (!strstr(offer->tags, wanted))
            return false;
    }
    return true;
}

static bool disk_fits(const void *subject, int want, int at)
{
    const struct search *search = subject;
    const struct constraint_disk *disk = &search->disks.items[want];
    const struct offer *offer = &search->offers[at];
    return offer->size_bytes >= disk->size_bytes && (want > 0 || offer->boots) &&
           has_tags(offer, disk);
}

/* The first row of the node, or where it would stand: rows are ordered by node. */
static int first_row(const struct db_rows *rows, int64_t node_id)
{
    int low = 0, high = rows->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (db_int(rows, middle, 0) < node_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void collect_disks(struct search *search, int64_t node_id)
{
    const struct db_rows *rows = &search->disk_rows;
    if (!search->offers) /* for all machines: none has more than there are */
        search->offers = ARENA_ARRAY(search->request->arena, struct offer, (size_t)rows->count + 1);
    search->offers_count = 0;
    for (int i = first_row(rows, node_id); i < rows->count && db_int(rows, i, 0) == node_id; i++)
        search->offers[search->offers_count++] =
            (struct offer){.id = db_text(rows, i, 1),
                           .size_bytes = (uint64_t)db_int(rows, i, 2),
                           .boots = db_bool(rows, i, 3),
                           .tags = db_text(rows, i, 4)};
}

static void add_label(json_t *object, const char *label, const char *id)
{
    json_t *list = json_object_get(object, label);
    if (!list) {
        list = json_array();
        json_object_set_new(object, label, list);
    }
    json_array_append_new(list, json_integer(strtoll(id, NULL, 10)));
}

static bool match_disks(struct search *search, int64_t node_id, json_t *labels)
{
    int taken[CONSTRAINT_ITEMS];
    if (!search->disks.count)
        return true;
    collect_disks(search, node_id);
    if (!machine_constraint_match(search->disks.count, search->offers_count, disk_fits, search,
                                  taken))
        return false;
    json_t *object = json_object();
    for (int i = 0; i < search->disks.count; i++)
        if (search->disks.items[i].label)
            add_label(object, search->disks.items[i].label, search->offers[taken[i]].id);
    if (json_object_size(object))
        json_object_set(labels, "storage", object);
    json_decref(object);
    return true;
}

/* Does the interface whose words begin at row meet the term? */
static bool meets_term(const struct db_rows *rows, int row, const struct constraint_term *term)
{
    bool meets = false;
    int64_t id = db_int(rows, row, 1);
    for (; row < rows->count && db_int(rows, row, 1) == id && !meets; row++) {
        const char *value = db_text(rows, row, 3);
        if (strcmp(db_text(rows, row, 2), term->key) != 0)
            continue;
        meets = strcmp(term->key, "link_speed")
                    ? !strcmp(value, term->value)
                    : strtol(value, NULL, 10) >= strtol(term->value, NULL, 10);
    }
    return meets != term->negated;
}

static bool meets(const struct db_rows *rows, int row, const struct constraint_interface *item)
{
    for (int i = 0; i < item->terms_count; i++)
        if (!meets_term(rows, row, &item->terms[i]))
            return false;
    return true;
}

/* All interfaces that meet an item stand under its label: at least one must. */
static bool match_interface(const struct search *search, int64_t node_id,
                            const struct constraint_interface *item, json_t *object)
{
    const struct db_rows *rows = &search->interface_rows;
    bool found = false;
    int begin = first_row(rows, node_id);
    for (int row = begin; row < rows->count && db_int(rows, row, 0) == node_id; row++) {
        bool first = row == begin || db_int(rows, row, 1) != db_int(rows, row - 1, 1);
        if (!first || !meets(rows, row, item))
            continue;
        if (item->label)
            add_label(object, item->label, db_text(rows, row, 1));
        found = true;
    }
    return found;
}

static bool match_interfaces(const struct search *search, int64_t node_id, json_t *labels)
{
    json_t *object = json_object();
    bool all = true;
    for (int i = 0; i < search->interfaces.count && all; i++)
        all = match_interface(search, node_id, &search->interfaces.items[i], object);
    if (all && json_object_size(object))
        json_object_set(labels, "interfaces", object);
    json_decref(object);
    return all;
}

/* Rows that somebody else takes just now are passed over. */
static enum error_code lock(struct search *search, const char *ids, bool wait, int64_t *id,
                            struct error *err)
{
    DB_STATEMENT(allocate_lock, "SELECT n.id FROM node n JOIN unnest($1::bigint[]) WITH ORDINALITY "
                                "u (id, o) ON u.id = n.id WHERE n.status = 4 AND n.owner_id IS "
                                "NULL ORDER BY u.o LIMIT 1 FOR UPDATE OF n SKIP LOCKED");
    DB_STATEMENT(allocate_lock_waiting,
                 "SELECT n.id FROM node n JOIN unnest($1::bigint[]) WITH ORDINALITY "
                 "u (id, o) ON u.id = n.id WHERE n.status = 4 AND n.owner_id IS "
                 "NULL ORDER BY u.o LIMIT 1 FOR UPDATE OF n");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(search->request->db, wait ? &allocate_lock_waiting : &allocate_lock,
                 DB_PARAMS(ids), &rows, err);
    *id = !code && rows.count ? db_int(&rows, 0, 0) : -1;
    return code;
}

/* The machines that meet everything, cheapest first, as an array; labels of each by its row. */
static const char *matching(struct search *search, const char **labels)
{
    struct arena *arena = search->request->arena;
    const char **ids = arena_alloc(arena, sizeof(*ids) * (size_t)(search->machines.count + 1));
    int count = 0;
    for (int i = 0; i < search->machines.count; i++) {
        __attribute__((cleanup(json_decrefp))) json_t *object = json_object();
        int64_t node_id = db_int(&search->machines, i, 0);
        labels[i] = NULL;
        if (!match_disks(search, node_id, object) || !match_interfaces(search, node_id, object))
            continue;
        labels[i] = json_out_dump(arena, object);
        ids[count++] = db_text(&search->machines, i, 0);
    }
    return db_array(arena, ids, count);
}

static enum error_code choose(struct search *search, struct machine_allocation *allocation,
                              struct error *err)
{
    struct arena *arena = search->request->arena;
    const char **labels =
        arena_alloc(arena, sizeof(*labels) * (size_t)(search->machines.count + 1));
    const char *ids = matching(search, labels);
    int64_t id = -1;
    enum error_code code = ERR_OK;
    if (strcmp(ids, "{}") != 0)
        code = lock(search, ids, false, &id, err);
    if (!code && id < 0 && strcmp(ids, "{}") != 0)
        code = lock(search, ids, true, &id, err);
    for (int i = 0; i < search->machines.count && !code; i++) {
        if (db_int(&search->machines, i, 0) != id)
            continue;
        allocation->machine = machine_store_row(&search->machines, i, arena);
        allocation->labels = labels[i];
        return ERR_OK;
    }
    return code ? code
                : error_set(err, ERR_CONFLICT, "No available machine matches constraints%s.",
                            search->machines.count ? ": their disks or interfaces do not" : "");
}

enum error_code machine_allocate_find(struct api_request *request, struct api_reply *reply,
                                      struct machine_allocation *allocation, struct error *err)
{
    __attribute__((cleanup(close_search))) struct search search = {.request = request};
    struct node_filter filter = {.types = NODE_MACHINES, .status = "{4}", .allocating = true};
    const char *ids;
    enum error_code code = read_constraints(&search, reply, err);
    if (!code)
        code = node_filter_ids(request, reply, &filter, &ids, err);
    if (!code)
        code = load(&search, ids, err);
    return code ? code : choose(&search, allocation, err);
}

enum error_code machine_allocate_take(struct api_request *request, struct machine *machine,
                                      struct error *err)
{
    DB_STATEMENT(allocate_take, "UPDATE node SET owner_id = $2, agent_name = coalesce($3, '') "
                                "WHERE id = $1 AND owner_id IS NULL");
    struct machine_life life = machine_ask_life(request);
    enum error_code code = machine_ask_note(request, MACHINE_ACTION_ALLOCATE, machine, err);
    if (!code)
        code = machine_life_settle(&life, machine, MACHINE_ALLOCATED, NULL, err);
    if (!code)
        code = db_query(request->db, &allocate_take,
                        DB_PARAMS(db_number(request->arena, machine->id),
                                  db_number(request->arena, request->user->id),
                                  api_param(request, "agent_name")),
                        NULL, err);
    if (!code)
        machine->owner_id = request->user->id;
    return code;
}
