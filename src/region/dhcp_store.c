/* What racks give by DHCP: see dhcp_store.h. */
#include "src/region/dhcp_store.h"

#include <string.h>

#include "src/base/address.h"
#include "src/region/setting.h"

enum { LONGEST_S = 366 * 24 * 3600, HOSTNAME_BYTES = 255, STORE_TEXT = 32 };
static const json_int_t clock_end_s = 253402300800; /* the year 10000 */

/*
 * $1 the rack, $2 name servers for subnets without their own, $3 time servers, $4 lease time.
 * A VLAN that is relayed to one of this rack's is served as well. Each order is fixed, so that the
 * same content has the same digest.
 */
#define HOSTS_SQL                                                                               \
    "(SELECT coalesce(json_agg(json_build_object('mac', h.mac, 'address', host(h.ip), "         \
    "'hostname', h.hostname) ORDER BY h.mac), '[]') FROM (SELECT DISTINCT ON (mac) mac, ip, "   \
    "hostname FROM (SELECT r.mac_address AS mac, r.ip, coalesce(n.hostname, '') AS hostname, "  \
    "0 AS rank FROM reserved_ip r LEFT JOIN interface i ON i.mac = r.mac_address AND i.type = " \
    "'physical' LEFT JOIN node n ON n.id = i.node_id WHERE r.subnet_id = s.id UNION ALL "       \
    "SELECT i.mac, a.ip, n.hostname, 1 FROM ip_address a JOIN interface i ON i.id = "           \
    "a.interface_id JOIN node n ON n.id = i.node_id WHERE a.subnet_id = s.id AND a.ip IS NOT "  \
    "NULL AND i.mac IS NOT NULL AND a.alloc_type IN (0, 1, 4) AND n.node_type IN (0, 1)) u "    \
    "ORDER BY mac, rank, ip) h)"

/* The VLANs that the rack $1 serves, and the other rack of each. */
#define SERVED_SQL                                                                                 \
    "WITH rack AS (SELECT id FROM node WHERE system_id = $1), served AS (SELECT v.id AS vlan_id, " \
    "v.mtu, d.primary_rack_id = rack.id AS is_primary, other.system_id AS partner FROM rack JOIN " \
    "vlan d ON d.dhcp_on AND rack.id IN (d.primary_rack_id, d.secondary_rack_id) JOIN vlan v ON "  \
    "v.id = d.id OR v.relay_vlan_id = d.id LEFT JOIN node other ON other.id <> rack.id AND "       \
    "other.id IN (d.primary_rack_id, d.secondary_rack_id)) "

#define NETWORKS_SQL                                                                               \
    SERVED_SQL                                                                                     \
    "SELECT coalesce(json_agg(json_build_object('vlan_id', t.vlan_id, "                            \
    "'subnet_id', s.id, 'cidr', s.cidr, 'primary', t.is_primary, 'partner', t.partner, "           \
    "'mtu', t.mtu, 'gateway', "                                                                    \
    "host(s.gateway_ip), 'dns', CASE WHEN s.dns_servers = '{}' THEN $2::inet[] ELSE ARRAY "        \
    "(SELECT d FROM unnest(s.dns_servers) d WHERE family(d) = 4) END, 'ntp', $3::inet[], "         \
    "'domain', (SELECT name FROM domain WHERE is_default), 'lease_s', $4::integer, 'ranges', "     \
    "(SELECT coalesce(json_agg(json_build_object('first', host(r.start_ip), 'last', "              \
    "host(r.end_ip)) ORDER BY r.start_ip), '[]') FROM ip_range r WHERE r.subnet_id = s.id "        \
    "AND "                                                                                         \
    "r.type = 'dynamic'), 'hosts', " HOSTS_SQL ") ORDER BY s.id), '[]')::text FROM served t JOIN " \
    "subnet s ON s.vlan_id = t.vlan_id AND family(s.cidr) = 4"

/* Those of the setting's words that are IPv4 addresses: DHCP knows no names. */
static enum error_code addresses_of(struct db *db, const char *setting, struct arena *arena,
                                    const char **array, struct error *err)
{
    const char *text = NULL, *word, *list[16];
    int count = 0;
    ip4 ip;
    enum error_code code = setting_text(db, setting, arena, &text, err);
    if (code)
        return code;
    for (const char *at = text ? text : ""; (word = arena_word(arena, &at, ", \t"));)
        if (count < 16 && ip4_parse(word, &ip))
            list[count++] = word;
    *array = db_array(arena, list, count);
    return ERR_OK;
}

