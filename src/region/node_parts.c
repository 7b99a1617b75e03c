/* Reading what hangs on nodes: see node_parts.h. */
#include "src/region/node_parts.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/region/script_sql.h"

/*
 * Statements are planned once for any number of nodes (see db.c). In this form the plan is an index
 * scan for each of them; with "= ANY" it would be the reading of a whole table, for one node too.
 */
#define OF_NODES(node_id, columns, from)                                                       \
    "SELECT x.* FROM unnest($1::bigint[]) w (id), LATERAL (SELECT " node_id " AS node" columns \
    " FROM " from " WHERE " node_id " = w.id OFFSET 0) x ORDER BY x.node"

#define COLUMN(key, type, who, sql) ", " sql " AS " #key
DB_STATEMENT(node_rows,
             OF_NODES("n.id", ", p.system_id AS parent" NODE_COLUMNS(COLUMN),
                      "node n JOIN domain d ON d.id = n.domain_id LEFT JOIN account o ON "
                      "o.id = n.owner_id LEFT JOIN node p ON p.id = n.parent_id"));
#undef COLUMN

#define COLUMN(key, type, sql) ", " sql " AS " #key
DB_STATEMENT(node_interfaces, OF_NODES("j.node_id", NODE_INTERFACE_COLUMNS(COLUMN),
                                       "interface j LEFT JOIN vlan v ON v.id = j.vlan_id") ", id");
DB_STATEMENT(node_disks, OF_NODES("k.node_id", NODE_DISK_COLUMNS(COLUMN), "block_device k") ", id");
#undef COLUMN

DB_STATEMENT(
    node_interface_parents,
    OF_NODES("c.node_id", ", c.id AS child, p.id AS parent, c.name AS child_name, p.name",
             "interface c JOIN interface_parent l ON l.child_id = c.id JOIN interface p ON "
             "p.id = l.parent_id") ", child, parent");
DB_STATEMENT(node_addresses,
             OF_NODES("j.node_id",
                      ", j.id AS interface, a.id, a.alloc_type, host(a.ip), a.subnet_id, "
                      "host(g.gateway_ip)",
                      "interface j JOIN ip_address a ON a.interface_id = j.id "
                      "LEFT JOIN subnet g ON g.id = a.subnet_id") ", x.id");
/*
 * Of commissioning its last run counts, of the tests each one's newest result, whenever it ran. One
 * row for all of a type (hardware NULL), for each kind of hardware, and for single instances of it.
 */
DB_STATEMENT(
    node_results,
    "SELECT w.id, t.type, t.hardware, t.of_one, t.status FROM unnest($1::bigint[]) w (id), "
    "LATERAL (SELECT r.type, r.hardware, r.of_one, " SCRIPT_SUM_SQL " AS status FROM (SELECT "
    "DISTINCT ON (s.type, r.name, r.instance) s.type, CASE p.hardware_type WHEN 5 THEN 0 ELSE "
    "coalesce(p.hardware_type, 0) END AS hardware, r.instance <> '' AS of_one, r.id, r.status, "
    "r.suppressed FROM script_set s JOIN node n ON n.id = s.node_id JOIN script_result r ON "
    "r.script_set_id = s.id LEFT JOIN script p ON p.id = r.script_id WHERE s.node_id = w.id AND "
    "(s.type = 2 OR s.id = n.commissioning_set_id) ORDER BY s.type, r.name, r.instance, r.id DESC) "
    "r GROUP BY GROUPING SETS ((r.type), (r.type, r.hardware), (r.type, r.hardware, r.of_one))) t "
    "ORDER BY w.id");
/* Each kind by a letter, in the order of the letters. */
DB_STATEMENT(node_shared_rows,
             "SELECT 'd', d.id, to_json(d) FROM (SELECT m.*, 0 AS resource_record_count FROM "
             "(" DOMAIN_SQL ") m) d WHERE d.id = ANY ($1::bigint[]) UNION ALL "
             "SELECT 'p', p.id, to_json(p) FROM (" POOL_SQL ") p WHERE p.id = ANY ($2::bigint[]) "
             "UNION ALL "
             "SELECT 's', s.id, to_json(s) FROM (" SUBNET_SQL ") s WHERE s.id = ANY ($3::bigint[]) "
             "UNION ALL "
             "SELECT 'v', v.id, to_json(v) FROM (" VLAN_SQL ") v WHERE v.id = ANY ($4::bigint[]) "
             "UNION ALL "
             "SELECT 'z', z.id, to_json(z) FROM (" ZONE_SQL ") z WHERE z.id = ANY ($5::bigint[]) "
             "ORDER BY 1, 2");

