/*
 * DHCP and router advertisements in gantry-rackd: see dhcp_part.h. The configuration is asked for
 * when a region is linked, when one says that it changed, and now and then in case a note was lost;
 * lease changes are told once a second, one call at a time.
 */
#include "src/rack/dhcp_part.h"

#include <string.h>

#include "src/base/log.h"
#include "src/rack/dhcp.h"
#include "src/rack/router_advert.h"

enum { TICK_MS = 1000, ASK_AGAIN_S = 60, ASK_AFTER_ERROR_S = 5, CALL_MS = 10000, LOG_EVERY_S = 60 };

static struct {
    struct rack *rack;
    struct dhcp *dhcp;
    struct router_advert *advert;
    struct loop_timer tick; /* once a second */
    int ask_in_s;
    bool asking, ask_again; /* a dhcp_config call is out; its answer may be outdated */
    json_t *changes;        /* a leases call is out with these */
    struct log_gate gate;
} part;

/* The interfaces machines are served on. */
static void select_interfaces(const struct rack *rack, struct interfaces *selected)
{
    memset(selected, 0, sizeof(*selected));
    for (int i = 0; i < rack->settings.provision_count; i++) {
        const struct interface *interface =
            interfaces_find(&rack->interfaces, rack->settings.provision[i]);
        if (interface)
            selected->interface[selected->count++] = *interface;
    }
}

static void ask_config(void);

static void on_config(void *subject, json_t *result, const struct error *why)
{
    struct error err;
    unsigned long held;
    (void)subject;
    part.asking = false;
    part.ask_in_s = why->code ? ASK_AFTER_ERROR_S : ASK_AGAIN_S;
    if (!part.dhcp)
        return;
    if (why->code)
        log_debug("dhcp: no configuration from the region: %s", why->text);
    else if (dhcp_configure(part.dhcp, result, &err) &&
             log_gate_open(&part.gate, LOG_EVERY_S, &held))
        log_error("dhcp: the region's configuration is refused, the last one stays: %s", err.text);
    if (part.ask_again && !why->code)
        ask_config();
}

static void ask_config(void)
{
    part.ask_again = part.asking;
    if (part.asking || !part.dhcp)
        return;
    struct call_link_call call = {"dhcp_config", NULL, CALL_MS};
    call.params = json_pack("{s:s}", "version", dhcp_version(part.dhcp));
    ASSERT(call.params);
    part.asking = true;
    region_link_call(part.rack->regions, &call, on_config, NULL);
    json_decref(call.params);
}

static void on_config_changed(void *subject, json_t *params)
{
    (void)subject;
    (void)params;
    ask_config();
}

static void tell_changes(void);

static void on_told(void *subject, json_t *result, const struct error *why)
{
    (void)subject;
    (void)result;
    json_t *told = part.changes;
    part.changes = NULL;
    if (why->code && part.dhcp)
        dhcp_give_back_changes(part.dhcp, told);
    json_decref(told);
    if (!why->code)
        tell_changes();
}

/* As long as there are some: a region that was away for long is told all of them at once. */
static void tell_changes(void)
{
    if (part.changes || !part.dhcp || !region_link_preferred(part.rack->regions))
        return;
    part.changes = dhcp_take_changes(part.dhcp);
    if (!part.changes)
        return;
    struct call_link_call call = {"leases", part.changes, CALL_MS};
    region_link_call(part.rack->regions, &call, on_told, NULL);
}

static void on_tick(struct loop_timer *timer)
{
    (void)timer;
    tell_changes();
    if (--part.ask_in_s <= 0 && !part.asking && region_link_preferred(part.rack->regions))
        ask_config();
}

void dhcp_part_interfaces(struct rack *rack)
{
    struct interfaces selected;
    select_interfaces(rack, &selected);
    dhcp_set_interfaces(part.dhcp, &selected);
    router_advert_set_interfaces(part.advert, &selected);
}

enum error_code dhcp_part_start(struct rack *rack, struct error *err)
{
    struct dhcp_settings settings = {&rack->loop, rack->fence, rack->settings.data_dir};
    part.rack = rack;
    enum error_code code = dhcp_new(&settings, &part.dhcp, err);
    if (code)
        return code;
    part.advert = router_advert_new(&rack->loop, rack->fence);
    region_link_hear(rack->regions, "config_changed", on_config_changed, NULL);
    dhcp_part_interfaces(rack);
    loop_timer_init(&rack->loop, &part.tick, on_tick);
    loop_timer_start(&part.tick, TICK_MS, TICK_MS);
    return ERR_OK;
}

void dhcp_part_linked(struct rack *rack)
{
    (void)rack;
    ask_config();
}

void dhcp_part_stop(struct rack *rack)
{
    (void)rack;
    loop_timer_stop(&part.tick);
    dhcp_close(part.dhcp);
    router_advert_close(part.advert);
    part.dhcp = NULL;
    part.advert = NULL;
}

void dhcp_part_metrics(struct rack *rack, struct spool *spool)
{
    (void)rack;
    if (!part.dhcp)
        return;
    dhcp_write_metrics(part.dhcp, spool);
    router_advert_write_metrics(part.advert, spool);
}
