/* Addresses of automatic links: see address_claim.h. */
#include "src/region/address_claim.h"

#include <string.h>

#include "src/region/subnet_store.h"

/*
 * What DHCP says, or said until a moment ago: $1 the subnet's id, $2 its network. The documents of
 * racks that have not confirmed another yet, what waits there, and leases that have not run out.
 */
#define DHCP_SQL                                                                                 \
    "WITH network AS (SELECT n FROM dhcp_document d, jsonb_array_elements(d.networks) n WHERE "  \
    "(n ->> 'subnet_id')::bigint = $1) SELECT host(u.first), host(u.last) FROM ("                \
    "SELECT (r ->> 'first')::inet AS first, (r ->> 'last')::inet AS last FROM network, "         \
    "jsonb_array_elements(n -> 'ranges') r "                                                     \
    "UNION ALL SELECT (h ->> 'address')::inet, (h ->> 'address')::inet FROM network, "           \
    "jsonb_array_elements((n -> 'hosts') || (n -> 'held')) h "                                   \
    "UNION ALL SELECT (w ->> 'address')::inet, (w ->> 'address')::inet FROM dhcp_document d, "   \
    "jsonb_array_elements(d.held) w "                                                            \
    "UNION ALL SELECT ip, ip FROM dhcp_draining WHERE until > now() "                            \
    "UNION ALL SELECT ip, ip FROM dhcp_lease WHERE subnet_id = $1 AND expires > now() "          \
    "UNION ALL SELECT ip, ip FROM ip_address WHERE subnet_id = $1 AND alloc_type = 6 AND ip IS " \
    "NOT NULL) u WHERE u.first <<= $2::cidr AND u.last <<= $2::cidr"

/* A subnet with all that is not to be given. */
struct pool {
    int64_t subnet_id;
    struct subnet subnet;
    struct ip_span *taken;
    int count;
};

static enum error_code add_dhcp(struct db *db, struct pool *pool, struct arena *arena,
                                struct error *err)
{
    DB_STATEMENT(address_claim_dhcp, DHCP_SQL);
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    bool is_v6;
    enum error_code code =
        db_query(db, &address_claim_dhcp,
                 DB_PARAMS(db_number(arena, pool->subnet_id), pool->subnet.cidr), &rows, err);
    if (code)
        return code;
    struct ip_span *all =
        ARENA_ARRAY(arena, struct ip_span, (size_t)pool->count + (size_t)rows.count + 1);
    memcpy(all, pool->taken, sizeof(*all) * (size_t)pool->count);
    for (int i = 0; i < rows.count; i++) {
        struct ip_span *span = &all[pool->count + i];
        ip_number_parse(db_text(&rows, i, 0), &span->first, &is_v6);
        ip_number_parse(db_text(&rows, i, 1), &span->last, &is_v6);
        span->purposes = 1U << IP_ASSIGNED;
    }
    pool->taken = ip_span_unite(all, pool->count + rows.count, arena, &pool->count);
    return ERR_OK;
}

static enum error_code look(struct db *db, int64_t subnet_id, struct pool *pool,
                            struct arena *arena, struct error *err)
{
    const char *key = arena_printf(arena, "id:%lld", (long long)subnet_id);
    pool->subnet_id = subnet_id;
    enum error_code code = subnet_store_find(db, key, arena, &pool->subnet, err);
    if (!code)
        code = subnet_store_spans(db, &pool->subnet, arena, &pool->taken, &pool->count, err);
    return code ? code : add_dhcp(db, pool, arena, err);
}

/* The lowest one; it is taken from here on. */
static enum error_code take(struct pool *pool, struct arena *arena, const char **address,
                            struct error *err)
{
    struct ip_span whole = {0};
    int gaps = 0;
    ip_network_usable(&pool->subnet.network, &whole.first, &whole.last);
    struct ip_span *free = ip_span_gaps(pool->taken, pool->count, &whole, arena, &gaps);
    if (!gaps)
        return error_set(err, ERR_LIMIT, "No more IPs available in subnet: %s.", pool->subnet.cidr);
    struct ip_span *all = ARENA_ARRAY(arena, struct ip_span, (size_t)pool->count + 1);
    memcpy(all, pool->taken, sizeof(*all) * (size_t)pool->count);
    all[pool->count] = (struct ip_span){free->first, free->first, 1U << IP_ASSIGNED};
    pool->taken = ip_span_unite(all, pool->count + 1, arena, &pool->count);
    *address = ip_number_format(free->first, pool->subnet.network.is_v6,
                                arena_alloc(arena, IP_NUMBER_TEXT));
    return ERR_OK;
}

enum error_code address_claim(struct db *db, int64_t node_id, struct arena *arena,
                              struct error *err)
{
    /* subnets are locked in the order of their ids: others wait, and see what was taken */
    DB_STATEMENT(address_claim_links,
                 "SELECT a.id, s.id FROM ip_address a JOIN interface i ON i.id = a.interface_id "
                 "JOIN subnet s ON s.id = a.subnet_id WHERE i.node_id = $1 AND i.enabled AND "
                 "a.alloc_type = 0 AND a.ip IS NULL ORDER BY s.id, a.id FOR UPDATE OF s");
    DB_STATEMENT(address_claim_give,
                 "UPDATE ip_address a SET ip = g.ip, updated = now() FROM unnest($1::bigint[], "
                 "$2::inet[]) g (id, ip) WHERE a.id = g.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows links = {0};
    struct pool pool = {.subnet_id = -1, .taken = ARENA_NEW(arena, struct ip_span)};
    enum error_code code =
        db_query(db, &address_claim_links, DB_PARAMS(db_number(arena, node_id)), &links, err);
    if (code || !links.count)
        return code;
    const char **ids = ARENA_ARRAY(arena, const char *, (size_t)links.count);
    const char **given = ARENA_ARRAY(arena, const char *, (size_t)links.count);
    for (int i = 0; i < links.count && !code; i++) {
        ids[i] = db_text(&links, i, 0);
        if (db_int(&links, i, 1) != pool.subnet_id)
            code = look(db, db_int(&links, i, 1), &pool, arena, err);
        if (!code)
            code = take(&pool, arena, &given[i], err);
    }
    return code ? code
                : db_query(db, &address_claim_give,
                           DB_PARAMS(db_array(arena, ids, links.count),
                                     db_array(arena, given, links.count)),
                           NULL, err);
}
