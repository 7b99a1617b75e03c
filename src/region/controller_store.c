/* Controllers in the database: see controller_store.h. */
#include "src/region/controller_store.h"

#include <ctype.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/base/limits.h"
#include "src/model/ip_span.h"
#include "src/wire/digest.h"

enum { ADDRESSES_MAX = 16, NAME_BYTES = 16 }; /* of one interface; IFNAMSIZ */

/* What it says, as columns: interfaces, and their addresses with the networks these are in. */
struct links {
    const char *names[LIMIT_INTERFACES], *macs[LIMIT_INTERFACES], *ups[LIMIT_INTERFACES];
    int count;
    const char *owners[LIMIT_INTERFACES * ADDRESSES_MAX]; /* interface of the address */
    const char *addresses[LIMIT_INTERFACES * ADDRESSES_MAX];
    int addresses_count;
    const char *net_owners[LIMIT_INTERFACES * ADDRESSES_MAX]; /* a lone address is in none */
    const char *nets[LIMIT_INTERFACES * ADDRESSES_MAX];
    int nets_count;
};

/* The same as SQL arrays. */
struct link_arrays {
    const char *names, *macs, *ups, *owners, *addresses, *net_owners, *nets;
};

/* 169.254/16, 127/8, fe80::/10 and ::1 are on every host: they tell nothing of a network. */
static bool is_local(ip_number number, bool is_v6)
{
    if (is_v6)
        return number >> 118 == 0xfe80 >> 6 || number <= 1;
    return number >> 16 == 0xa9fe || number >> 24 == 127;
}

static enum error_code take_address(struct links *links, const char *owner, const char *text,
                                    struct arena *arena, struct error *err)
{
    struct ip_network network;
    ip_number number;
    bool is_v6;
    size_t size = text ? strcspn(text, "/") : 0;
    const char *address = arena_strndup(arena, text ? text : "", size);
    if (!text || !ip_network_parse(text, &network) || !ip_number_parse(address, &number, &is_v6))
        return error_set(err, ERR_BAD_INPUT, "interface %s: an address is malformed", owner);
    if (is_local(number, is_v6))
        return ERR_OK;
    links->owners[links->addresses_count] = owner;
    links->addresses[links->addresses_count++] = address;
    if (network.first == network.last || network.prefix == 0)
        return ERR_OK;
    char *cidr = arena_alloc(arena, IP_NETWORK_TEXT);
    links->net_owners[links->nets_count] = owner;
    links->nets[links->nets_count++] = ip_network_format(&network, cidr);
    return ERR_OK;
}

static enum error_code take_interface(struct links *links, json_t *interface, struct arena *arena,
                                      struct error *err)
{
    const char *name = json_string_value(json_object_get(interface, "name"));
    const char *mac_text = json_string_value(json_object_get(interface, "mac"));
    json_t *addresses = json_object_get(interface, "addresses"), *address;
    struct mac mac;
    size_t i;
    enum error_code code = ERR_OK;
    if (!name || !*name || strlen(name) >= NAME_BYTES || !mac_text || !mac_parse(mac_text, &mac))
        return error_set(err, ERR_BAD_INPUT, "interfaces: name or mac is malformed");
    if (!json_is_array(addresses) || json_array_size(addresses) > ADDRESSES_MAX)
        return error_set(err, ERR_BAD_INPUT, "interface %s: expected up to %d addresses", name,
                         ADDRESSES_MAX);
    for (int n = 0; n < links->count; n++)
        if (!strcmp(links->names[n], name))
            return error_set(err, ERR_BAD_INPUT, "interface %s is named twice", name);
    links->names[links->count] = arena_strdup(arena, name);
    links->macs[links->count] = mac_format(mac, arena_alloc(arena, MAC_TEXT));
    links->ups[links->count++] = json_is_true(json_object_get(interface, "up")) ? "t" : "f";
    json_array_foreach (addresses, i, address)
        code = code ? code
                    : take_address(links, links->names[links->count - 1],
                                   json_string_value(address), arena, err);
    return code;
}

