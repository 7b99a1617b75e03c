/*
 * DHCP and router advertisements in gantry-rackd: see dhcp_part.h. The configuration is asked for
 * when a region is linked, when one says that it changed, and now and then in case a note was lost;
 * lease changes are told once a second, one call at a time. Blocks of addresses are asked for when
 * few are left, when leases were given that no region has confirmed, and to renew their term; what
 * other racks gave every two seconds.
 */
#include "src/rack/dhcp_part.h"

#include <string.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/rack/dhcp.h"
#include "src/rack/router_advert.h"

enum { TICK_MS = 1000, ASK_AGAIN_S = 60, ASK_AFTER_ERROR_S = 5, CALL_MS = 10000, LOG_EVERY_S = 60 };
enum {
    RESUME_S = 5,   /* without a region after the start: the blocks that were kept are used */
    CONFIRM_S = 10, /* leases are confirmed */
    PARTNER_S = 2,  /* what other racks gave is asked for */
    SPARE_S = 60,   /* blocks that are not needed are left */
    BACK_S = 2,     /* after that they are given back: they are off the disk by then */
    CALM_S = 5,
    HUNGRY_MS = 50,    /* between two questions for blocks */
    STARVED_MS = 2000, /* there were none: twice as long each time */
    STARVED_MOST_MS = 32000,
};

