/* What the rack's DHCP serves: see dhcp_config.h. */
#include "src/rack/dhcp_config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"

static bool read_text(const json_t *object, const char *key, const char **text)
{
    *text = json_string_value(json_object_get(object, key));
    return *text != NULL;
}

static bool read_int(const json_t *object, const char *key, int64_t low, int64_t high,
                     int64_t *value)
{
    const json_t *number = json_object_get(object, key);
    *value = json_integer_value(number);
    return json_is_integer(number) && *value >= low && *value <= high;
}

static bool read_address(const json_t *object, const char *key, ip4 *address)
{
    const char *text;
    return read_text(object, key, &text) && ip4_parse(text, address) && *address != 0;
}

/* An address a client may have: in the network, neither its first nor its last. */
static bool is_usable(const struct dhcp_network *network, ip4 address)
{
    return ip4_net_contains(network->net, address) && address != ip4_net_first(network->net) &&
           address != ip4_net_last(network->net);
}

/* A name goes into options as it is: letters, digits, dashes, and dots where allowed. */
static bool is_name(const char *text, size_t most, bool dots)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && !(dots && text[i] == '.'))
            return false;
    return length <= most;
}

static enum error_code read_servers(const json_t *object, const char *key, ip4 *servers, int *count,
                                    struct error *err)
{
    const json_t *list = json_object_get(object, key), *item;
    size_t i;
    if (!json_is_array(list))
        return error_set(err, ERR_BAD_INPUT, "%s: expected a list of addresses", key);
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        ip4 address;
        if (!text || !ip4_parse(text, &address))
            return error_set(err, ERR_BAD_INPUT, "%s: expected a list of addresses", key);
        if (*count < DHCP_CONFIG_SERVERS) /* the first ones are the preferred ones */
            servers[(*count)++] = address;
    }
    return ERR_OK;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct dhcp_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static enum error_code read_ranges(const json_t *object, struct dhcp_network *network,
                                   struct error *err)
{
    const json_t *list = json_object_get(object, "ranges"), *item;
    size_t i;
    if (!json_is_array(list) || json_array_size(list) > DHCP_CONFIG_RANGES)
        return error_set(err, ERR_BAD_INPUT, "ranges: expected a list of at most %d",
                         DHCP_CONFIG_RANGES);
    json_array_foreach (list, i, item) {
        struct dhcp_range *range = &network->range[network->range_count++];
        if (!read_address(item, "first", &range->first) ||
            !read_address(item, "last", &range->last) || range->first > range->last ||
            !is_usable(network, range->first) || !is_usable(network, range->last))
            return error_set(err, ERR_BAD_INPUT,
                             "ranges[%zu]: expected first and last address inside the network", i);
    }
    qsort(network->range, (size_t)network->range_count, sizeof(network->range[0]), compare_ranges);
    for (int j = 1; j < network->range_count; j++)
        if (network->range[j].first <= network->range[j - 1].last)
            return error_set(err, ERR_BAD_INPUT, "ranges: two of them overlap");
    return ERR_OK;
}

static int compare_macs(const void *a, const void *b)
{
    const struct dhcp_host *x = a, *y = b;
    return memcmp(x->mac.bytes, y->mac.bytes, sizeof(x->mac.bytes));
}

static int compare_addresses(const void *a, const void *b)
{
    const struct dhcp_host *const *x = a, *const *y = b;
    return ((*x)->address > (*y)->address) - ((*x)->address < (*y)->address);
}

static enum error_code sort_hosts(struct dhcp_network *network, struct error *err)
{
    size_t count = (size_t)network->host_count;
    char text[MAC_TEXT], address[IP4_TEXT];
    qsort(network->host, count, sizeof(network->host[0]), compare_macs);
    for (size_t i = 0; i < count; i++)
        network->by_address[i] = &network->host[i];
    qsort(network->by_address, count, sizeof(network->by_address[0]), compare_addresses);
    for (size_t i = 1; i < count; i++) {
        if (mac_equal(network->host[i].mac, network->host[i - 1].mac))
            return error_set(err, ERR_BAD_INPUT, "hosts: %s is there twice",
                             mac_format(network->host[i].mac, text));
        if (network->by_address[i]->address == network->by_address[i - 1]->address)
            return error_set(err, ERR_BAD_INPUT, "hosts: %s is there twice",
                             ip4_format(network->by_address[i]->address, address));
    }
    return ERR_OK;
}