enum error_code dhcp_store_networks(struct db *db, const char *system_id, struct arena *arena,
                                    const char **text, struct error *err)
{
    DB_STATEMENT(dhcp_networks, NETWORKS_SQL);
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *dns, *ntp;
    enum error_code code = addresses_of(db, "upstream_dns", arena, &dns, err);
    if (!code)
        code = addresses_of(db, "ntp_servers", arena, &ntp, err);
    if (!code)
        code = db_query(db, &dhcp_networks,
                        DB_PARAMS(system_id, dns, ntp, db_number(arena, DHCP_STORE_LEASE_S)), &rows,
                        err);
    if (!code)
        *text = arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

/* ---- leases ---- */

struct leases {
    const char *macs[DHCP_STORE_LEASES], *addresses[DHCP_STORE_LEASES];
    const char *hostnames[DHCP_STORE_LEASES], *left[DHCP_STORE_LEASES];
    const char *durations[DHCP_STORE_LEASES];
    int count;
};

/* A name from a client is foreign: what is no name of a host is left out. */
static const char *clean_hostname(const char *text, struct arena *arena)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (!text || strlen(text) > HOSTNAME_BYTES || text[strspn(text, allowed)])
        return "";
    return arena_strdup(arena, text);
}

static void drop(struct leases *kept, const char *address, const char *mac)
{
    for (int i = 0; i < kept->count; i++) {
        if (strcmp(kept->addresses[i], address) || strcmp(kept->macs[i], mac))
            continue;
        int last = --kept->count;
        kept->macs[i] = kept->macs[last];
        kept->addresses[i] = kept->addresses[last];
        kept->hostnames[i] = kept->hostnames[last];
        kept->left[i] = kept->left[last];
        kept->durations[i] = kept->durations[last];
        return;
    }
}

/* now_s is what the rack's clock says: it may be another than the database's. */
static enum error_code take_lease(json_t *lease, json_int_t now_s, struct leases *both,
                                  struct arena *arena, struct error *err)
{
    struct leases *kept = &both[0], *gone = &both[1];
    const char *mac_text = json_string_value(json_object_get(lease, "mac"));
    const char *address = json_string_value(json_object_get(lease, "address"));
    json_t *expires = json_object_get(lease, "expires_s");
    const char *hostname = json_string_value(json_object_get(lease, "hostname"));
    struct leases *into = json_is_true(json_object_get(lease, "gone")) ? gone : kept;
    struct mac mac;
    char text[MAC_TEXT];
    ip4 ip;
    if (!mac_text || !mac_parse(mac_text, &mac) || !address || !ip4_parse(address, &ip))
        return error_set(err, ERR_BAD_INPUT, "leases: mac or address is malformed");
    json_int_t seconds = json_is_integer(expires) ? json_integer_value(expires) : -1;
    json_int_t duration_s = json_integer_value(json_object_get(lease, "duration_s"));
    if (seconds < 0 || seconds > clock_end_s)
        seconds = -1; /* no time */
    if (into == kept &&
        (seconds < 0 || seconds - now_s > LONGEST_S || duration_s < 0 || duration_s > LONGEST_S))
        return error_set(err, ERR_BAD_INPUT, "leases: expires_s or duration_s is malformed");
    /* Of what is said about one address the last holds; what is gone is forgotten first. */
    if (into == gone)
        drop(kept, address, mac_format(mac, text));
    int at = 0;
    while (at < into->count && strcmp(into->addresses[at], address))
        at++;
    into->count += at == into->count;
    into->macs[at] = mac_format(mac, arena_alloc(arena, MAC_TEXT));
    into->addresses[at] = arena_strdup(arena, address);
    into->hostnames[at] = clean_hostname(hostname, arena);
    into->left[at] = db_number(arena, seconds - now_s);
    into->durations[at] = db_number(arena, duration_s);
    return ERR_OK;
}

static enum error_code forget(struct db *db, const struct leases *gone, struct arena *arena,
                              struct error *err)
{
    DB_STATEMENT(dhcp_gone,
                 "WITH given AS (SELECT ip, mac FROM unnest($1::inet[], $2::macaddr[]) g (ip, "
                 "mac)), observed AS (DELETE FROM ip_address a USING given g, interface i WHERE "
                 "a.ip = g.ip AND a.alloc_type = 6 AND i.id = a.interface_id AND i.mac = g.mac) "
                 "DELETE FROM dhcp_lease l USING given g WHERE l.ip = g.ip AND l.mac_address = "
                 "g.mac");
    if (!gone->count)
        return ERR_OK;
    return db_query(db, &dhcp_gone,
                    DB_PARAMS(db_array(arena, gone->addresses, gone->count),
                              db_array(arena, gone->macs, gone->count)),
                    NULL, err);
}