/* The ids in a column as an array; neighbours that are the same once. */
static const char *ids_in(const struct db_rows *rows, int column, struct arena *arena)
{
    const char **ids = ARENA_ARRAY(arena, const char *, (size_t)rows->count + 1);
    int count = 0;
    for (int row = 0; row < rows->count; row++) {
        const char *id = db_text(rows, row, column);
        if (id && !(count && !strcmp(ids[count - 1], id)))
            ids[count++] = id;
    }
    return db_array(arena, ids, count);
}

/* Physical interfaces stand on no other. */
static bool has_parents(const struct db_rows *interfaces)
{
    for (int row = 0; row < interfaces->count; row++)
        if (strcmp(db_text(interfaces, row, INTERFACE_AT_type), "physical"))
            return true;
    return false;
}

enum error_code node_parts_load(struct db *db, const char *ids, struct arena *arena,
                                struct node_parts *parts, struct error *err)
{
    struct db_rows *rows = parts->rows;
    struct db_params params = DB_PARAMS(ids);
    const struct db_ask asks[] = {
        {&node_rows, params},  {&node_interfaces, params}, {&node_addresses, params},
        {&node_disks, params}, {&node_results, params},
    };
    enum error_code code = db_query_all(db, asks, COUNT_OF(asks), rows, err);
    if (!code && has_parents(&rows[NODE_PART_INTERFACES]))
        code = db_query(db, &node_interface_parents, params, &rows[NODE_PART_PARENTS], err);
    if (code)
        return code;
    return db_query(db, &node_shared_rows,
                    DB_PARAMS(ids_in(&rows[NODE_PART_NODES], NODE_AT_domain, arena),
                              ids_in(&rows[NODE_PART_NODES], NODE_AT_pool, arena),
                              ids_in(&rows[NODE_PART_ADDRESSES], ADDRESS_AT_SUBNET, arena),
                              ids_in(&rows[NODE_PART_INTERFACES], INTERFACE_AT_vlan, arena),
                              ids_in(&rows[NODE_PART_NODES], NODE_AT_zone, arena)),
                    &parts->shared, err);
}

void node_parts_close(struct node_parts *parts)
{
    for (int i = 0; i < NODE_PARTS; i++)
        db_rows_close(&parts->rows[i]);
    db_rows_close(&parts->shared);
}

void node_parts_visit(struct node_parts *parts, int row)
{
    int64_t id = db_int(&parts->rows[NODE_PART_NODES], row, NODE_AT_ID);
    parts->first[NODE_PART_NODES] = row;
    for (int i = NODE_PART_NODES + 1; i < NODE_PARTS; i++) {
        const struct db_rows *rows = &parts->rows[i];
        int at = parts->end[i];
        while (at < rows->count && db_int(rows, at, 0) < id)
            at++;
        parts->first[i] = at;
        while (at < rows->count && db_int(rows, at, 0) == id)
            at++;
        parts->end[i] = at;
    }
}

const char *node_parts_system_id(const struct node_parts *parts)
{
    return db_text(&parts->rows[NODE_PART_NODES], parts->first[NODE_PART_NODES], NODE_AT_system_id);
}

int node_parts_status(const struct node_parts *parts, enum script_type type, int hardware,
                      bool of_one)
{
    const struct db_rows *rows = &parts->rows[NODE_PART_RESULTS];
    for (int row = parts->first[NODE_PART_RESULTS]; row < parts->end[NODE_PART_RESULTS]; row++) {
        bool any = db_is_null(rows, row, RESULT_AT_HARDWARE);
        bool all_of_it = db_is_null(rows, row, RESULT_AT_INSTANCES);
        if (db_int(rows, row, RESULT_AT_TYPE) == (int)type &&
            (any ? hardware < 0 : db_int(rows, row, RESULT_AT_HARDWARE) == hardware) &&
            (all_of_it ? !of_one : of_one && db_bool(rows, row, RESULT_AT_INSTANCES)))
            return (int)db_int(rows, row, RESULT_AT_STATUS);
    }
    return -1;
}

const char *node_parts_shared(const struct node_parts *parts, enum node_shared kind, const char *id)
{
    const struct db_rows *rows = &parts->shared;
    int64_t number = id ? strtoll(id, NULL, 10) : 0;
    int low = 0, high = id ? rows->count : 0;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int letter = (unsigned char)db_text(rows, middle, 0)[0];
        int64_t other = db_int(rows, middle, 1);
        if (letter == (int)kind && other == number)
            return db_text(rows, middle, 2);
        if (letter < (int)kind || (letter == (int)kind && other < number))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
