/* Subnets in the database: see subnet_store.h. */
#include "src/region/subnet_store.h"

#include <string.h>

#include "src/base/container.h"
#include "src/region/field_form.h"

const struct field subnet_fields[] = {
    FIELD(struct subnet, id, FIELD_INT, 0, "its number"),
    FIELD(struct subnet, vlan_id, FIELD_INT, 0, "the VLAN it is on"),
    FIELD(struct subnet, rdns_mode, FIELD_INT, FIELD_WRITE, "reverse names"),
    FIELD(struct subnet, name, FIELD_TEXT, FIELD_WRITE, "its name"),
    FIELD(struct subnet, description, FIELD_TEXT, FIELD_WRITE, "for people"),
    FIELD(struct subnet, cidr, FIELD_TEXT, FIELD_WRITE, "its network"),
    FIELD(struct subnet, gateway_ip, FIELD_TEXT, FIELD_WRITE, "the router"),
    FIELD(struct subnet, dns_servers, FIELD_TEXT, 0, "name servers"),
    FIELD(struct subnet, disabled_boot_architectures, FIELD_TEXT, 0, "ways of booting not offered"),
    FIELD(struct subnet, allow_dns, FIELD_BOOL, FIELD_WRITE, "may ask our name servers"),
    FIELD(struct subnet, allow_proxy, FIELD_BOOL, FIELD_WRITE, "may use our proxy"),
    FIELD(struct subnet, active_discovery, FIELD_BOOL, FIELD_WRITE, "look for what else is there"),
    FIELD(struct subnet, managed, FIELD_BOOL, FIELD_WRITE, "addresses are given by us"),
};
const int subnet_fields_count = COUNT_OF(subnet_fields);

#define SUBNET_COLUMNS                                                                     \
    "SELECT s.id, s.vlan_id, s.rdns_mode, s.name, s.description, s.cidr, "                 \
    "coalesce(host(s.gateway_ip), '') AS gateway_ip, s.dns_servers::text AS dns_servers, " \
    "s.disabled_boot_architectures::text AS disabled_boot_architectures, s.allow_dns, "    \
    "s.allow_proxy, s.active_discovery, s.managed FROM subnet s "

static enum error_code take(const struct db_rows *rows, struct arena *arena, struct subnet *subnet,
                            struct error *err)
{
    if (!rows->count)
        return error_set(err, ERR_NOT_FOUND, "No Subnet matches the given query.");
    *subnet = (struct subnet){0};
    db_map(rows, 0, subnet_fields, subnet_fields_count, subnet, arena);
    bool valid = ip_network_parse(subnet->cidr, &subnet->network);
    ASSERT(valid); /* PostgreSQL wrote it */
    return ERR_OK;
}

static const char *after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) ? NULL : text + size;
}