static enum error_code take_all(json_t *interfaces, struct arena *arena, struct link_arrays *arrays,
                                struct error *err)
{
    struct links *links = ARENA_NEW(arena, struct links);
    json_t *interface;
    size_t i;
    enum error_code code = ERR_OK;
    if (!json_is_array(interfaces) || json_array_size(interfaces) > LIMIT_INTERFACES)
        return error_set(err, ERR_BAD_INPUT, "interfaces: expected a list of up to %d",
                         LIMIT_INTERFACES);
    json_array_foreach (interfaces, i, interface)
        code = code ? code : take_interface(links, interface, arena, err);
    if (code)
        return code;
    *arrays = (struct link_arrays){
        .names = db_array(arena, links->names, links->count),
        .macs = db_array(arena, links->macs, links->count),
        .ups = db_array(arena, links->ups, links->count),
        .owners = db_array(arena, links->owners, links->addresses_count),
        .addresses = db_array(arena, links->addresses, links->addresses_count),
        .net_owners = db_array(arena, links->net_owners, links->nets_count),
        .nets = db_array(arena, links->nets, links->nets_count),
    };
    return ERR_OK;
}

/* ---- networks that nobody knew ---- */

/*
 * The VLAN for an interface whose networks are all new: the first VLAN of the first fabric while
 * nothing is on it, so that a site with one network has one fabric; else a new fabric's, because
 * nothing says that it is connected to what is known.
 */