static enum error_code read_hosts(const json_t *object, struct dhcp_network *network,
                                  struct error *err)
{
    const json_t *list = json_object_get(object, "hosts"), *item;
    size_t i, count = json_array_size(list);
    if (!json_is_array(list) || count > LIMIT_LEASES)
        return error_set(err, ERR_BAD_INPUT, "hosts: expected a list of at most %d", LIMIT_LEASES);
    network->host = calloc(count + 1, sizeof(network->host[0]));
    network->by_address = calloc(count + 1, sizeof(network->by_address[0]));
    ASSERT(network->host && network->by_address);
    json_array_foreach (list, i, item) {
        struct dhcp_host *host = &network->host[network->host_count++];
        const char *mac, *name = "";
        const json_t *hostname = json_object_get(item, "hostname");
        if (!read_text(item, "mac", &mac) || !mac_parse(mac, &host->mac) ||
            !read_address(item, "address", &host->address) || !is_usable(network, host->address))
            return error_set(err, ERR_BAD_INPUT,
                             "hosts[%zu]: expected a MAC and an address inside the network", i);
        if ((hostname && !json_is_null(hostname) && !read_text(item, "hostname", &name)) ||
            !is_name(name, LIMIT_NAME - 1, false))
            return error_set(err, ERR_BAD_INPUT, "hosts[%zu]: hostname: expected a host name", i);
        memcpy(host->hostname, name, strlen(name) + 1);
    }
    return sort_hosts(network, err);
}

