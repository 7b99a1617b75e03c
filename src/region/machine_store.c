/* Machines as rows: see machine_store.h. */
#include "src/region/machine_store.h"

#include <arpa/inet.h>
#include <string.h>

#include "src/model/machine_name.h"
#include "src/model/machine_status.h"
#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/token_store.h"
#include "src/wire/digest.h"

enum { SYSTEM_IDS = 4, HOSTNAMES = 8 };

/* Nobody vouches for machines that enlist themselves: so many in ten minutes from one address, and
 * so many in all that nobody has looked after. */
enum { ENLISTED_BY_ONE = 8, ENLISTED_IN_ALL = 5000 };

struct machine machine_store_row(const struct db_rows *rows, int row, struct arena *arena)
{
    return (struct machine){
        .id = db_int(rows, row, 0),
        .owner_id = db_int(rows, row, 1),
        .node_type = (int)db_int(rows, row, 2),
        .status = (int)db_int(rows, row, 3),
        .enlisted = db_bool(rows, row, 4),
        .system_id = arena_strdup(arena, db_text(rows, row, 5)),
        .hostname = arena_strdup(arena, db_text(rows, row, 6)),
        .power_type = arena_strdup(arena, db_text(rows, row, 7)),
        .previous_status = (int)db_int(rows, row, 8),
        .commissioned = db_bool(rows, row, 9),
        .locked = db_bool(rows, row, 10),
        .deployed = db_bool(rows, row, 11),
    };
}

