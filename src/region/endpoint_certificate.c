/* The endpoint's certificate: see endpoint_certificate.h. */
#include "src/region/endpoint_certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/wire/ca.h"

enum { RETRY_MS = 5000 };

/* One address after the other, in the order of the facts. */
struct names {
    char text[LIMIT_VIPS + 1][CLUSTER_ADDRESS];
    int count;
};

struct making {
    struct region *region;
    struct names names;
    enum error_code code;
    struct error err;
};

static struct {
    struct names made;
    bool busy;
    uint64_t wait_until_ns;
} endpoint;

static void make(void *subject)
{
    struct making *making = subject;
    const struct region_paths *paths = &making->region->paths;
    struct ca *ca = NULL;
    struct ca_subject to = {.name = making->region->settings.name, .role = CA_ROLE_REGION};
    for (int i = 0; i < making->names.count && to.names_count < CA_NAMES; i++)
        to.names[to.names_count++] = making->names.text[i];
    making->code = ca_open(paths->ca_dir, &ca, &making->err);
    if (!making->code)
        making->code =
            ca_issue(ca, &to, paths->endpoint_certificate, paths->endpoint_key, &making->err);
    ca_free(ca);
}

static void made(void *subject)
{
    struct making *making = subject;
    struct region *region = making->region;
    endpoint.busy = false;
    if (making->code) {
        log_error("the endpoint's certificate: %s", making->err.text);
        endpoint.wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    } else {
        endpoint.made = making->names;
        region->ha.endpoint_generation++; /* HAProxy starts with it */
        log_info("the endpoint has a certificate for %d addresses", making->names.count);
    }
    free(making);
    region_changed(region);
}

void endpoint_certificate_look(struct region *region, const struct cluster_view *view)
{
    struct names wanted;
    memset(&wanted, 0, sizeof(wanted)); /* compared byte by byte */
    wanted.count = 1;
    if (endpoint.busy || !view->known || !view->facts.name[0] ||
        clock_boot_ns() < endpoint.wait_until_ns)
        return;
    snprintf(wanted.text[0], CLUSTER_ADDRESS, "%s", region->settings.address);
    for (int i = 0; i < view->facts.vips_count; i++) {
        struct ip4_net net;
        if (ip4_net_parse(view->facts.vips[i].net, &net))
            ip4_format(net.address, wanted.text[wanted.count++]);
    }
    if (!memcmp(&wanted, &endpoint.made, sizeof(wanted)))
        return;
    struct making *making = calloc(1, sizeof(*making));
    ASSERT(making);
    making->region = region;
    making->names = wanted;
    endpoint.busy = true;
    loop_run_blocking(&region->loop, make, made, making);
}