static enum error_code keep(struct db *db, const char *rack, const struct leases *kept,
                            struct arena *arena, struct error *err)
{
    DB_STATEMENT(
        dhcp_kept,
        "WITH given AS (SELECT g.ip, g.mac, nullif(g.hostname, '') AS hostname, now() + g.left_s * "
        "interval '1 second' AS expires, g.duration_s, s.id AS subnet_id FROM unnest($1::inet[], "
        "$2::macaddr[], $3::text[], $4::bigint[], $5::integer[]) g (ip, mac, hostname, left_s, "
        "duration_s) CROSS JOIN "
        "LATERAL (SELECT id FROM subnet WHERE cidr >>= g.ip ORDER BY masklen(cidr) DESC LIMIT 1) "
        "s), observed AS (INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id, "
        "hostname, expires) SELECT DISTINCT ON (g.ip) g.ip, 6, g.subnet_id, i.id, g.hostname, "
        "g.expires FROM given g JOIN interface i ON i.mac = g.mac ORDER BY g.ip, i.type = "
        "'physical' DESC, i.id ON CONFLICT (ip, alloc_type) DO UPDATE SET subnet_id = "
        "EXCLUDED.subnet_id, interface_id = EXCLUDED.interface_id, hostname = EXCLUDED.hostname, "
        "expires = EXCLUDED.expires, updated = now()) "
        "INSERT INTO dhcp_lease (ip, subnet_id, mac_address, hostname, expires, rack, duration_s, "
        "change) SELECT ip, subnet_id, mac, hostname, expires, $6, duration_s, "
        "pg_current_xact_id()::text::bigint FROM given ON CONFLICT (ip) DO UPDATE SET subnet_id = "
        "EXCLUDED.subnet_id, mac_address = EXCLUDED.mac_address, hostname = EXCLUDED.hostname, "
        "expires = EXCLUDED.expires, rack = EXCLUDED.rack, duration_s = EXCLUDED.duration_s, "
        "change = EXCLUDED.change, updated = now()");
    if (!kept->count)
        return ERR_OK;
    return db_query(db, &dhcp_kept,
                    DB_PARAMS(db_array(arena, kept->addresses, kept->count),
                              db_array(arena, kept->macs, kept->count),
                              db_array(arena, kept->hostnames, kept->count),
                              db_array(arena, kept->left, kept->count),
                              db_array(arena, kept->durations, kept->count), rack),
                    NULL, err);
}

/* How far the store has come: leases that are told here and missing there later were lost. */
static enum error_code note_store(struct db *db, const char *rack, json_t *params,
                                  struct arena *arena, struct error *err)
{
    DB_STATEMENT(dhcp_note_store,
                 "INSERT INTO dhcp_lease_store (rack, store, sequence) VALUES ($1, $2, $3) ON "
                 "CONFLICT (rack, store) DO UPDATE SET sequence = "
                 "greatest(dhcp_lease_store.sequence, EXCLUDED.sequence), updated = now()");
    const char *store = json_string_value(json_object_get(params, "store"));
    json_t *sequence = json_object_get(params, "sequence");
    if (!store || strlen(store) != STORE_TEXT || strspn(store, "0123456789abcdef") != STORE_TEXT ||
        !json_is_integer(sequence) || json_integer_value(sequence) < 0)
        return error_set(err, ERR_BAD_INPUT, "leases: store or sequence is malformed");
    return db_query(db, &dhcp_note_store,
                    DB_PARAMS(rack, store, db_number(arena, json_integer_value(sequence))), NULL,
                    err);
}

enum error_code dhcp_store_leases(struct db *db, const char *rack, json_t *params,
                                  struct arena *arena, struct error *err)
{
    struct leases *both = ARENA_ARRAY(arena, struct leases, 2);
    json_t *leases = json_object_get(params, "leases"), *lease;
    json_t *now = json_object_get(params, "now_s");
    size_t i;
    enum error_code code = ERR_OK;
    if (!json_is_array(leases) || json_array_size(leases) > DHCP_STORE_LEASES)
        return error_set(err, ERR_BAD_INPUT, "leases: expected a list of up to %d",
                         DHCP_STORE_LEASES);
    if (!json_is_integer(now) || json_integer_value(now) < 0 ||
        json_integer_value(now) > clock_end_s)
        return error_set(err, ERR_BAD_INPUT, "now_s: expected a time, in seconds since 1970");
    json_array_foreach (leases, i, lease)
        code = code ? code : take_lease(lease, json_integer_value(now), both, arena, err);
    if (!code)
        code = forget(db, &both[1], arena, err);
    if (!code)
        code = keep(db, rack, &both[0], arena, err);
    return code ? code : note_store(db, rack, params, arena, err);
}

