/* What racks give by DHCP: see dhcp_store.h. */
#include "src/region/dhcp_store.h"

#include <string.h>

#include "src/base/address.h"
#include "src/base/limits.h"
#include "src/region/setting.h"
#include "src/wire/digest.h"

enum { LEASE_S = 600, HOSTNAME_BYTES = 255, FRAME_SPARE = 4096 };

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

#define NETWORKS_SQL                                                                               \
    "WITH rack AS (SELECT id FROM node WHERE system_id = $1), served AS (SELECT v.id AS vlan_id, " \
    "v.mtu, d.primary_rack_id = rack.id AS is_primary FROM rack JOIN vlan d ON d.dhcp_on AND "     \
    "rack.id IN (d.primary_rack_id, d.secondary_rack_id) JOIN vlan v ON v.id = d.id OR "           \
    "v.relay_vlan_id = d.id) SELECT coalesce(json_agg(json_build_object('vlan_id', t.vlan_id, "    \
    "'subnet_id', s.id, 'cidr', s.cidr, 'primary', t.is_primary, 'mtu', t.mtu, 'gateway', "        \
    "host(s.gateway_ip), 'dns', CASE WHEN s.dns_servers = '{}' THEN $2::inet[] ELSE ARRAY "        \
    "(SELECT d FROM unnest(s.dns_servers) d WHERE family(d) = 4) END, 'ntp', $3::inet[], "         \
    "'domain', (SELECT name FROM domain WHERE is_default), 'lease_s', $4::integer, 'ranges', "     \
    "(SELECT coalesce(json_agg(json_build_object('first', host(r.start_ip), 'last', "              \
    "host(r.end_ip)) ORDER BY r.start_ip), '[]') FROM ip_range r WHERE r.subnet_id = s.id AND "    \
    "r.type = 'dynamic'), 'hosts', " HOSTS_SQL ") ORDER BY s.id), '[]')::text FROM served t JOIN " \
    "subnet s ON s.vlan_id = t.vlan_id AND family(s.cidr) = 4"

/* Those of the setting's words that are IPv4 addresses: DHCP knows no names. */
static enum error_code addresses_of(struct db *db, const char *setting, struct arena *arena,
                                    const char **array, struct error *err)
{
    const char *text = NULL, *list[16];
    int count = 0;
    ip4 ip;
    enum error_code code = setting_text(db, setting, arena, &text, err);
    if (code)
        return code;
    for (const char *at = text ? text : ""; *(at += strspn(at, ", \t"));) {
        size_t size = strcspn(at, ", \t");
        const char *word = arena_strndup(arena, at, size);
        at += size;
        if (count < 16 && ip4_parse(word, &ip))
            list[count++] = word;
    }
    *array = db_array(arena, list, count);
    return ERR_OK;
}

enum error_code dhcp_store_document(struct db *db, const char *system_id, const char *version,
                                    struct arena *arena, json_t **document, struct error *err)
{
    DB_STATEMENT(dhcp_networks, NETWORKS_SQL);
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *dns, *ntp;
    enum error_code code = addresses_of(db, "upstream_dns", arena, &dns, err);
    if (!code)
        code = addresses_of(db, "ntp_servers", arena, &ntp, err);
    if (!code)
        code = db_query(db, &dhcp_networks,
                        DB_PARAMS(system_id, dns, ntp, db_number(arena, LEASE_S)), &rows, err);
    if (code)
        return code;
    const char *text = db_text(&rows, 0, 0);
    char digest[DIGEST_TEXT];
    digest_sha256_text(text, strlen(text), digest);
    if (strlen(text) > LIMIT_FRAME_BYTES - FRAME_SPARE)
        return error_set(err, ERR_TOO_LARGE, "the DHCP of rack %s is larger than %d bytes",
                         system_id, LIMIT_FRAME_BYTES - FRAME_SPARE);
    if (!strcmp(version, digest)) {
        *document = json_pack("{ss}", "version", digest);
        return ERR_OK;
    }
    json_t *networks = json_loads(text, 0, NULL);
    ASSERT(networks); /* PostgreSQL wrote it */
    *document = json_pack("{ssso}", "version", digest, "networks", networks);
    return ERR_OK;
}