static int compare_waits(const void *a, const void *b)
{
    const struct dhcp_wait *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static enum error_code read_held(const json_t *object, struct dhcp_network *network,
                                 struct error *err)
{
    const json_t *list = json_object_get(object, "held"), *item;
    size_t i, count = json_array_size(list);
    if (list && (!json_is_array(list) || count > LIMIT_LEASES))
        return error_set(err, ERR_BAD_INPUT, "held: expected a list of at most %d", LIMIT_LEASES);
    network->held = calloc(count + 1, sizeof(network->held[0]));
    ASSERT(network->held);
    json_array_foreach (list, i, item) {
        struct dhcp_wait *wait = &network->held[network->held_count++];
        const json_t *mac = json_object_get(item, "mac");
        wait->has_mac = mac && !json_is_null(mac);
        if (!read_address(item, "address", &wait->address) ||
            (wait->has_mac &&
             (!json_is_string(mac) || !mac_parse(json_string_value(mac), &wait->mac))))
            return error_set(err, ERR_BAD_INPUT,
                             "held[%zu]: expected an address, and a MAC or null", i);
    }
    qsort(network->held, count, sizeof(network->held[0]), compare_waits);
    return ERR_OK;
}

static enum error_code read_options(const json_t *object, struct dhcp_network *network,
                                    struct error *err)
{
    int64_t mtu = 0, lease_s;
    const json_t *gateway = json_object_get(object, "gateway");
    const json_t *primary = json_object_get(object, "primary");
    const json_t *partner = json_object_get(object, "partner");
    const char *domain, *name = "";
    if (!json_is_boolean(primary))
        return error_set(err, ERR_BAD_INPUT, "primary: expected true or false");
    network->primary = json_is_true(primary);
    if (partner && !json_is_null(partner) &&
        (!read_text(object, "partner", &name) || !is_name(name, LIMIT_NAME - 1, false)))
        return error_set(err, ERR_BAD_INPUT, "partner: expected a rack's system_id or null");
    memcpy(network->partner, name, strlen(name) + 1);
    if (gateway && !json_is_null(gateway) && !read_address(object, "gateway", &network->gateway))
        return error_set(err, ERR_BAD_INPUT, "gateway: expected an address or null");
    if (json_object_get(object, "mtu") && !read_int(object, "mtu", 68, 65535, &mtu))
        return error_set(err, ERR_BAD_INPUT, "mtu: expected 68 to 65535");
    network->mtu = (int)mtu;
    if (!read_int(object, "lease_s", DHCP_LEASE_LEAST_S, DHCP_LEASE_MOST_S, &lease_s))
        return error_set(err, ERR_BAD_INPUT, "lease_s: expected %d to %d", DHCP_LEASE_LEAST_S,
                         DHCP_LEASE_MOST_S);
    network->lease_s = (uint32_t)lease_s;
    if (!read_text(object, "domain", &domain) ||
        !is_name(domain, sizeof(network->domain) - 1, true))
        return error_set(err, ERR_BAD_INPUT, "domain: expected a domain name");
    memcpy(network->domain, domain, strlen(domain) + 1);
    enum error_code code = read_servers(object, "dns", network->dns, &network->dns_count, err);
    return code ? code : read_servers(object, "ntp", network->ntp, &network->ntp_count, err);
}

static enum error_code read_network(const json_t *object, struct dhcp_network *network,
                                    struct error *err)
{
    const char *cidr;
    if (!read_text(object, "cidr", &cidr) || !ip4_net_parse(cidr, &network->net) ||
        network->net.prefix < 8 || network->net.prefix > 30 ||
        network->net.address != ip4_net_first(network->net))
        return error_set(err, ERR_BAD_INPUT, "cidr: expected a network of /8 to /30");
    enum error_code code = ERR_OK;
    if (!read_int(object, "vlan_id", 0, INT64_MAX, &network->vlan_id) ||
        !read_int(object, "subnet_id", 0, INT64_MAX, &network->subnet_id))
        code = error_set(err, ERR_BAD_INPUT, "vlan_id, subnet_id: expected numbers");
    if (code || read_options(object, network, err) || read_ranges(object, network, err) ||
        read_hosts(object, network, err) || read_held(object, network, err))
        return error_wrap(err, "network %s", cidr);
    return ERR_OK;
}

static enum error_code check_distinct(const struct dhcp_config *config, struct error *err)
{
    char text[IP4_NET_TEXT];
    for (int i = 0; i < config->count; i++)
        for (int j = 0; j < i; j++) {
            struct ip4_net a = config->network[i].net, b = config->network[j].net;
            if (ip4_net_contains(a, b.address) || ip4_net_contains(b, a.address))
                return error_set(err, ERR_BAD_INPUT, "network %s overlaps another",
                                 ip4_net_format(a, text));
        }
    return ERR_OK;
}

enum error_code dhcp_config_parse(const json_t *document, struct dhcp_config **out,
                                  struct error *err)
{
    const char *version;
    int64_t number = 0;
    const json_t *list = json_object_get(document, "networks"), *item;
    size_t i, count = json_array_size(list);
    *out = NULL;
    if (!read_text(document, "version", &version) || strlen(version) >= DHCP_CONFIG_VERSION)
        return error_set(err, ERR_BAD_INPUT, "version: expected a text of at most %d bytes",
                         DHCP_CONFIG_VERSION - 1);
    if (json_object_get(document, "number") && !read_int(document, "number", 0, INT64_MAX, &number))
        return error_set(err, ERR_BAD_INPUT, "number: expected a number");
    if (!json_is_array(list) || count > DHCP_CONFIG_NETWORKS)
        return error_set(err, ERR_BAD_INPUT, "networks: expected a list of at most %d",
                         DHCP_CONFIG_NETWORKS);
    struct dhcp_config *config = calloc(1, sizeof(*config));
    ASSERT(config);
    config->network = calloc(count + 1, sizeof(config->network[0]));
    ASSERT(config->network);
    memcpy(config->version, version, strlen(version) + 1);
    config->number = number;
    enum error_code code = ERR_OK;
    json_array_foreach (list, i, item)
        if (!code)
            code = read_network(item, &config->network[config->count++], err);
    if (!code)
        code = check_distinct(config, err);
    if (code)
        dhcp_config_free(config);
    else
        *out = config;
    return code;
}

void dhcp_config_free(struct dhcp_config *config)
{
    if (!config)
        return;
    for (int i = 0; i < config->count; i++) {
        free(config->network[i].host);
        free(config->network[i].by_address);
        free(config->network[i].held);
    }
    free(config->network);
    free(config);
}

const struct dhcp_host *dhcp_config_host(const struct dhcp_network *network, struct mac mac)
{
    struct dhcp_host key = {.mac = mac};
    return bsearch(&key, network->host, (size_t)network->host_count, sizeof(key), compare_macs);
}

const struct dhcp_host *dhcp_config_host_at(const struct dhcp_network *network, ip4 address)
{
    const struct dhcp_host host = {.address = address}, *key = &host, **found;
    found = bsearch(&key, network->by_address, (size_t)network->host_count, sizeof(*found),
                    compare_addresses);
    return found ? *found : NULL;
}

const struct dhcp_wait *dhcp_config_held(const struct dhcp_network *network, ip4 address)
{
    struct dhcp_wait key = {.address = address};
    if (!network->held_count)
        return NULL;
    return bsearch(&key, network->held, (size_t)network->held_count, sizeof(key), compare_waits);
}

enum error_code dhcp_config_load(const char *path, struct dhcp_config **config, struct error *err)
{
    struct arena *arena = arena_new();
    char *bytes;
    size_t size;
    json_error_t where;
    json_t *document = NULL;
    *config = NULL;
    enum error_code code = file_read(arena, path, LIMIT_FRAME_BYTES, &bytes, &size, err);
    if (!code && !(document = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &where)))
        code = error_set(err, ERR_CORRUPT, "%s:%d: %s", path, where.line, where.text);
    if (!code && (code = dhcp_config_parse(document, config, err)))
        error_wrap(err, "%s", path);
    json_decref(document);
    arena_free(arena);
    return code;
}
