/* Any JSON as a DHCP document: refused with a reason, or every address lies inside its network. */
// rooms: rack
#include <stdint.h>

#include "src/rack/dhcp_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const struct dhcp_network *network)
{
    for (int i = 0; i < network->range_count; i++) {
        ASSERT(network->range[i].first <= network->range[i].last);
        ASSERT(ip4_net_contains(network->net, network->range[i].first));
        ASSERT(ip4_net_contains(network->net, network->range[i].last));
    }
    for (int i = 0; i < network->host_count; i++) {
        const struct dhcp_host *host = &network->host[i];
        ASSERT(ip4_net_contains(network->net, host->address));
        ASSERT(dhcp_config_host(network, host->mac) == host);
        ASSERT(dhcp_config_host_at(network, host->address) == host);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    json_error_t where;
    struct error err = {0};
    struct dhcp_config *config;
    json_t *document = json_loadb((const char *)bytes, size, 0, &where);
    if (dhcp_config_parse(document, &config, &err)) {
        ASSERT(err.text[0] && !config);
    } else {
        for (int i = 0; i < config->count; i++)
            check(&config->network[i]);
        dhcp_config_free(config);
    }
    json_decref(document);
    return 0;
}