enum error_code subnet_store_find(struct db *db, const char *key, struct arena *arena,
                                  struct subnet *subnet, struct error *err)
{
    DB_STATEMENT(subnet_find, SUBNET_COLUMNS
                 "WHERE s.id = $1::bigint OR s.cidr = $2::cidr OR s.name = $3 ORDER BY (s.id = "
                 "$1::bigint) DESC NULLS LAST, (s.cidr = $2::cidr) DESC NULLS LAST, s.id LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *by_id = after(key, "id:"), *by_name = after(key, "name:");
    const char *by_cidr = after(key, "cidr:");
    bool any = !by_id && !by_name && !by_cidr;
    struct ip_network network;
    char *cidr = NULL;
    if ((by_cidr || any) && ip_network_parse(any ? key : by_cidr, &network)) {
        cidr = arena_alloc(arena, IP_NETWORK_TEXT);
        ip_network_format(&network, cidr);
    }
    const char *id = by_id || any ? field_form_id(any ? key : by_id) : NULL;
    enum error_code code =
        db_query(db, &subnet_find, DB_PARAMS(id, cidr, any ? key : by_name), &rows, err);
    return code ? code : take(&rows, arena, subnet, err);
}

enum error_code subnet_store_find_around(struct db *db, const char *address, struct arena *arena,
                                         struct subnet *subnet, struct error *err)
{
    DB_STATEMENT(subnet_find_around,
                 SUBNET_COLUMNS "WHERE s.cidr >>= $1::inet ORDER BY masklen(s.cidr) DESC LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    ip_number number;
    bool is_v6;
    if (!ip_number_parse(address, &number, &is_v6))
        return error_set(err, ERR_BAD_INPUT, "Enter a valid IPv4 or IPv6 address.");
    enum error_code code = db_query(db, &subnet_find_around, DB_PARAMS(address), &rows, err);
    return code ? code : take(&rows, arena, subnet, err);
}

/* Every use of an address that lies in the subnet: first, last, purpose. */
#define USES_SQL                                                                                 \
    "SELECT host(u.first), host(u.last), u.purpose FROM ("                                       \
    "SELECT start_ip AS first, end_ip AS last, type AS purpose FROM ip_range WHERE subnet_id = " \
    "$1 "                                                                                        \
    "UNION ALL SELECT ip, ip, 'reserved' FROM reserved_ip WHERE subnet_id = $1 "                 \
    "UNION ALL SELECT ip, ip, 'assigned-ip' FROM ip_address "                                    \
    "WHERE subnet_id = $1 AND ip IS NOT NULL AND alloc_type <> 6 "                               \
    "UNION ALL SELECT gateway_ip, gateway_ip, 'gateway-ip' FROM subnet "                         \
    "WHERE id = $1 AND gateway_ip << cidr "                                                      \
    "UNION ALL SELECT t.gateway_ip, t.gateway_ip, 'gateway-ip' FROM static_route t "             \
    "WHERE t.source_id = $1 "                                                                    \
    "UNION ALL SELECT d, d, 'dns-server' FROM subnet s, unnest(s.dns_servers) d "                \
    "WHERE s.id = $1 AND d << s.cidr) u"

/* In an unmanaged subnet only what is reserved is ours to give. */
static struct ip_span *without_unmanaged(const struct subnet *subnet, const struct db_rows *rows,
                                         struct arena *arena, int *count)
{
    struct ip_span *ours = ARENA_ARRAY(arena, struct ip_span, (size_t)rows->count + 1);
    struct ip_span whole = {subnet->network.first, subnet->network.last, 1U << IP_UNMANAGED};
    bool is_v6;
    *count = 0;
    for (int i = 0; i < rows->count; i++) {
        struct ip_span *span = &ours[*count];
        if (strcmp(db_text(rows, i, 2), "reserved"))
            continue;
        ip_number_parse(db_text(rows, i, 0), &span->first, &is_v6);
        ip_number_parse(db_text(rows, i, 1), &span->last, &is_v6);
        span->purposes = 1U << IP_RESERVED;
        (*count)++;
    }
    ours = ip_span_unite(ours, *count, arena, count);
    ip_network_usable(&subnet->network, &whole.first, &whole.last);
    return ip_span_gaps(ours, *count, &whole, arena, count);
}

enum error_code subnet_store_spans(struct db *db, const struct subnet *subnet, struct arena *arena,
                                   struct ip_span **spans, int *count, struct error *err)
{
    DB_STATEMENT(subnet_uses, USES_SQL);
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &subnet_uses, DB_PARAMS(db_number(arena, subnet->id)), &rows, err);
    if (code)
        return code;
    int others = 0, used = 0;
    struct ip_span *unmanaged = NULL;
    bool is_v6;
    if (!subnet->managed)
        unmanaged = without_unmanaged(subnet, &rows, arena, &others);
    struct ip_span *all = ARENA_ARRAY(arena, struct ip_span, (size_t)(rows.count + others) + 1);
    for (int i = 0; i < rows.count; i++) {
        int purpose = ip_span_purpose(db_text(&rows, i, 2));
        ASSERT(purpose >= 0);
        if (!subnet->managed && purpose == IP_RESERVED)
            continue;
        ip_number_parse(db_text(&rows, i, 0), &all[used].first, &is_v6);
        ip_number_parse(db_text(&rows, i, 1), &all[used].last, &is_v6);
        all[used++].purposes = 1U << purpose;
    }
    if (others)
        memcpy(all + used, unmanaged, sizeof(*all) * (size_t)others);
    used += others;
    if (subnet->network.is_v6 && subnet->network.prefix < 127)
        all[used++] =
            (struct ip_span){subnet->network.first, subnet->network.first, 1U << IP_ROUTERS};
    *spans = ip_span_unite(all, used, arena, count);
    return ERR_OK;
}