static enum error_code choose_vlan(struct db *db, struct arena *arena, const char **vlan_id,
                                   struct error *err)
{
    DB_STATEMENT(controller_free_vlan,
                 "SELECT v.id FROM vlan v WHERE v.id = (SELECT min(id) FROM vlan WHERE fabric_id = "
                 "0) AND NOT EXISTS (SELECT FROM subnet WHERE vlan_id = v.id) AND NOT EXISTS "
                 "(SELECT FROM interface WHERE vlan_id = v.id)");
    DB_STATEMENT(controller_new_vlan,
                 "WITH made AS (INSERT INTO fabric DEFAULT VALUES RETURNING id) INSERT INTO vlan "
                 "(fabric_id, vid) SELECT id, 0 FROM made RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &controller_free_vlan, DB_NO_PARAMS, &rows, err);
    if (!code && !rows.count)
        code = db_query(db, &controller_new_vlan, DB_NO_PARAMS, &rows, err);
    if (!code)
        *vlan_id = arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

/* One interface after the other: what the first one brings may be known to the next. */
static enum error_code discover(struct db *db, const char *node_id, const struct link_arrays *links,
                                struct arena *arena, struct error *err)
{
    DB_STATEMENT(controller_unknown,
                 "WITH net AS (SELECT owner, cidr, ord FROM unnest($2::text[], $3::cidr[]) WITH "
                 "ORDINALITY n (owner, cidr, ord)) "
                 "SELECT coalesce((SELECT s.vlan_id FROM net m JOIN subnet s ON s.cidr = m.cidr "
                 "WHERE m.owner = n.owner ORDER BY s.id LIMIT 1), (SELECT vlan_id FROM interface "
                 "WHERE node_id = $1 AND name = n.owner)), array_agg(DISTINCT n.cidr) "
                 "FROM net n WHERE NOT EXISTS (SELECT FROM subnet s WHERE s.cidr = n.cidr) "
                 "GROUP BY n.owner ORDER BY min(n.ord) LIMIT 1");
    DB_STATEMENT(controller_new_subnets,
                 "INSERT INTO subnet (name, vlan_id, cidr) SELECT c::text, $1, c FROM "
                 "unnest($2::cidr[]) c");
    for (int i = 0; i < LIMIT_INTERFACES; i++) {
        __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
        enum error_code code =
            db_query(db, &controller_unknown, DB_PARAMS(node_id, links->net_owners, links->nets),
                     &rows, err);
        if (code || !rows.count)
            return code;
        const char *vlan_id = db_text(&rows, 0, 0);
        if (!vlan_id)
            code = choose_vlan(db, arena, &vlan_id, err);
        if (!code)
            code = db_query(db, &controller_new_subnets, DB_PARAMS(vlan_id, db_text(&rows, 0, 1)),
                            NULL, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

/* ---- rows of interfaces and addresses ---- */

/*
 * A MAC belongs to one physical interface. Bridges, bonds and a region beside a rack on one host
 * repeat it: they are of an unknown type. So that MACs can change places, those that change are
 * set aside first.
 */
static enum error_code keep_interfaces(struct db *db, const char *node_id,
                                       const struct link_arrays *links, struct error *err)
{
    DB_STATEMENT(controller_gone,
                 "DELETE FROM interface WHERE node_id = $1 AND name <> ALL ($2::text[])");
    DB_STATEMENT(controller_aside,
                 "UPDATE interface i SET type = 'unknown' FROM unnest($2::text[], $3::macaddr[]) g "
                 "(name, mac) WHERE i.node_id = $1 AND i.name = g.name AND i.type = 'physical' AND "
                 "i.mac IS DISTINCT FROM g.mac");
    DB_STATEMENT(
        controller_interfaces,
        "INSERT INTO interface (node_id, name, type, mac, vlan_id, link_connected) SELECT $1, "
        "g.name, CASE WHEN row_number() OVER (PARTITION BY g.mac ORDER BY g.ord) = 1 AND NOT "
        "EXISTS (SELECT FROM interface o WHERE o.mac = g.mac AND o.type = 'physical' AND "
        "(o.node_id, o.name) <> ($1, g.name)) THEN 'physical' ELSE 'unknown' END, g.mac, "
        "(SELECT s.vlan_id FROM unnest($5::text[], $6::cidr[]) n (owner, cidr) JOIN subnet s ON "
        "s.cidr = n.cidr WHERE n.owner = g.name ORDER BY s.id LIMIT 1), g.up "
        "FROM unnest($2::text[], $3::macaddr[], $4::boolean[]) WITH ORDINALITY g (name, mac, up, "
        "ord) ON CONFLICT (node_id, name) DO UPDATE SET type = EXCLUDED.type, mac = EXCLUDED.mac, "
        "vlan_id = coalesce(EXCLUDED.vlan_id, interface.vlan_id), link_connected = "
        "EXCLUDED.link_connected, updated = now() WHERE (interface.type, interface.mac, "
        "interface.vlan_id, interface.link_connected) IS DISTINCT FROM (EXCLUDED.type, "
        "EXCLUDED.mac, coalesce(EXCLUDED.vlan_id, interface.vlan_id), EXCLUDED.link_connected)");
    enum error_code code =
        db_query(db, &controller_gone, DB_PARAMS(node_id, links->names), NULL, err);
    if (!code)
        code = db_query(db, &controller_aside, DB_PARAMS(node_id, links->names, links->macs), NULL,
                        err);
    if (!code)
        code = db_query(db, &controller_interfaces,
                        DB_PARAMS(node_id, links->names, links->macs, links->ups, links->net_owners,
                                  links->nets),
                        NULL, err);
    return code;
}

/* A virtual IP moves from one controller to another; what a machine has is not taken from it. */
static enum error_code keep_addresses(struct db *db, const char *node_id,
                                      const struct link_arrays *links, struct error *err)
{
    DB_STATEMENT(controller_left,
                 "DELETE FROM ip_address a USING interface i WHERE a.interface_id = i.id AND "
                 "i.node_id = $1 AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::inet[]) g "
                 "(owner, ip) WHERE g.owner = i.name AND g.ip = a.ip)");
    DB_STATEMENT(
        controller_addresses,
        "INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT DISTINCT ON "
        "(g.ip) g.ip, 1, (SELECT s.id FROM subnet s WHERE s.cidr >>= g.ip ORDER BY "
        "masklen(s.cidr) DESC LIMIT 1), i.id FROM unnest($2::text[], $3::inet[]) WITH ORDINALITY "
        "g (owner, ip, ord) JOIN interface i ON i.node_id = $1 AND i.name = g.owner ORDER BY g.ip, "
        "g.ord ON CONFLICT (ip, alloc_type) DO UPDATE SET subnet_id = EXCLUDED.subnet_id, "
        "interface_id = EXCLUDED.interface_id, updated = now() WHERE (ip_address.subnet_id, "
        "ip_address.interface_id) IS DISTINCT FROM (EXCLUDED.subnet_id, EXCLUDED.interface_id) "
        "AND EXISTS (SELECT FROM interface o JOIN node n ON n.id = o.node_id WHERE o.id = "
        "ip_address.interface_id AND n.node_type IN (2, 3, 4))");
    enum error_code code = db_query(db, &controller_left,
                                    DB_PARAMS(node_id, links->owners, links->addresses), NULL, err);
    if (!code)
        code = db_query(db, &controller_addresses,
                        DB_PARAMS(node_id, links->owners, links->addresses), NULL, err);
    return code;
}

static enum error_code keep_links(struct db *db, const char *node_id,
                                  const struct link_arrays *links, struct arena *arena,
                                  struct error *err)
{
    enum error_code code = discover(db, node_id, links, arena, err);
    if (!code)
        code = keep_interfaces(db, node_id, links, err);
    if (!code)
        code = keep_addresses(db, node_id, links, err);
    return code;
}

/* ---- nodes ---- */

/* A name that a node can have: the first label, lower case, of letters, digits and dashes. */
static const char *host_name(const char *name, struct arena *arena)
{
    char *text = arena_strndup(arena, name, strcspn(name, "."));
    size_t size = strlen(text) < 63 ? strlen(text) : 63;
    for (size_t i = 0; i < size; i++)
        text[i] = isalnum((unsigned char)text[i]) ? (char)tolower((unsigned char)text[i]) : '-';
    while (size && text[size - 1] == '-')
        size--;
    text[size] = '\0';
    text += strspn(text, "-");
    return *text ? text : "controller";
}

enum error_code controller_store_register(struct db *db, const struct controller *controller,
                                          struct arena *arena, struct error *err)
{
    /* 6 is Deployed. Another node with that name keeps it: then the id makes ours different. */
    DB_STATEMENT(controller_node,
                 "INSERT INTO node (system_id, node_type, hostname, domain_id, zone_id, status, "
                 "version) SELECT $1, $2, CASE WHEN EXISTS (SELECT FROM node n WHERE n.hostname = "
                 "$3 AND n.domain_id = d.id AND n.system_id <> $1) THEN left($3, 62 - "
                 "length($1)) || '-' || $1 ELSE $3 END, d.id, 1, 6, $4 FROM domain d WHERE "
                 "d.is_default ON CONFLICT (system_id) DO UPDATE SET hostname = "
                 "EXCLUDED.hostname, version = EXCLUDED.version, updated = now() WHERE "
                 "node.node_type = EXCLUDED.node_type RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct link_arrays links;
    enum error_code code = take_all(controller->interfaces, arena, &links, err);
    if (!code)
        code = db_query(db, &controller_node,
                        DB_PARAMS(controller->system_id, db_number(arena, controller->node_type),
                                  host_name(controller->name, arena), controller->version),
                        &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_CONFLICT, "%s is the id of another kind of node",
                         controller->system_id);
    return keep_links(db, db_text(&rows, 0, 0), &links, arena, err);
}

enum error_code controller_store_interfaces(struct db *db, const char *system_id,
                                            json_t *interfaces, struct arena *arena,
                                            struct error *err)
{
    DB_STATEMENT(controller_find,
                 "SELECT id FROM node WHERE system_id = $1 AND node_type IN (2, 3, 4)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct link_arrays links;
    enum error_code code = take_all(interfaces, arena, &links, err);
    if (!code)
        code = db_query(db, &controller_find, DB_PARAMS(system_id), &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "%s is no controller", system_id);
    return code ? code : keep_links(db, db_text(&rows, 0, 0), &links, arena, err);
}

const char *controller_store_region_id(const char *name, struct arena *arena)
{
    static const char letters[] = "3468abcdefghkmnpqrstwxy7";
    char digest[DIGEST_TEXT], *id = arena_alloc(arena, 7);
    digest_sha256_text(name, strlen(name), digest);
    for (int i = 0; i < 6; i++) {
        unsigned high = (unsigned char)digest[2 * i], low = (unsigned char)digest[2 * i + 1];
        id[i] = letters[(high * 31 + low) % (sizeof(letters) - 1)];
    }
    return id;
}
