/*
 * Health of a rack: see rack_health.h. It is ready while a region is linked; without one it still
 * serves machines from what it knows, so that is no reason to stop it.
 */
#include "src/rack/rack_health.h"

#include <string.h>

#include "src/rack/rack_part.h"
#include "src/wire/health_listener.h"

static int tell_ready(const struct rack *rack, struct spool *body)
{
    const struct membership *membership = region_link_membership(rack->regions);
    const char *preferred = region_link_preferred(rack->regions);
    if (preferred) {
        spool_printf(body, "ok: linked, calls go to %s\n", preferred);
        return 200;
    }
    spool_text(body, "no region is linked\n");
    for (int i = 0; i < membership->count; i++) {
        const char *problem;
        region_link_up(rack->regions, i, &problem);
        spool_printf(body, "%s: %s\n", membership->regions[i].name,
                     *problem ? problem : "not tried yet");
    }
    return 503;
}

static int answer(void *owner, const char *path, const char *query, struct spool *body)
{
    struct rack *rack = owner;
    (void)query;
    if (!strcmp(path, "/livez")) {
        spool_text(body, "ok\n");
        return 200;
    }
    if (!strcmp(path, "/readyz"))
        return tell_ready(rack, body);
    if (!strcmp(path, "/metrics")) {
        for (int i = 0; i < rack_parts_count; i++)
            if (rack_parts[i].metrics)
                rack_parts[i].metrics(rack, body);
        return 200;
    }
    spool_text(body, "expected /livez /readyz /metrics\n");
    return 404;
}

enum error_code rack_health_start(struct rack *rack, struct error *err)
{
    static struct health_listener *listener; /* lives as long as the program */
    const char *address = rack->settings.health_address;
    struct health_listen listen = {*address ? address : "0.0.0.0", rack->settings.health_port,
                                   answer, rack};
    return health_listener_open(&rack->loop, &listen, &listener, err);
}
