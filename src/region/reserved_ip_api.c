/* Addresses that DHCP keeps for one MAC. Source: MAAS API 2.0 (3.6), reservedips. */
#include <string.h>

#include "src/base/address.h"
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/subnet_store.h"

static enum error_code answer(struct api_request *request, struct api_reply *reply, const char *id,
                              struct error *err)
{
    DB_STATEMENT(reserved_ip_read,
                 "SELECT to_json(r) FROM (" RESERVED_IP_SQL ") r WHERE id = $1::bigint");
    struct rows_one one = {&reserved_ip_read, "ReservedIP"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

static const char *param(struct api_request *request, const char *name)
{
    const char *value = api_param(request, name);
    return value ? value : "";
}

static void check_comment(struct api_reply *reply, const char *comment)
{
    if (strlen(comment) > 255)
        api_field_error(reply, "comment", "Ensure this value has at most 255 characters.");
}

/* The subnet that is named or that holds the address; the address must be one of its own. */
static enum error_code find_subnet(struct api_request *request, struct api_reply *reply,
                                   const char *ip, struct subnet *subnet, struct error *err)
{
    const char *key = param(request, "subnet");
    ip_number number, first, last;
    bool is_v6;
    if (!ip_number_parse(ip, &number, &is_v6)) {
        api_field_error(reply, "ip", "Enter a valid IPv4 or IPv6 address.");
        return api_fields_valid(reply, err);
    }
    enum error_code code =
        *key ? subnet_store_find(request->db, key, request->arena, subnet, err)
             : subnet_store_find_around(request->db, ip, request->arena, subnet, err);
    if (code && code != ERR_NOT_FOUND)
        return code;
    if (!code)
        ip_network_usable(&subnet->network, &first, &last);
    if (code)
        api_field_error(reply, "subnet", "There is no such subnet, or none that holds ip.");
    else if (is_v6 != subnet->network.is_v6 || number < first || number > last)
        api_field_error(reply, "ip", "The provided IP is not part of the subnet.");
    return api_fields_valid(reply, err);
}

static enum error_code check_conflict(struct api_request *request, struct api_reply *reply,
                                      const char *ip, struct error *err)
{
    DB_STATEMENT(reserved_ip_conflict,
                 "SELECT EXISTS (SELECT FROM ip_range WHERE type = 'dynamic' AND inetrange("
                 "start_ip, end_ip, '[]') @> $1::inet), EXISTS (SELECT FROM subnet WHERE "
                 "gateway_ip = $1::inet)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &reserved_ip_conflict, DB_PARAMS(ip), &rows, err);
    if (!code && db_bool(&rows, 0, 0))
        api_field_error(reply, "ip", "The reserved IP %s must be outside the dynamic range.", ip);
    if (!code && db_bool(&rows, 0, 1))
        api_field_error(reply, "ip", "The reserved IP %s is a gateway.", ip);
    return code ? code : api_fields_valid(reply, err);
}

enum error_code reserved_ips_read(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    DB_STATEMENT(reserved_ip_list, "SELECT to_json(r) FROM (" RESERVED_IP_SQL ") r ORDER BY id");
    return rows_reply_list(request, reply, &reserved_ip_list, DB_NO_PARAMS, err);
}

enum error_code reserved_ips_create(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(reserved_ip_create, "INSERT INTO reserved_ip (subnet_id, ip, mac_address, "
                                     "comment) VALUES ($1, $2, $3, $4) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *ip = param(request, "ip"), *mac = param(request, "mac_address");
    const char *comment = param(request, "comment");
    struct subnet subnet = {0};
    struct mac parsed;
    field_form_need(reply, "ip", ip);
    if (field_form_need(reply, "mac_address", mac) && !mac_parse(mac, &parsed))
        api_field_error(reply, "mac_address", "'%.60s' is not a valid MAC address.", mac);
    check_comment(reply, comment);
    enum error_code code = api_fields_valid(reply, err);
    if (!code)
        code = find_subnet(request, reply, ip, &subnet, err);
    if (!code)
        code = check_conflict(request, reply, ip, err);
    if (!code)
        code =
            db_query(request->db, &reserved_ip_create,
                     DB_PARAMS(db_number(request->arena, subnet.id), ip, mac, comment), &rows, err);
    if (code == ERR_CONFLICT) {
        bool is_mac = !strcmp(db_constraint(request->db), "reserved_ip_mac_once");
        api_field_error(reply, is_mac ? "mac_address" : "ip",
                        "Reserved IP with this %s already exists.",
                        is_mac ? "MAC address and subnet" : "IP address");
        return api_fields_valid(reply, err);
    }
    return code ? code : answer(request, reply, db_text(&rows, 0, 0), err);
}

enum error_code reserved_ip_read(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    return answer(request, reply, field_form_id(api_path(request, "id")), err);
}

enum error_code reserved_ip_update(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    DB_STATEMENT(reserved_ip_update, "UPDATE reserved_ip SET comment = $2, updated = now() "
                                     "WHERE id = $1::bigint");
    const char *id = field_form_id(api_path(request, "id"));
    const char *comment = api_param(request, "comment");
    enum error_code code = ERR_OK;
    if (comment) {
        check_comment(reply, comment);
        code = api_fields_valid(reply, err);
        if (!code)
            code = db_query(request->db, &reserved_ip_update, DB_PARAMS(id, comment), NULL, err);
    }
    return code ? code : answer(request, reply, id, err);
}

enum error_code reserved_ip_delete(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    DB_STATEMENT(reserved_ip_delete, "DELETE FROM reserved_ip WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &reserved_ip_delete,
                                    DB_PARAMS(field_form_id(api_path(request, "id"))), &rows, err);
    if (code)
        return code;
    if (!rows.affected)
        return error_set(err, ERR_NOT_FOUND, "No ReservedIP matches the given query.");
    api_reply_empty(reply, 204);
    return ERR_OK;
}