enum error_code machine_store_find(struct api_request *request, const char *system_id,
                                   unsigned types, struct machine *machine, struct error *err)
{
    DB_STATEMENT(machine_find, MACHINE_STORE_COLUMNS
                 "FROM node n WHERE n.system_id = $1 AND (1 << n.node_type) & $2::int <> 0 "
                 "AND ($3::bigint IS NULL OR n.owner_id IS NULL OR n.owner_id = $3)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const struct api_user *user = request->user;
    struct arena *arena = request->arena;
    const char *viewer = user && !user->is_superuser ? db_number(arena, user->id) : NULL;
    enum error_code code =
        db_query(request->db, &machine_find, DB_PARAMS(system_id, db_number(arena, types), viewer),
                 &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No %s matches the given query.",
                         types == NODE_MACHINES ? "Machine" : "Node");
    *machine = machine_store_row(&rows, 0, arena);
    return ERR_OK;
}

static void take_rows(const struct db_rows *rows, struct arena *arena, struct machine **list,
                      int *count)
{
    *count = rows->count;
    *list = arena_alloc(arena, sizeof(**list) * (size_t)(rows->count + 1));
    for (int i = 0; i < rows->count; i++)
        (*list)[i] = machine_store_row(rows, i, arena);
}

enum error_code machine_store_list(struct db *db, const char *system_ids, struct arena *arena,
                                   struct machine **list, int *count, struct error *err)
{
    DB_STATEMENT(machine_list, MACHINE_STORE_COLUMNS
                 "FROM node n WHERE n.system_id = ANY ($1) AND n.node_type = 0 ORDER BY n.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &machine_list, DB_PARAMS(system_ids), &rows, err);
    if (!code)
        take_rows(&rows, arena, list, count);
    return code;
}

enum error_code machine_store_in_status(struct db *db, int status, struct arena *arena,
                                        struct machine **list, int *count, struct error *err)
{
    DB_STATEMENT(machine_in_status, MACHINE_STORE_COLUMNS
                 "FROM node n WHERE n.node_type = 0 AND n.status = $1 ORDER BY n.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &machine_in_status, DB_PARAMS(db_number(arena, status)), &rows, err);
    if (!code)
        take_rows(&rows, arena, list, count);
    return code;
}

enum error_code machine_store_reload(struct db *db, struct machine *machine, struct arena *arena,
                                     struct error *err)
{
    DB_STATEMENT(machine_reload, MACHINE_STORE_COLUMNS "FROM node n WHERE n.id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &machine_reload, DB_PARAMS(db_number(arena, machine->id)), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Machine matches the given query.");
    *machine = machine_store_row(&rows, 0, arena);
    return ERR_OK;
}

enum error_code machine_store_check_owner(const struct api_request *request,
                                          const struct machine *machine, struct error *err)
{
    const struct api_user *user = request->user;
    if (user && (user->is_superuser || (machine->owner_id && machine->owner_id == user->id)))
        return ERR_OK;
    return error_set(err, ERR_FORBIDDEN, "You are not allowed to change %s.", machine->hostname);
}

enum error_code machine_store_has_mac(struct db *db, const char *macs, bool busy, bool *found,
                                      struct error *err)
{
    /* busy: Commissioning or Deploying */
    DB_STATEMENT(machine_has_mac,
                 "SELECT EXISTS (SELECT FROM interface i JOIN node n ON n.id = i.node_id "
                 "WHERE i.mac = ANY ($1::macaddr[]) AND (NOT $2::bool OR n.status IN (1, 9)))");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &machine_has_mac, DB_PARAMS(macs, busy ? "true" : "false"), &rows, err);
    if (!code)
        *found = db_bool(&rows, 0, 0);
    return code;
}

const char *machine_store_address(const char *text)
{
    unsigned char bytes[16];
    bool valid =
        text && (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1);
    return valid ? text : NULL;
}

/*
 * Whose are these MACs already? *known: one machine's that an enlistment may have again. Anything
 * else is a field error.
 */
static enum error_code check_macs(struct api_request *request, struct api_reply *reply,
                                  const char *macs, struct machine *machine, bool *known,
                                  struct error *err)
{
    DB_STATEMENT(machine_of_macs,
                 MACHINE_STORE_COLUMNS ", i.mac FROM interface i JOIN node n "
                                       "ON n.id = i.node_id "
                                       "WHERE i.mac = ANY ($1::macaddr[]) AND i.type = 'physical' "
                                       "ORDER BY i.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &machine_of_macs, DB_PARAMS(macs), &rows, err);
    if (code || !rows.count)
        return code;
    *machine = machine_store_row(&rows, 0, request->arena);
    *known = !request->user && machine->node_type == 0 && machine->status == MACHINE_NEW &&
             !machine->owner_id;
    for (int i = 1; i < rows.count; i++)
        *known = *known && db_int(&rows, i, 0) == machine->id;
    for (int i = 0; i < rows.count && !*known; i++)
        api_field_error(reply, "mac_addresses", "MAC address %s already in use%s%s.",
                        db_text(&rows, i, MACHINE_STORE_NEXT), request->user ? " on " : "",
                        request->user ? db_text(&rows, i, 6) : "");
    return api_fields_valid(reply, err);
}

static const char *candidates(struct arena *arena, bool hostnames)
{
    const char *list[HOSTNAMES];
    int count = hostnames ? HOSTNAMES : SYSTEM_IDS;
    for (int i = 0; i < count; i++) {
        unsigned char random[8];
        char *text = arena_alloc(arena, MACHINE_HOSTNAME);
        digest_random(random, sizeof(random));
        /* the later ones are nearly always free, however many machines there are */
        if (hostnames)
            machine_name_hostname(random, i < 4 ? 0 : 2U + (random[4] | (unsigned)random[5] << 8),
                                  text);
        else
            machine_name_system_id(random, text);
        list[i] = text;
    }
    return db_array(arena, list, count);
}

static enum error_code check_enlistments(struct api_request *request, struct error *err)
{
    DB_STATEMENT(machine_enlistments,
                 "SELECT count(*) FILTER (WHERE boot_address = $1::inet AND created > now() - "
                 "interval '10 min'), count(*) FROM node WHERE node_type = 0 AND status = 0 "
                 "AND owner_id IS NULL AND commissioned IS NULL");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *address = machine_store_address(request->remote_address);
    enum error_code code =
        db_query(request->db, &machine_enlistments, DB_PARAMS(address), &rows, err);
    if (code)
        return code;
    if (db_int(&rows, 0, 0) >= ENLISTED_BY_ONE)
        return error_set(err, ERR_LIMIT, "Too many machines were enlisted from %s: wait.", address);
    if (db_int(&rows, 0, 1) >= ENLISTED_IN_ALL)
        return error_set(err, ERR_LIMIT,
                         "%d machines are New: no more may enlist themselves until some of them "
                         "are commissioned or deleted.",
                         ENLISTED_IN_ALL);
    return ERR_OK;
}

static enum error_code insert_node(struct api_request *request, struct api_reply *reply,
                                   const struct machine_form *form, struct machine *made,
                                   struct error *err)
{
    DB_STATEMENT(
        machine_insert,
        "WITH home AS (SELECT coalesce($3::bigint, (SELECT id FROM domain WHERE is_default)) AS "
        "id) "
        "INSERT INTO node (system_id, hostname, domain_id, zone_id, pool_id, architecture, "
        "description, min_hwe_kernel, cpu_count, memory, swap_size, hardware_uuid, "
        "bios_boot_method, boot_address, booted, node_type, owner_id, parent_id) SELECT "
        "(SELECT c FROM unnest($1::text[]) WITH ORDINALITY u (c, o) WHERE NOT EXISTS "
        "(SELECT FROM node WHERE system_id = c) ORDER BY o LIMIT 1), "
        "coalesce($2, (SELECT c FROM unnest($14::text[]) WITH ORDINALITY u (c, o) WHERE NOT EXISTS "
        "(SELECT FROM node WHERE hostname = c AND domain_id = home.id) ORDER BY o LIMIT 1)), "
        "home.id, coalesce($4::bigint, 1), CASE WHEN $16::int = 0 THEN coalesce($5::bigint, 0) "
        "END, coalesce($6, ''), coalesce($7, ''), coalesce($8, ''), coalesce($9::int, 0), "
        "coalesce($10::bigint, 0), $11::bigint, $12, $13, "
        "$15::inet, CASE WHEN $15::inet IS NOT NULL THEN now() END, $16::int, $17::bigint, "
        "$18::bigint FROM home "
        "RETURNING id, coalesce(owner_id, 0), node_type, status, false, system_id, hostname, "
        "power_type, previous_status, false, false, false");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct arena *arena = request->arena;
    const char *address = request->user ? NULL : machine_store_address(request->remote_address);
    enum error_code code =
        db_query(request->db, &machine_insert,
                 DB_PARAMS(candidates(arena, false), form->hostname, form->domain_id, form->zone_id,
                           form->pool_id, form->architecture, form->description,
                           form->min_hwe_kernel, form->cpu_count, form->memory, form->swap_size,
                           form->hardware_uuid, form->boot_method, candidates(arena, true), address,
                           form->is_device ? "1" : "0", form->owner_id, form->parent_id),
                 &rows, err);
    if (code == ERR_CONFLICT && !strcmp(db_constraint(request->db), "node_hostname_once")) {
        api_field_error(reply, "hostname", "Node with this Hostname already exists.");
        return api_fields_valid(reply, err);
    }
    if (!code)
        *made = machine_store_row(&rows, 0, arena);
    return code;
}

/* The first one is what it boots from; where that is tells the address of whoever enlists it. */
static enum error_code insert_interfaces(struct api_request *request, const char *macs, int64_t id,
                                         struct error *err)
{
    DB_STATEMENT(machine_insert_interfaces,
                 "WITH made AS (INSERT INTO interface (node_id, name, mac, vlan_id) "
                 "SELECT $1::bigint, 'eth' || (o - 1), m::macaddr, CASE WHEN o = 1 THEN (SELECT "
                 "vlan_id FROM "
                 "subnet WHERE cidr >>= $3::inet ORDER BY masklen(cidr) DESC LIMIT 1) END "
                 "FROM unnest($2::text[]) WITH ORDINALITY u (m, o) ORDER BY o RETURNING id) "
                 "UPDATE node SET boot_interface_id = (SELECT min(id) FROM made) WHERE id = $1");
    const char *address = request->user ? NULL : machine_store_address(request->remote_address);
    return db_query(request->db, &machine_insert_interfaces,
                    DB_PARAMS(db_number(request->arena, id), macs, address), NULL, err);
}

enum error_code machine_store_create(struct api_request *request, struct api_reply *reply,
                                     const struct machine_form *form, struct machine *made,
                                     bool *known, struct error *err)
{
    const char *macs = db_array(request->arena, form->macs, form->macs_count);
    struct token token;
    *known = false;
    enum error_code code = check_macs(request, reply, macs, made, known, err);
    if (code || *known)
        return code;
    if (!request->user)
        code = check_enlistments(request, err);
    if (!code)
        code = insert_node(request, reply, form, made, err);
    if (!code)
        code = insert_interfaces(request, macs, made->id, err);
    if (!code && !form->is_device)
        code = token_store_create(request->db, http_settings(request->http)->ring,
                                  &(struct token_for){.system_id = made->system_id}, request->arena,
                                  &token, err);
    if (code)
        return code;
    struct event event = {.type = request->user ? "NODE_CREATED" : "NODE_ENLISTED",
                          .system_id = made->system_id,
                          .username = request->user ? request->user->username : NULL,
                          .description = request->user ? NULL : request->remote_address};
    return event_add(request->db, &event, request->arena, err);
}

enum error_code machine_store_update(struct api_request *request, struct api_reply *reply,
                                     int64_t id, const struct machine_form *form, struct error *err)
{
    DB_STATEMENT(
        machine_update,
        "UPDATE node SET hostname = coalesce($2, hostname), "
        "domain_id = coalesce($3::bigint, domain_id), "
        "zone_id = coalesce($4::bigint, zone_id), pool_id = coalesce($5::bigint, pool_id), "
        "architecture = coalesce($6, architecture), "
        "description = coalesce($7, description), "
        "min_hwe_kernel = coalesce($8, min_hwe_kernel), "
        "cpu_count = coalesce($9::int, cpu_count), memory = coalesce($10::bigint, memory), "
        "swap_size = coalesce($11::bigint, swap_size), updated = now() WHERE id = $1");
    enum error_code code =
        db_query(request->db, &machine_update,
                 DB_PARAMS(db_number(request->arena, id), form->hostname, form->domain_id,
                           form->zone_id, form->pool_id, form->architecture, form->description,
                           form->min_hwe_kernel, form->cpu_count, form->memory, form->swap_size),
                 NULL, err);
    if (code == ERR_CONFLICT && !strcmp(db_constraint(request->db), "node_hostname_once")) {
        api_field_error(reply, "hostname", "Node with this Hostname already exists.");
        return api_fields_valid(reply, err);
    }
    return code;
}

enum error_code machine_store_delete(struct db *db, int64_t id, struct arena *arena,
                                     struct error *err)
{
    DB_STATEMENT(machine_delete_row, "DELETE FROM node WHERE id = $1");
    return db_query(db, &machine_delete_row, DB_PARAMS(db_number(arena, id)), NULL, err);
}

enum error_code machine_store_unlink(struct db *db, const char *ids, struct error *err)
{
    DB_STATEMENT(machine_unlink,
                 "WITH links AS (DELETE FROM ip_address WHERE alloc_type IN (0, 1, 5) AND "
                 "interface_id IN (SELECT id FROM interface WHERE node_id = ANY ($1::bigint[]))) "
                 "DELETE FROM interface WHERE node_id = ANY ($1::bigint[]) AND type <> 'physical'");
    return db_query(db, &machine_unlink, DB_PARAMS(ids), NULL, err);
}

enum error_code machine_store_set_zone(struct db *db, const char *zone, const char *system_ids,
                                       struct error *err)
{
    DB_STATEMENT(machine_set_zone,
                 "WITH target AS (SELECT id FROM zone WHERE name = $1), moved AS (UPDATE node "
                 "SET zone_id = target.id, updated = now() FROM target WHERE system_id = ANY ($2)) "
                 "SELECT EXISTS (SELECT FROM target)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &machine_set_zone, DB_PARAMS(zone, system_ids), &rows, err);
    if (!code && !db_bool(&rows, 0, 0))
        return error_set(err, ERR_BAD_INPUT, "No such zone: '%.100s'.", zone);
    return code;
}
