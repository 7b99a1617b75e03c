/* Which addresses of a DHCP document have to wait: see dhcp_hold.h. */
#include "src/region/dhcp_hold.h"

#include <stdlib.h>
#include <string.h>

enum claim_kind { CLAIM_NONE, CLAIM_RANGE, CLAIM_HOST };

/* What a document says of one address that stands in it by itself. */
struct claim {
    ip4 address;
    enum claim_kind kind; /* NONE: held, nobody gets it */
    struct mac mac;
    const char *rack;
    int network;
};

struct span {
    ip4 first, last;
    const char *rack;
    int network;
};

struct claims {
    struct claim *claim; /* ascending */
    struct span *span;
    int count, spans;
};

static bool address_of(const json_t *object, const char *key, ip4 *address)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && ip4_parse(text, address);
}

static bool mac_of(const json_t *object, struct mac *mac)
{
    const char *text = json_string_value(json_object_get(object, "mac"));
    return text && mac_parse(text, mac);
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static void take_list(const json_t *list, bool held, const char *rack, int network,
                      struct claims *claims)
{
    const json_t *item;
    size_t i;
    json_array_foreach (list, i, item) {
        struct claim claim = {.kind = CLAIM_HOST, .rack = rack, .network = network};
        if (!address_of(item, "address", &claim.address))
            continue;
        if (!mac_of(item, &claim.mac))
            claim.kind = held ? CLAIM_NONE : CLAIM_HOST;
        claims->claim[claims->count++] = claim;
    }
}

static void take_ranges(const json_t *list, const char *rack, int network, struct claims *claims)
{
    const json_t *item;
    size_t i;
    json_array_foreach (list, i, item) {
        struct span span = {.rack = rack, .network = network};
        if (address_of(item, "first", &span.first) && address_of(item, "last", &span.last))
            claims->span[claims->spans++] = span;
    }
}

/* item: a network, or {"rack", "network"}. */
static const json_t *network_in(const json_t *item)
{
    const json_t *network = json_object_get(item, "network");
    return network ? network : item;
}

static void take_claims(const json_t *networks, struct arena *arena, struct claims *claims)
{
    const json_t *item;
    size_t i, hosts = 0, ranges = 0;
    json_array_foreach (networks, i, item) {
        const json_t *network = network_in(item);
        hosts += json_array_size(json_object_get(network, "hosts")) +
                 json_array_size(json_object_get(network, "held"));
        ranges += json_array_size(json_object_get(network, "ranges"));
    }
    *claims = (struct claims){ARENA_ARRAY(arena, struct claim, hosts + 1),
                              ARENA_ARRAY(arena, struct span, ranges + 1), 0, 0};
    json_array_foreach (networks, i, item) {
        const json_t *network = network_in(item);
        const char *rack = json_string_value(json_object_get(item, "rack"));
        take_list(json_object_get(network, "hosts"), false, rack, (int)i, claims);
        take_list(json_object_get(network, "held"), true, rack, (int)i, claims);
        take_ranges(json_object_get(network, "ranges"), rack, (int)i, claims);
    }
    qsort(claims->claim, (size_t)claims->count, sizeof(claims->claim[0]), compare_claims);
}

/* The first claim at this address or behind it. */
static int claim_from(const struct claims *claims, ip4 address)
{
    int low = 0, high = claims->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (claims->claim[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct claim *claim_at(const struct claims *claims, ip4 address, int network)
{
    for (int i = claim_from(claims, address);
         i < claims->count && claims->claim[i].address == address; i++)
        if (network < 0 || claims->claim[i].network == network)
            return &claims->claim[i];
    return NULL;
}

static enum claim_kind kind_at(const struct claims *claims, ip4 address, struct mac *mac)
{
    const struct claim *claim = claim_at(claims, address, -1);
    if (claim) {
        *mac = claim->mac;
        return claim->kind;
    }
    for (int i = 0; i < claims->spans; i++)
        if (address >= claims->span[i].first && address <= claims->span[i].last)
            return CLAIM_RANGE;
    return CLAIM_NONE;
}

/* Who may give this machine's address to another client, NULL = nobody. */
static const char *rival_of(const struct claims *others, const struct claim *host)
{
    for (int i = claim_from(others, host->address);
         i < others->count && others->claim[i].address == host->address; i++)
        if (others->claim[i].kind == CLAIM_HOST && !mac_equal(others->claim[i].mac, host->mac))
            return others->claim[i].rack;
    for (int i = 0; i < others->spans; i++) {
        const struct span *span = &others->span[i];
        if (host->address >= span->first && host->address <= span->last &&
            !claim_at(others, host->address, span->network))
            return span->rack;
    }
    return NULL;
}

static void hold(const struct claim *claim, const char *rack, struct dhcp_held *held, int *count)
{
    held[(*count)++] = (struct dhcp_held){.address = claim->address,
                                          .has_mac = claim->kind == CLAIM_HOST,
                                          .mac = claim->mac,
                                          .rack = rack};
}

/* Addresses of our ranges that others give to one machine. */
static void find_in_ranges(const struct claims *ours, const struct claims *others,
                           struct dhcp_held *held, int *count)
{
    for (int i = 0; i < ours->spans; i++)
        for (int k = claim_from(others, ours->span[i].first);
             k < others->count && others->claim[k].address <= ours->span[i].last; k++) {
            const struct claim *other = &others->claim[k];
            bool again = k && others->claim[k - 1].address == other->address &&
                         others->claim[k - 1].kind == CLAIM_HOST;
            if (other->kind != CLAIM_HOST || again || claim_at(ours, other->address, -1))
                continue;
            struct claim claim = {.address = other->address, .kind = CLAIM_RANGE};
            hold(&claim, other->rack, held, count);
        }
}

static int compare_held(const void *a, const void *b)
{
    const struct dhcp_held *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

struct dhcp_held *dhcp_hold_find(const json_t *networks, const struct dhcp_others *others,
                                 struct arena *arena, int *count)
{
    struct claims ours, theirs;
    json_t *all = json_array(), *item;
    size_t i;
    json_array_extend(all, (json_t *)(uintptr_t)others->networks);
    json_array_foreach (others->draining, i, item) /* as if a document gave it to this client */
        json_array_append_new(all,
                              json_pack("{s:O, s:{s:[O]}}", "rack", json_object_get(item, "rack"),
                                        "network", "hosts", item));
    take_claims(networks, arena, &ours);
    take_claims(all, arena, &theirs);
    struct dhcp_held *held =
        ARENA_ARRAY(arena, struct dhcp_held, (size_t)ours.count + (size_t)theirs.count + 1);
    *count = 0;
    for (int k = 0; k < ours.count; k++) {
        const char *rack = rival_of(&theirs, &ours.claim[k]);
        if (rack)
            hold(&ours.claim[k], rack, held, count);
    }
    find_in_ranges(&ours, &theirs, held, count);
    qsort(held, (size_t)*count, sizeof(held[0]), compare_held);
    int kept = 0;
    for (int k = 0; k < *count; k++)
        if (!kept || held[kept - 1].address != held[k].address)
            held[kept++] = held[k];
    *count = kept;
    json_decref(all);
    return held;
}

static const struct dhcp_held *find_held(const struct dhcp_held *held, int count, ip4 address)
{
    struct dhcp_held key = {.address = address};
    return count ? bsearch(&key, held, (size_t)count, sizeof(key), compare_held) : NULL;
}

/* Is it one of this network: of its ranges or of its machines? */
static void list_held(json_t *network, const struct dhcp_held *held, int count)
{
    struct ip4_net net;
    char text[IP4_TEXT], mac[MAC_TEXT];
    const char *cidr = json_string_value(json_object_get(network, "cidr"));
    json_t *list = json_array();
    for (int i = 0; cidr && ip4_net_parse(cidr, &net) && i < count; i++) {
        if (!ip4_net_contains(net, held[i].address))
            continue;
        json_array_append_new(
            list, json_pack("{s:s, s:s?}", "address", ip4_format(held[i].address, text), "mac",
                            held[i].has_mac ? mac_format(held[i].mac, mac) : NULL));
    }
    json_object_set_new(network, "held", list);
}

void dhcp_hold_apply(json_t *networks, const struct dhcp_held *held, int count)
{
    json_t *network, *host;
    size_t i, k;
    json_array_foreach (networks, i, network) {
        json_t *hosts = json_array();
        json_array_foreach (json_object_get(network, "hosts"), k, host) {
            ip4 address;
            if (!address_of(host, "address", &address) || !find_held(held, count, address))
                json_array_append(hosts, host);
        }
        json_object_set_new(network, "hosts", hosts);
        list_held(network, held, count);
    }
}

json_t *dhcp_hold_meaning(const json_t *networks)
{
    json_t *list = json_array();
    const json_t *network, *host;
    size_t i, k;
    json_array_foreach (networks, i, network) {
        json_t *hosts = json_array(), *held = json_object_get(network, "held");
        json_array_foreach (json_object_get(network, "hosts"), k, host)
            json_array_append_new(hosts,
                                  json_pack("{s:O, s:O}", "mac", json_object_get(host, "mac"),
                                            "address", json_object_get(host, "address")));
        json_array_append_new(list, json_pack("{s:O, s:O, s:o, s:o}", "subnet_id",
                                              json_object_get(network, "subnet_id"), "ranges",
                                              json_object_get(network, "ranges"), "hosts", hosts,
                                              "held", held ? json_incref(held) : json_array()));
    }
    return list;
}

/* ---- leases that stand ---- */

struct dhcp_hold_change {
    struct claims before, after;
};

struct dhcp_hold_change *dhcp_hold_change(const json_t *before, const json_t *after,
                                          struct arena *arena)
{
    struct dhcp_hold_change *change = ARENA_NEW(arena, struct dhcp_hold_change);
    take_claims(before, arena, &change->before);
    take_claims(after, arena, &change->after);
    return change;
}

bool dhcp_hold_drains(const struct dhcp_hold_change *change, ip4 address, struct mac mac)
{
    struct mac before_mac = {{0}}, after_mac = {{0}};
    enum claim_kind before = kind_at(&change->before, address, &before_mac);
    enum claim_kind after = kind_at(&change->after, address, &after_mac);
    if (before == CLAIM_NONE || (before == CLAIM_HOST && !mac_equal(before_mac, mac)))
        return false; /* not given by that meaning */
    if (after == CLAIM_HOST && mac_equal(after_mac, mac))
        return false; /* still its client's */
    return before != after || after == CLAIM_HOST;
}