static struct {
    struct rack *rack;
    struct dhcp *dhcp;
    struct router_advert *advert;
    struct loop_timer tick; /* once a second */
    int ask_in_s;
    bool asking, ask_again; /* a dhcp_config call is out; its answer may be outdated */
    json_t *changes;        /* a leases call is out with these */
    struct log_gate gate;
    struct dhcp_asked config_asked;
    bool config_failed; /* the last question was for nothing: the next one waits */
    bool blocks_asked;  /* a dhcp_blocks call is out, since asked_ns, for this sequence */
    uint64_t blocks_asked_ns, sequence, blocks_next_ns, starved_ms;
    bool blocks_told; /* since the start */
    int ticks, blocks_age_s;
    bool partner_asked;
    uint64_t partner_asked_ns;
    json_int_t partner_since;
    struct { /* which racks a region hears of */
        char region[LIMIT_NAME];
        json_t *linked;
    } seen[LIMIT_REGIONS];
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
static void ask_blocks(void);

/* ---- who is lost ---- */

static bool lists(const json_t *linked, const char *rack)
{
    const json_t *item;
    size_t i;
    json_array_foreach (linked, i, item)
        if (json_is_string(item) && !strcmp(json_string_value(item), rack))
            return true;
    return false;
}

/* No region that can be asked hears of it. One that has not said yet may. */
static bool is_lost(void *subject, const char *rack)
{
    const struct membership *regions = region_link_membership(part.rack->regions);
    const char *problem;
    int asked = 0;
    (void)subject;
    for (int i = 0; i < regions->count; i++) {
        if (!region_link_up(part.rack->regions, i, &problem))
            continue;
        asked++;
        int at = 0;
        while (at < LIMIT_REGIONS && strcmp(part.seen[at].region, regions->regions[i].name) != 0)
            at++;
        if (at == LIMIT_REGIONS || lists(part.seen[at].linked, rack))
            return false;
    }
    return asked > 0;
}

static void look_who_is_lost(void)
{
    if (part.dhcp)
        dhcp_set_lost(part.dhcp, is_lost, NULL);
}

static void on_racks(void *subject, json_t *params)
{
    const char *region = json_string_value(json_object_get(params, "region"));
    json_t *linked = json_object_get(params, "linked");
    const struct membership *known = region_link_membership(part.rack->regions);
    (void)subject;
    for (int i = 0; region && json_is_array(linked) && i < known->count; i++) {
        if (strcmp(known->regions[i].name, region) != 0)
            continue;
        /* By its place in the membership; what stood there of another region is outdated. */
        for (int k = 0; k < LIMIT_REGIONS; k++)
            if (!strcmp(part.seen[k].region, region))
                part.seen[k].region[0] = '\0';
        strcpy(part.seen[i].region, region);
        json_decref(part.seen[i].linked);
        part.seen[i].linked = json_incref(linked);
    }
    look_who_is_lost();
}

/* ---- configuration ---- */

static void on_config(void *subject, json_t *result, const struct error *why)
{
    struct error err;
    unsigned long held;
    (void)subject;
    part.asking = false;
    part.ask_in_s = why->code ? ASK_AFTER_ERROR_S : ASK_AGAIN_S;
    if (!part.dhcp)
        return;
    part.config_failed =
        why->code || dhcp_configure(part.dhcp, result, &part.config_asked, &err) != ERR_OK;
    if (why->code)
        log_debug("dhcp: no configuration from the region: %s", why->text);
    else if (part.config_failed && log_gate_open(&part.gate, LOG_EVERY_S, &held))
        log_error("dhcp: the region's configuration is refused, the last one stays: %s", err.text);
    look_who_is_lost();
    if (!why->code && dhcp_wants_blocks(part.dhcp))
        ask_blocks();
    if (part.ask_again && !why->code)
        ask_config();
}

static void ask_config(void)
{
    part.ask_again = part.asking;
    if (part.asking || !part.dhcp)
        return;
    struct call_link_call call = {"dhcp_config", NULL, CALL_MS};
    call.params = dhcp_config_question(part.dhcp, &part.config_asked);
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

/* ---- blocks ---- */

static void on_blocks(void *subject, json_t *result, const struct error *why)
{
    struct error err;
    unsigned long held;
    (void)subject;
    part.blocks_asked = false;
    if (!part.dhcp)
        return;
    part.blocks_told = true;
    part.blocks_next_ns = clock_boot_ns() + STARVED_MS * CLOCK_MS;
    bool more = json_is_true(json_object_get(result, "more"));
    if (why->code == ERR_GONE || (!why->code && dhcp_is_behind(part.dhcp, result))) {
        dhcp_take_new_store(part.dhcp);
    } else if (!why->code && json_object_get(result, "known")) {
        part.blocks_next_ns = 0; /* leases were told while it was on its way: once more */
        part.blocks_told = false;
    } else if (why->code) {
        dhcp_resume(part.dhcp);
        log_debug("dhcp: no blocks from the region: %s", why->text);
    } else if (dhcp_take_blocks(part.dhcp, result, part.blocks_asked_ns, part.sequence, &err)) {
        if (log_gate_open(&part.gate, LOG_EVERY_S, &held))
            log_error("dhcp: the region's answer is refused: %s", err.text);
    } else {
        part.blocks_age_s = 0;
        if (dhcp_wants_config(part.dhcp) && !part.asking)
            ask_config(); /* it is another owner now: nothing is given before */
        bool starves = !more && dhcp_wants_blocks(part.dhcp);
        uint64_t wait_ms = part.starved_ms ? 2 * part.starved_ms : STARVED_MS;
        part.starved_ms = !starves ? 0 : wait_ms < STARVED_MOST_MS ? wait_ms : STARVED_MOST_MS;
        part.blocks_next_ns = clock_boot_ns() + (starves ? part.starved_ms : HUNGRY_MS) * CLOCK_MS;
    }
}

static void ask_blocks(void)
{
    if (part.blocks_asked || !part.dhcp || !dhcp_version(part.dhcp)[0] ||
        !region_link_preferred(part.rack->regions))
        return;
    struct call_link_call call = {"dhcp_blocks", NULL, CALL_MS};
    call.params = dhcp_question(part.dhcp, &part.sequence);
    part.blocks_asked = true;
    part.blocks_asked_ns = clock_boot_ns();
    region_link_call(part.rack->regions, &call, on_blocks, NULL);
    json_decref(call.params);
}

static void on_hungry(void)
{
    if (clock_boot_ns() >= part.blocks_next_ns)
        ask_blocks();
}

static void look_at_blocks(void)
{
    part.blocks_age_s++;
    if (part.ticks == RESUME_S && !part.blocks_told)
        dhcp_resume(part.dhcp);
    if (part.ticks % CALM_S == 0)
        dhcp_calm(part.dhcp);
    if (part.ticks % SPARE_S == 0 && region_link_preferred(part.rack->regions) &&
        !part.blocks_asked)
        dhcp_give_back(part.dhcp);
    if (!part.blocks_told || part.blocks_age_s >= dhcp_renew_s(part.dhcp) ||
        part.ticks % SPARE_S == BACK_S ||
        (part.blocks_age_s >= CONFIRM_S && dhcp_has_news(part.dhcp)))
        ask_blocks();
    else if (dhcp_wants_blocks(part.dhcp))
        on_hungry();
}

/* ---- what other racks gave ---- */

static void ask_partner(void);

static void on_partner(void *subject, json_t *result, const struct error *why)
{
    struct error err;
    unsigned long held;
    (void)subject;
    part.partner_asked = false;
    if (!part.dhcp || why->code)
        return;
    json_t *leases = json_object_get(result, "leases");
    json_int_t next = json_integer_value(json_object_get(result, "next"));
    if (dhcp_take_partner(part.dhcp, leases, part.partner_asked_ns, &err)) {
        if (log_gate_open(&part.gate, LOG_EVERY_S, &held))
            log_error("dhcp: %s", err.text);
        return;
    }
    bool more = json_is_true(json_object_get(result, "more")) && next > part.partner_since;
    part.partner_since = next;
    if (more)
        ask_partner();
}

static void ask_partner(void)
{
    if (part.partner_asked || !part.dhcp || !region_link_preferred(part.rack->regions))
        return;
    struct call_link_call call = {"partner_leases", NULL, CALL_MS};
    call.params = json_pack("{s:I}", "since", part.partner_since);
    part.partner_asked = true;
    part.partner_asked_ns = clock_boot_ns();
    region_link_call(part.rack->regions, &call, on_partner, NULL);
    json_decref(call.params);
}

/* ---- lease changes ---- */

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
    part.ticks++;
    tell_changes();
    look_at_blocks();
    look_who_is_lost();
    if (part.ticks % PARTNER_S == 0)
        ask_partner();
    part.ask_in_s--;
    if ((part.ask_in_s <= 0 || (!part.config_failed && dhcp_wants_config(part.dhcp))) &&
        !part.asking && region_link_preferred(part.rack->regions))
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
    struct dhcp_settings settings = {&rack->loop, rack->fence, rack->settings.data_dir, on_hungry};
    part.rack = rack;
    enum error_code code = dhcp_new(&settings, &part.dhcp, err);
    if (code)
        return code;
    part.advert = router_advert_new(&rack->loop, rack->fence);
    region_link_hear(rack->regions, "config_changed", on_config_changed, NULL);
    region_link_hear(rack->regions, "racks", on_racks, NULL);
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
