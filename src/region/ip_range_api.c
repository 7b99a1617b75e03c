/* Ranges of addresses: dynamic ones for DHCP, reserved ones. Source: MAAS API 2.0, ipranges. */
#include <string.h>

#include "src/base/container.h"
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/subnet_store.h"

struct ip_range {
    int64_t id;
    struct field_opt_int account_id;
    const char *type, *start_ip, *end_ip, *comment, *subnet;
};

static const struct field fields[] = {
    FIELD(struct ip_range, id, FIELD_INT, 0, "its number"),
    FIELD(struct ip_range, account_id, FIELD_OPT_INT, 0, "who made it"),
    FIELD(struct ip_range, type, FIELD_TEXT, FIELD_WRITE, "dynamic or reserved"),
    FIELD(struct ip_range, start_ip, FIELD_TEXT, FIELD_WRITE, "first address"),
    FIELD(struct ip_range, end_ip, FIELD_TEXT, FIELD_WRITE, "last address"),
    FIELD(struct ip_range, comment, FIELD_TEXT, FIELD_WRITE, "for people"),
    FIELD(struct ip_range, subnet, FIELD_TEXT, FIELD_WRITE, "the subnet it is in"),
};

static enum error_code find(struct api_request *request, struct ip_range *range, struct error *err)
{
    DB_STATEMENT(ip_range_find, "SELECT id, account_id, type, start_ip, end_ip, comment, "
                                "subnet_id::text AS subnet FROM ip_range WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &ip_range_find,
                                    DB_PARAMS(field_form_id(api_path(request, "id"))), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No IPRange matches the given query.");
    db_map(&rows, 0, fields, COUNT_OF(fields), range, request->arena);
    return ERR_OK;
}

static enum error_code find_own(struct api_request *request, struct ip_range *range,
                                const char *verb, struct error *err)
{
    enum error_code code = find(request, range, err);
    bool own = !code && range->account_id.set && range->account_id.value == request->user->id;
    if (!code && !own && !request->user->is_superuser)
        return error_set(err, ERR_FORBIDDEN,
                         "Unable to %s IP range. You don't have sufficient privileges.", verb);
    return code;
}

/* True: both are addresses of the subnet, in order; *span is filled. */
static bool check_ends(struct api_reply *reply, const struct ip_range *range,
                       const struct subnet *subnet, struct ip_span *span)
{
    bool v6_first, v6_last;
    bool first = ip_number_parse(range->start_ip, &span->first, &v6_first);
    bool last = ip_number_parse(range->end_ip, &span->last, &v6_last);
    const struct ip_network *network = &subnet->network;
    ip_number low, high;
    if (!first)
        api_field_error(reply, "start_ip", "Enter a valid IPv4 or IPv6 address.");
    if (!last)
        api_field_error(reply, "end_ip", "Enter a valid IPv4 or IPv6 address.");
    if (!first || !last)
        return false;
    ip_network_usable(network, &low, &high);
    const char *wrong = NULL;
    if (v6_first != v6_last)
        wrong = "Start IP address and end IP address must be in the same address family.";
    else if (span->last < span->first)
        wrong = "End IP address must not be less than Start IP address.";
    else if (v6_first != network->is_v6 || span->first < network->first ||
             span->last > network->last)
        wrong = arena_printf(reply->arena, "IP addresses must be within subnet: %s.", subnet->cidr);
    else if (span->first < low && network->is_v6)
        wrong = "The first address in the subnet, the routers' own, cannot be in an IP range.";
    else if (span->first < low)
        wrong = "Reserved network address cannot be included in IP range.";
    else if (span->last > high)
        wrong = "Broadcast address cannot be included in IP range.";
    if (wrong)
        api_field_error(reply, "__all__", "%s", wrong);
    return !wrong;
}

/* A dynamic range must be free of everything, a reserved one of other ranges. */
static enum error_code check_conflicts(struct api_request *request, struct api_reply *reply,
                                       const struct ip_range *range, const struct subnet *subnet,
                                       struct error *err)
{
    DB_STATEMENT(
        ip_range_conflict,
        "SELECT EXISTS (SELECT FROM ip_range r WHERE r.id IS DISTINCT FROM $1::bigint AND "
        "inetrange(r.start_ip, r.end_ip, '[]') && inetrange($2, $3, '[]')), EXISTS (SELECT FROM "
        "(SELECT ip, alloc_type FROM ip_address WHERE subnet_id = $4 UNION ALL SELECT ip, 1 FROM "
        "reserved_ip WHERE subnet_id = $4 UNION ALL SELECT s.gateway_ip, 1 FROM subnet s WHERE "
        "s.id = $4 UNION ALL SELECT t.gateway_ip, 1 FROM static_route t WHERE t.source_id = $4 "
        "UNION ALL SELECT unnest(s.dns_servers), 1 FROM subnet s WHERE s.id = $4) u WHERE "
        "u.alloc_type <> 6 AND u.ip BETWEEN $2 AND $3)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    bool dynamic = !strcmp(range->type, "dynamic");
    enum error_code code =
        db_query(request->db, &ip_range_conflict,
                 DB_PARAMS(range->id ? db_number(request->arena, range->id) : NULL, range->start_ip,
                           range->end_ip, db_number(request->arena, subnet->id)),
                 &rows, err);
    if (!code && (db_bool(&rows, 0, 0) || (dynamic && db_bool(&rows, 0, 1))))
        api_field_error(reply, "__all__", "Requested %s range conflicts with an existing %s.",
                        range->type, dynamic ? "IP address or range" : "range");
    return code;
}

static enum error_code find_subnet(struct api_request *request, struct api_reply *reply,
                                   const struct ip_range *range, struct subnet *subnet,
                                   struct error *err)
{
    enum error_code code;
    if (*range->subnet)
        code = subnet_store_find(request->db, range->subnet, request->arena, subnet, err);
    else
        code = subnet_store_find_around(request->db, range->start_ip, request->arena, subnet, err);
    if (code == ERR_NOT_FOUND)
        api_field_error(reply, "subnet",
                        *range->subnet ? "Select a valid choice. That choice is not one of "
                                         "the available choices."
                                       : "No subnet holds start_ip.");
    else if (code == ERR_BAD_INPUT)
        api_field_error(reply, "start_ip", "%s", err->text);
    else if (code)
        return code;
    return api_fields_valid(reply, err);
}

static enum error_code read_form(struct api_request *request, struct api_reply *reply,
                                 struct ip_range *range, struct subnet *subnet, struct error *err)
{
    struct field_form form = {fields, COUNT_OF(fields)};
    struct ip_span span;
    const char *type = range->type, *of = range->subnet;
    field_form_read(request, reply, &form, range);
    if (range->id) { /* these stay */
        range->type = type;
        range->subnet = of;
    }
    if (field_form_need(reply, "type", range->type) && strcmp(range->type, "dynamic") &&
        strcmp(range->type, "reserved"))
        api_field_error(reply, "type",
                        "Select a valid choice. %.100s is not one of the available choices.",
                        range->type);
    field_form_need(reply, "start_ip", range->start_ip);
    field_form_need(reply, "end_ip", range->end_ip);
    if (strlen(range->comment) > 255)
        api_field_error(reply, "comment", "Ensure this value has at most 255 characters.");
    enum error_code code = api_fields_valid(reply, err);
    if (!code)
        code = find_subnet(request, reply, range, subnet, err);
    if (!code && check_ends(reply, range, subnet, &span))
        code = check_conflicts(request, reply, range, subnet, err);
    return code ? code : api_fields_valid(reply, err);
}

static enum error_code answer(struct api_request *request, struct api_reply *reply, const char *id,
                              struct error *err)
{
    DB_STATEMENT(ip_range_read, "SELECT to_json(r) FROM (" IP_RANGE_SQL ") r WHERE id = $1");
    struct rows_one one = {&ip_range_read, "IPRange"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

enum error_code ip_ranges_read(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    DB_STATEMENT(ip_range_list, "SELECT to_json(r) FROM (" IP_RANGE_SQL ") r ORDER BY id");
    return rows_reply_list(request, reply, &ip_range_list, DB_NO_PARAMS, err);
}

enum error_code ip_ranges_create(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    DB_STATEMENT(ip_range_create,
                 "INSERT INTO ip_range (subnet_id, type, start_ip, end_ip, comment, account_id) "
                 "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct arena *arena = request->arena;
    struct ip_range range = {.type = "", .start_ip = "", .end_ip = "", .comment = "", .subnet = ""};
    struct subnet subnet;
    const char *type = api_param(request, "type");
    if (type && !strcmp(type, "dynamic") && !request->user->is_superuser)
        return error_set(
            err, ERR_FORBIDDEN,
            "Unable to create dynamic IP range. You don't have sufficient privileges.");
    enum error_code code = read_form(request, reply, &range, &subnet, err);
    if (!code)
        code = db_query(request->db, &ip_range_create,
                        DB_PARAMS(db_number(arena, subnet.id), range.type, range.start_ip,
                                  range.end_ip, range.comment, db_number(arena, request->user->id)),
                        &rows, err);
    return code ? code : answer(request, reply, db_text(&rows, 0, 0), err);
}

enum error_code ip_range_read(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct ip_range range;
    enum error_code code = find(request, &range, err);
    return code ? code : answer(request, reply, db_number(request->arena, range.id), err);
}

enum error_code ip_range_update(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    DB_STATEMENT(ip_range_update, "UPDATE ip_range SET start_ip = $2, end_ip = $3, comment = $4, "
                                  "updated = now() WHERE id = $1");
    struct ip_range range;
    struct subnet subnet;
    enum error_code code = find_own(request, &range, "modify", err);
    if (!code)
        code = read_form(request, reply, &range, &subnet, err);
    if (code)
        return code;
    const char *id = db_number(request->arena, range.id);
    code = db_query(request->db, &ip_range_update,
                    DB_PARAMS(id, range.start_ip, range.end_ip, range.comment), NULL, err);
    return code ? code : answer(request, reply, id, err);
}

/* A VLAN whose racks give addresses keeps a range to give them from. */
static enum error_code check_not_last(struct api_request *request, const char *id,
                                      struct error *err)
{
    DB_STATEMENT(
        ip_range_last,
        "SELECT v.dhcp_on AND r.type = 'dynamic' AND NOT EXISTS (SELECT FROM ip_range o JOIN "
        "subnet p ON p.id = o.subnet_id WHERE p.vlan_id = v.id AND o.type = 'dynamic' AND o.id <> "
        "r.id) FROM ip_range r JOIN subnet s ON s.id = r.subnet_id JOIN vlan v ON v.id = "
        "s.vlan_id WHERE r.id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &ip_range_last, DB_PARAMS(id), &rows, err);
    if (!code && db_bool(&rows, 0, 0))
        return error_set(err, ERR_BAD_INPUT,
                         "This is the last dynamic range of a VLAN with DHCP: disable DHCP first.");
    return code;
}

enum error_code ip_range_delete(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    DB_STATEMENT(ip_range_delete, "DELETE FROM ip_range WHERE id = $1");
    struct ip_range range;
    enum error_code code = find_own(request, &range, "delete", err);
    const char *id = code ? NULL : db_number(request->arena, range.id);
    if (!code)
        code = check_not_last(request, id, err);
    if (!code)
        code = db_query(request->db, &ip_range_delete, DB_PARAMS(id), NULL, err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