enum error_code dhcp_store_told(struct db *db, const char *rack, const char *store,
                                uint64_t *sequence, struct error *err)
{
    DB_STATEMENT(dhcp_told, "SELECT sequence FROM dhcp_lease_store WHERE rack = $1 AND store = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &dhcp_told, DB_PARAMS(rack, store), &rows, err);
    if (!code)
        *sequence = rows.count ? (uint64_t)db_int(&rows, 0, 0) : 0;
    return code;
}

/* ---- what other racks gave ---- */

enum error_code dhcp_store_partner(struct db *db, const char *rack, int64_t since,
                                   struct arena *arena, json_t **result, struct error *err)
{
    /* Rows of transactions that ended out of order are told again rather than never: the next
     * question begins at the oldest transaction that ran when this one was answered. */
    DB_STATEMENT(
        dhcp_partner, SERVED_SQL
        "SELECT l.mac_address, host(l.ip), l.duration_s, floor(extract(epoch FROM l.expires - "
        "now()))::bigint, l.change FROM dhcp_lease l WHERE l.change >= $2 AND l.rack <> $1 AND "
        "l.expires + l.duration_s * interval '0.25 second' > now() AND l.subnet_id IN (SELECT "
        "s.id FROM subnet s JOIN served t ON t.vlan_id = s.vlan_id) ORDER BY l.change LIMIT 512");
    DB_STATEMENT(dhcp_oldest, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text");
    enum { LIMIT = 512 };
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0}, oldest = {0};
    enum error_code code = db_query(db, &dhcp_oldest, DB_NO_PARAMS, &oldest, err);
    code = code ? code
                : db_query(db, &dhcp_partner, DB_PARAMS(rack, db_number(arena, since)), &rows, err);
    if (code)
        return code;
    json_t *list = json_array();
    for (int i = 0; i < rows.count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "mac", db_text(&rows, i, 0),
                                              "address", db_text(&rows, i, 1), "duration_s",
                                              (json_int_t)db_int(&rows, i, 2), "left_s",
                                              (json_int_t)db_int(&rows, i, 3)));
    bool more = rows.count == LIMIT;
    int64_t next = more ? db_int(&rows, rows.count - 1, 4) : db_int(&oldest, 0, 0);
    *result = json_pack("{s:o, s:I, s:b}", "leases", list, "next", (json_int_t)next, "more", more);
    return ERR_OK;
}

/* ---- ranges ---- */

enum error_code dhcp_store_ranges(struct db *db, const char *rack, json_t *subnets,
                                  struct arena *arena, struct db_rows *rows, struct error *err)
{
    DB_STATEMENT(
        dhcp_ranges, SERVED_SQL
        "SELECT s.id, t.is_primary, t.partner, host(r.start_ip), host(r.end_ip) FROM "
        "served t JOIN subnet s ON s.vlan_id = t.vlan_id AND family(s.cidr) = 4 AND s.id = "
        "ANY ($2::bigint[]) JOIN ip_range r ON r.subnet_id = s.id AND r.type = 'dynamic' "
        "ORDER BY s.id, r.start_ip");
    size_t count = json_array_size(subnets), i;
    const char **ids = ARENA_ARRAY(arena, const char *, count + 1);
    json_t *subnet;
    json_array_foreach (subnets, i, subnet)
        ids[i] = db_number(arena, json_integer_value(subnet));
    return db_query(db, &dhcp_ranges, DB_PARAMS(rack, db_array(arena, ids, (int)count)), rows, err);
}

enum error_code dhcp_store_sweep(struct db *db, struct error *err)
{
    DB_STATEMENT(dhcp_sweep,
                 "WITH observed AS (DELETE FROM ip_address WHERE alloc_type = 6 AND expires < "
                 "now() - interval '1 day'), drained AS (DELETE FROM dhcp_draining WHERE until < "
                 "now()), stores AS (DELETE FROM dhcp_lease_store WHERE updated < now() - interval "
                 "'30 days') DELETE FROM dhcp_lease WHERE expires < now() - interval '1 day'");
    return db_query(db, &dhcp_sweep, DB_NO_PARAMS, NULL, err);
}
