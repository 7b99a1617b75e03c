/* What of a subnet's addresses is taken and free. Source: MAAS API 2.0, subnets. */
#include <math.h>

#include "src/base/container.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/subnet_store.h"
#include "src/region/value_sql.h"

/* A subnet with its spans; whole is what machines may have. */
struct picture {
    struct subnet subnet;
    struct ip_span whole, *taken, *free;
    int taken_count, free_count;
};

static enum error_code look(struct api_request *request, struct picture *picture, struct error *err)
{
    struct subnet *subnet = &picture->subnet;
    enum error_code code =
        subnet_store_find(request->db, api_path(request, "id"), request->arena, subnet, err);
    if (!code)
        code = subnet_store_spans(request->db, subnet, request->arena, &picture->taken,
                                  &picture->taken_count, err);
    if (code)
        return code;
    picture->whole.purposes = 1U << IP_UNUSED;
    ip_network_usable(&subnet->network, &picture->whole.first, &picture->whole.last);
    picture->free = ip_span_gaps(picture->taken, picture->taken_count, &picture->whole,
                                 request->arena, &picture->free_count);
    return ERR_OK;
}

static void write_address(struct json_out *out, const struct picture *picture, const char *key,
                          ip_number number)
{
    char text[IP_NUMBER_TEXT];
    json_out_text(out, key, ip_number_format(number, picture->subnet.network.is_v6, text));
}

static void write_count(struct json_out *out, const char *key, ip_number count)
{
    char text[IP_COUNT_TEXT];
    json_out_raw(out, key, ip_number_count(count, text));
}

/* purposes 0: without them. */
static void write_span(struct json_out *out, const struct picture *picture, const char *key,
                       const struct ip_span *span)
{
    json_out_open_object(out, key);
    write_address(out, picture, "start", span->first);
    write_address(out, picture, "end", span->last);
    write_count(out, "num_addresses", ip_span_size(span));
    if (span->purposes)
        json_out_open_list(out, "purpose");
    for (int i = 0; i < IP_PURPOSE_COUNT; i++)
        if (span->purposes & 1U << i)
            json_out_text(out, NULL, ip_span_purposes[i]);
    if (span->purposes)
        json_out_close_list(out);
    json_out_close_object(out);
}

