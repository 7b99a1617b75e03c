/* HAProxy as a child of regiond: see balancer.h. */
#include "ha/balancer.h"

#include <stdlib.h>
#include <string.h>

#include "ha/balancer_config.h"
#include "src/wire/haproxy.h"

struct balancer {
    const struct ha_settings *settings;
    struct haproxy *child;
};

struct balancer *balancer_new(struct loop *loop, struct fence_link *fence,
                              const struct ha_settings *settings, void (*changed)(void *owner),
                              void *owner)
{
    struct balancer *balancer = calloc(1, sizeof(*balancer));
    struct haproxy_setup setup = {.program = settings->haproxy,
                                  .run_dir = settings->run_dir,
                                  .name = "haproxy",
                                  .certificate_file = settings->endpoint_certificate_file,
                                  .key_file = settings->endpoint_key_file,
                                  .changed = changed,
                                  .owner = owner};
    ASSERT(balancer);
    balancer->settings = settings;
    balancer->child = haproxy_new(loop, fence, &setup);
    return balancer;
}

void balancer_free(struct balancer *balancer)
{
    if (!balancer)
        return;
    haproxy_free(balancer->child);
    free(balancer);
}

void balancer_look(struct balancer *balancer, const struct cluster_state *facts)
{
    struct balancer_socket wanted[BALANCER_SOCKETS];
    struct haproxy_socket sockets[BALANCER_SOCKETS];
    struct spool config;
    if (!balancer->settings->endpoint_generation || !balancer->settings->revoked_generation)
        return;
    int count = balancer_config_sockets(facts, balancer->settings, wanted);
    for (int i = 0; i < count; i++)
        sockets[i] = wanted[i].socket;
    spool_init(&config);
    balancer_config_write(&config, facts, wanted, count, balancer->settings);
    spool_put(&config, "", 1);
    haproxy_look(balancer->child, sockets, count, config.bytes);
    spool_close(&config);
}

bool balancer_runs(const struct balancer *balancer)
{
    return haproxy_runs(balancer->child);
}

const char *balancer_problem(const struct balancer *balancer)
{
    return haproxy_problem(balancer->child);
}