/* ---- leases ---- */

struct leases {
    const char *macs[DHCP_STORE_LEASES], *addresses[DHCP_STORE_LEASES];
    const char *hostnames[DHCP_STORE_LEASES], *expires[DHCP_STORE_LEASES];
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
        kept->expires[i] = kept->expires[last];
        return;
    }
}

static enum error_code take_lease(json_t *lease, struct leases *kept, struct leases *gone,
                                  struct arena *arena, struct error *err)
{
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
    if (into == kept && (seconds < 0 || seconds > 253402300799)) /* end of the year 9999 */
        return error_set(err, ERR_BAD_INPUT, "leases: expires_s is malformed");
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
    into->expires[at] = db_number(arena, seconds);
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

static enum error_code keep(struct db *db, const struct leases *kept, struct arena *arena,
                            struct error *err)
{
    DB_STATEMENT(
        dhcp_kept,
        "WITH given AS (SELECT g.ip, g.mac, nullif(g.hostname, '') AS hostname, "
        "to_timestamp(g.expires) AS expires, s.id AS subnet_id FROM unnest($1::inet[], "
        "$2::macaddr[], $3::text[], $4::bigint[]) g (ip, mac, hostname, expires) CROSS JOIN "
        "LATERAL (SELECT id FROM subnet WHERE cidr >>= g.ip ORDER BY masklen(cidr) DESC LIMIT 1) "
        "s), observed AS (INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id, "
        "hostname, expires) SELECT DISTINCT ON (g.ip) g.ip, 6, g.subnet_id, i.id, g.hostname, "
        "g.expires FROM given g JOIN interface i ON i.mac = g.mac ORDER BY g.ip, i.type = "
        "'physical' DESC, i.id ON CONFLICT (ip, alloc_type) DO UPDATE SET subnet_id = "
        "EXCLUDED.subnet_id, interface_id = EXCLUDED.interface_id, hostname = EXCLUDED.hostname, "
        "expires = EXCLUDED.expires, updated = now()) "
        "INSERT INTO dhcp_lease (ip, subnet_id, mac_address, hostname, expires) SELECT ip, "
        "subnet_id, mac, hostname, expires FROM given ON CONFLICT (ip) DO UPDATE SET subnet_id = "
        "EXCLUDED.subnet_id, mac_address = EXCLUDED.mac_address, hostname = EXCLUDED.hostname, "
        "expires = EXCLUDED.expires, updated = now()");
    if (!kept->count)
        return ERR_OK;
    return db_query(db, &dhcp_kept,
                    DB_PARAMS(db_array(arena, kept->addresses, kept->count),
                              db_array(arena, kept->macs, kept->count),
                              db_array(arena, kept->hostnames, kept->count),
                              db_array(arena, kept->expires, kept->count)),
                    NULL, err);
}

enum error_code dhcp_store_leases(struct db *db, json_t *leases, struct arena *arena,
                                  struct error *err)
{
    struct leases *kept = ARENA_NEW(arena, struct leases), *gone = ARENA_NEW(arena, struct leases);
    json_t *lease;
    size_t i;
    enum error_code code = ERR_OK;
    if (!json_is_array(leases) || json_array_size(leases) > DHCP_STORE_LEASES)
        return error_set(err, ERR_BAD_INPUT, "leases: expected a list of up to %d",
                         DHCP_STORE_LEASES);
    json_array_foreach (leases, i, lease)
        code = code ? code : take_lease(lease, kept, gone, arena, err);
    if (!code)
        code = forget(db, gone, arena, err);
    if (!code)
        code = keep(db, kept, arena, err);
    return code;
}

enum error_code dhcp_store_sweep(struct db *db, struct error *err)
{
    DB_STATEMENT(dhcp_sweep,
                 "WITH observed AS (DELETE FROM ip_address WHERE alloc_type = 6 AND expires < "
                 "now() - interval '1 day') DELETE FROM dhcp_lease WHERE expires < now() - "
                 "interval '1 day'");
    return db_query(db, &dhcp_sweep, DB_NO_PARAMS, NULL, err);
}