/* What is taken, with its purposes, or what is free. */
static enum error_code reply_spans(struct api_request *request, struct api_reply *reply, bool taken,
                                   struct error *err)
{
    struct picture picture;
    enum error_code code = look(request, &picture, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    for (int i = 0; i < (taken ? picture.taken_count : picture.free_count); i++) {
        struct ip_span span = taken ? picture.taken[i] : picture.free[i];
        if (!taken)
            span.purposes = 0;
        write_span(out, &picture, NULL, &span);
    }
    json_out_close_list(out);
    return ERR_OK;
}

enum error_code subnet_reserved_ip_ranges(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    return reply_spans(request, reply, true, err);
}

enum error_code subnet_unreserved_ip_ranges(struct api_request *request, struct api_reply *reply,
                                            struct error *err)
{
    return reply_spans(request, reply, false, err);
}

static const struct ip_span *largest(const struct picture *picture)
{
    const struct ip_span *best = NULL;
    for (int i = 0; i < picture->free_count; i++)
        if (!best || ip_span_size(&picture->free[i]) > ip_span_size(best))
            best = &picture->free[i];
    return best;
}

static bool is_free(const struct picture *picture, ip_number number)
{
    struct ip_span one = {number, number, 0};
    return ip_span_size_within(picture->free, picture->free_count, &one) == 1;
}

/* A gateway at either end; for DHCP the upper quarter, when there is that much in one piece. */
static void write_suggestions(struct json_out *out, const struct picture *picture)
{
    const struct ip_span *room = largest(picture);
    ip_number quarter = ip_span_size(&picture->whole) / 4;
    if (is_free(picture, picture->whole.first))
        write_address(out, picture, "suggested_gateway", picture->whole.first);
    else if (is_free(picture, picture->whole.last))
        write_address(out, picture, "suggested_gateway", picture->whole.last);
    else
        json_out_null(out, "suggested_gateway");
    if (!room || !quarter || ip_span_size(room) < quarter) {
        json_out_null(out, "suggested_dynamic_range");
        return;
    }
    struct ip_span proposed = {room->last - quarter + 1, room->last, 1U << IP_PROPOSED};
    write_span(out, picture, "suggested_dynamic_range", &proposed);
}

static void write_all(struct json_out *out, const struct picture *picture)
{
    int t = 0, f = 0;
    json_out_open_list(out, "ranges");
    while (t < picture->taken_count || f < picture->free_count) {
        bool taken = f == picture->free_count ||
                     (t < picture->taken_count && picture->taken[t].first < picture->free[f].first);
        write_span(out, picture, NULL, taken ? &picture->taken[t++] : &picture->free[f++]);
    }
    json_out_close_list(out);
}

static void write_statistics(struct json_out *out, const struct picture *picture,
                             struct arena *arena)
{
    ip_number total = ip_span_size(&picture->whole);
    ip_number free = ip_span_size_within(picture->free, picture->free_count, &picture->whole);
    const struct ip_span *room = largest(picture);
    double usage = (double)(total - free) / (double)total;
    write_count(out, "num_available", free);
    write_count(out, "largest_available", room ? ip_span_size(room) : 0);
    write_count(out, "num_unavailable", total - free);
    write_count(out, "total_addresses", total);
    json_out_real(out, "usage", usage);
    json_out_text(out, "usage_string", arena_printf(arena, "%.0f%%", rint(usage * 100)));
    json_out_text(out, "available_string", arena_printf(arena, "%.0f%%", rint(100 - usage * 100)));
    write_address(out, picture, "first_address", picture->whole.first);
    write_address(out, picture, "last_address", picture->whole.last);
    json_out_int(out, "ip_version", picture->subnet.network.is_v6 ? 6 : 4);
}

enum error_code subnet_statistics(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct picture picture;
    bool ranges = false, suggestions = false;
    enum error_code code = api_param_bool(request, "include_ranges", &ranges, err);
    if (!code)
        code = api_param_bool(request, "include_suggestions", &suggestions, err);
    if (!code)
        code = look(request, &picture, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    write_statistics(out, &picture, request->arena);
    if (ranges)
        write_all(out, &picture);
    if (suggestions)
        write_suggestions(out, &picture);
    json_out_close_object(out);
    return ERR_OK;
}

enum error_code subnet_ip_addresses(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(
        subnet_addresses,
        "SELECT json_strip_nulls(json_build_object('ip', host(p.ip), 'alloc_type', p.alloc_type, "
        "'created', " VALUE_TIME_SQL("p.created") ", 'updated', " VALUE_TIME_SQL(
            "p.updated") ", 'user', CASE WHEN $2::boolean THEN coalesce(a.username, o.username) "
                         "END, 'node_summary', CASE WHEN $3::boolean AND n.id IS NOT NULL THEN "
                         "json_build_object('system_id', n.system_id, 'node_type', n.node_type, "
                         "'fqdn', n.hostname || '.' || d.name, 'hostname', n.hostname, "
                         "'is_container', n.node_type = 1 AND n.parent_id IS NOT NULL, 'via', "
                         "i.name) END)) FROM ip_address p "
                         "LEFT JOIN account a ON a.id = p.account_id "
                         "LEFT JOIN interface i ON i.id = p.interface_id "
                         "LEFT JOIN node n ON n.id = i.node_id "
                         "LEFT JOIN account o ON o.id = n.owner_id "
                         "LEFT JOIN domain d ON d.id = n.domain_id "
                         "WHERE p.subnet_id = $1 AND p.ip IS NOT NULL ORDER BY p.ip");
    struct subnet subnet;
    bool with_user = true, with_summary = true;
    enum error_code code = api_param_bool(request, "with_username", &with_user, err);
    if (!code)
        code = api_param_bool(request, "with_node_summary", &with_summary, err);
    if (!code)
        code = api_param_bool(request, "with_summary", &with_summary, err);
    if (!code)
        code =
            subnet_store_find(request->db, api_path(request, "id"), request->arena, &subnet, err);
    return code ? code
                : rows_reply_list(request, reply, &subnet_addresses,
                                  DB_PARAMS(db_number(request->arena, subnet.id),
                                            with_user ? "true" : "false",
                                            with_summary ? "true" : "false"),
                                  err);
}
