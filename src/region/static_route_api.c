/* Routes that machines of one subnet take to another. Source: MAAS API 2.0, static-routes. */
#include <string.h>

#include "src/base/container.h"
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/subnet_store.h"

struct static_route {
    int64_t id, metric;
    const char *source, *destination, *gateway_ip;
};

static const struct field fields[] = {
    FIELD(struct static_route, id, FIELD_INT, 0, "its number"),
    FIELD(struct static_route, metric, FIELD_INT, FIELD_WRITE, "the lower one is preferred"),
    FIELD(struct static_route, source, FIELD_TEXT, FIELD_WRITE, "the subnet of the machines"),
    FIELD(struct static_route, destination, FIELD_TEXT, FIELD_WRITE, "the subnet they reach"),
    FIELD(struct static_route, gateway_ip, FIELD_TEXT, FIELD_WRITE, "the router"),
};

static enum error_code answer(struct api_request *request, struct api_reply *reply, const char *id,
                              struct error *err)
{
    DB_STATEMENT(static_route_read,
                 "SELECT to_json(t) FROM (" STATIC_ROUTE_SQL ") t WHERE id = $1::bigint");
    struct rows_one one = {&static_route_read, "StaticRoute"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

struct end {
    const char *field, *key;
    struct subnet subnet;
};

/* Leaves the subnet's id 0 when there is none: that is noted under its field. */
static enum error_code find_subnet(struct api_request *request, struct api_reply *reply,
                                   struct end *end, struct error *err)
{
    if (!field_form_need(reply, end->field, end->key))
        return ERR_OK;
    enum error_code code =
        subnet_store_find(request->db, end->key, request->arena, &end->subnet, err);
    if (code != ERR_NOT_FOUND)
        return code;
    api_field_error(reply, end->field,
                    "Select a valid choice. That choice is not one of the available choices.");
    return ERR_OK;
}

static void check(struct api_reply *reply, const struct static_route *route,
                  const struct subnet *source, const struct subnet *destination)
{
    ip_number gateway;
    bool is_v6;
    if (route->metric < 0 || route->metric > INT32_MAX)
        api_field_error(reply, "metric", "Ensure this value is between 0 and %d.", INT32_MAX);
    if (!field_form_need(reply, "gateway_ip", route->gateway_ip) || !source->id)
        return;
    if (!ip_number_parse(route->gateway_ip, &gateway, &is_v6))
        api_field_error(reply, "gateway_ip", "Enter a valid IPv4 or IPv6 address.");
    else if (is_v6 != source->network.is_v6 || gateway < source->network.first ||
             gateway > source->network.last)
        api_field_error(reply, "gateway_ip", "Enter an IP address that is in the source subnet.");
    if (!destination->id)
        return;
    if (source->id == destination->id)
        api_field_error(reply, "destination", "source and destination cannot be the same subnet.");
    else if (source->network.is_v6 != destination->network.is_v6)
        api_field_error(reply, "destination",
                        "source and destination must be of the same address family.");
}

static enum error_code read_form(struct api_request *request, struct api_reply *reply,
                                 struct static_route *route, struct error *err)
{
    struct field_form form = {fields, COUNT_OF(fields)};
    field_form_read(request, reply, &form, route);
    struct end source = {"source", route->source, {0}};
    struct end destination = {"destination", route->destination, {0}};
    enum error_code code = find_subnet(request, reply, &source, err);
    if (!code)
        code = find_subnet(request, reply, &destination, err);
    if (code)
        return code;
    check(reply, route, &source.subnet, &destination.subnet);
    route->source = db_number(request->arena, source.subnet.id);
    route->destination = db_number(request->arena, destination.subnet.id);
    return api_fields_valid(reply, err);
}

static enum error_code taken(struct api_reply *reply, struct error *err)
{
    api_field_error(reply, "__all__",
                    "Static route with this Source, Destination and Gateway IP "
                    "already exists.");
    return api_fields_valid(reply, err);
}

enum error_code static_routes_read(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    DB_STATEMENT(static_route_list, "SELECT to_json(t) FROM (" STATIC_ROUTE_SQL ") t ORDER BY id");
    return rows_reply_list(request, reply, &static_route_list, DB_NO_PARAMS, err);
}

enum error_code static_routes_create(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    DB_STATEMENT(static_route_create,
                 "INSERT INTO static_route (source_id, destination_id, gateway_ip, metric) VALUES "
                 "($1, $2, $3, $4) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct static_route route = {.source = "", .destination = "", .gateway_ip = ""};
    enum error_code code = read_form(request, reply, &route, err);
    if (!code)
        code = db_query(request->db, &static_route_create,
                        DB_PARAMS(route.source, route.destination, route.gateway_ip,
                                  db_number(request->arena, route.metric)),
                        &rows, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, db_text(&rows, 0, 0), err);
}

enum error_code static_route_read(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    return answer(request, reply, field_form_id(api_path(request, "id")), err);
}

enum error_code static_route_update(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(static_route_find,
                 "SELECT id, metric, source_id::text AS source, destination_id::text AS "
                 "destination, gateway_ip FROM static_route WHERE id = $1::bigint");
    DB_STATEMENT(static_route_update, "UPDATE static_route SET source_id = $2, destination_id = "
                                      "$3, gateway_ip = $4, metric = $5, updated = now() "
                                      "WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *id = field_form_id(api_path(request, "id"));
    struct static_route route;
    enum error_code code = db_query(request->db, &static_route_find, DB_PARAMS(id), &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "No StaticRoute matches the given query.");
    if (code)
        return code;
    db_map(&rows, 0, fields, COUNT_OF(fields), &route, request->arena);
    code = read_form(request, reply, &route, err);
    if (!code)
        code = db_query(request->db, &static_route_update,
                        DB_PARAMS(id, route.source, route.destination, route.gateway_ip,
                                  db_number(request->arena, route.metric)),
                        NULL, err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, id, err);
}

enum error_code static_route_delete(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(static_route_delete, "DELETE FROM static_route WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &static_route_delete,
                                    DB_PARAMS(field_form_id(api_path(request, "id"))), &rows, err);
    if (code)
        return code;
    if (!rows.affected)
        return error_set(err, ERR_NOT_FOUND, "No StaticRoute matches the given query.");
    api_reply_empty(reply, 204);
    return ERR_OK;
}
