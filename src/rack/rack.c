/*
 * The rack controller: see rack.h. Without a region it goes on with what it has; without fenced it
 * ends, for its sockets and its supervision come from there.
 */
#include "src/rack/rack.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/base/log.h"
#include "src/rack/rack_part.h"

enum { LOOK_MS = 1000, GOODBYE_MS = 300 };

void rack_fail(const struct error *why)
{
    log_error("%s", why->text);
    _exit(error_exit_status(why->code));
}

/* ---- interfaces ---- */

static json_t *list_interfaces(void *owner)
{
    const struct rack *rack = owner;
    return interfaces_json(&rack->interfaces);
}

static void on_look(struct loop_timer *timer)
{
    struct rack *rack = container_of(timer, struct rack, look);
    struct interfaces now;
    struct error err;
    if (rack->stopping || interfaces_read(&now, &err) || interfaces_equal(&now, &rack->interfaces))
        return;
    rack->interfaces = now;
    log_info("the interfaces changed: %d now", now.count);
    region_link_announce(rack->regions);
    for (int i = 0; i < rack_parts_count; i++)
        if (rack_parts[i].interfaces)
            rack_parts[i].interfaces(rack);
}

/* ---- regions ---- */

static void on_linked(void *owner)
{
    struct rack *rack = owner;
    for (int i = 0; i < rack_parts_count; i++)
        if (rack_parts[i].linked)
            rack_parts[i].linked(rack);
}

static enum error_code open_regions(struct rack *rack, struct error *err)
{
    struct membership membership;
    const char *data_dir = rack->settings.data_dir;
    enum error_code code = membership_read(data_dir, &membership, err);
    code = code ? code : membership_credentials(data_dir, &rack->credentials, err);
    if (code)
        return code;
    if (strcmp(membership.name, rack->settings.name))
        log_warning("[rack] name is %s, but this host joined as %s, which is its name until it "
                    "joins anew",
                    rack->settings.name, membership.name);
    struct region_link_setup setup = {
        .loop = &rack->loop,
        .credentials = rack->credentials,
        .data_dir = data_dir,
        .membership = &membership,
        .owner = rack,
        .interfaces = list_interfaces,
        .linked = on_linked,
    };
    rack->regions = region_link_open(&setup);
    return ERR_OK;
}

/* ---- fenced, signals ---- */

static void on_fence_notice(void *owner, const struct fence_reply *notice)
{
    (void)owner, (void)notice; /* racks hold nothing that could lapse */
}

static void on_fence_closed(void *owner)
{
    struct error why;
    (void)owner;
    error_set(&why, ERR_UNAVAILABLE, "gantry-fenced is gone: nothing may run without it");
    rack_fail(&why);
}

static void on_goodbye_over(struct loop_timer *timer)
{
    (void)timer;
    log_info("stopped");
    _exit(0);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct rack *rack = handle->data;
    (void)number;
    if (rack->stopping)
        return;
    rack->stopping = true;
    log_info("stops");
    for (int i = rack_parts_count - 1; i >= 0; i--)
        if (rack_parts[i].stop)
            rack_parts[i].stop(rack);
    region_link_close(rack->regions);
    loop_timer_stop(&rack->look);
    rack->look.fire = on_goodbye_over;
    loop_timer_start(&rack->look, GOODBYE_MS, 0);
}

static void watch_signal(struct rack *rack, uv_signal_t *handle, int number)
{
    int rv = uv_signal_init(&rack->loop.uv, handle);
    ASSERT(rv == 0);
    handle->data = rack;
    rv = uv_signal_start(handle, on_signal, number);
    ASSERT(rv == 0);
}

enum error_code rack_start(struct rack *rack, struct error *err)
{
    struct fence_events events = {on_fence_notice, on_fence_closed};
    loop_init(&rack->loop);
    watch_signal(rack, &rack->terminate, SIGTERM);
    watch_signal(rack, &rack->interrupt, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    loop_timer_init(&rack->loop, &rack->look, on_look);
    enum error_code code = interfaces_read(&rack->interfaces, err);
    code = code ? code
                : fence_link_open(&rack->loop, FENCE_CHILD_FD, &events, rack, &rack->fence, err);
    code = code ? code : open_regions(rack, err);
    for (int i = 0; i < rack_parts_count && !code; i++)
        if (rack_parts[i].start && (code = rack_parts[i].start(rack, err)))
            error_wrap(err, "%s", rack_parts[i].name);
    if (code)
        return code;
    loop_timer_start(&rack->look, LOOK_MS, LOOK_MS);
    log_info("rack %s, %s, %d regions known", region_link_membership(rack->regions)->name,
             region_link_membership(rack->regions)->system_id,
             region_link_membership(rack->regions)->count);
    return ERR_OK;
}
