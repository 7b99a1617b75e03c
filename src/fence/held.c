/* The virtual addresses this controller holds: see held.h. */
#include "src/fence/held.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/fence/arp.h"
#include "src/fence/netlink.h"
#include "src/fence/nudge.h"
#include "src/fence/tcp_reset.h"

/* When to announce after an address was added, ms; then every 10 s. */
static const int announce_ms[] = {0, 20, 60, 150, 400, 1000, 2000, 4000};
enum { ANNOUNCE_EVERY_MS = 10000, PROBES = 3, PROBE_EVERY_MS = HELD_PROBE_MS / PROBES };
enum { OFTEN_MS = 40 };      /* while who was cut off may come back: it is to be right at once */
enum { RESET_MS = 5 };       /* how long the ends of its connections are told of its own */
enum { DRAIN_EVERY_MS = 2 }; /* how often those are looked at who wait for an answer yet */
enum { CONTEST_MS = 1000 };  /* how often somebody else's use of the address is answered at most */

static bool is_free(const struct held_address *slot)
{
    return slot->address.prefix < 0;
}

static void note_on_disk(const struct held *held)
{
    char path[LIMIT_PATH], text[LIMIT_VIPS * 48] = "";
    struct error err;
    size_t used = 0;
    for (int i = 0; i < LIMIT_VIPS; i++)
        if (!is_free(&held->slots[i]))
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s\n",
                                     held->slots[i].text, held->slots[i].interface);
    snprintf(path, sizeof(path), "%s/addresses", held->state_dir);
    if (file_write(path, text, used, 0600, &err))
        log_error("%s", err.text);
}

/* Remove the addresses named in the note: for kernels that do not keep our mark. */
static void drop_noted(struct held *held)
{
    struct arena *arena = arena_new();
    char path[LIMIT_PATH], *text, *line, *rest;
    struct error err;
    snprintf(path, sizeof(path), "%s/addresses", held->state_dir);
    if (file_read(arena, path, 65536, &text, NULL, &err) == ERR_OK) {
        for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            char address[FENCE_NET], interface[FENCE_INTERFACE];
            struct ip4_net net;
            if (sscanf(line, "%18s %15s", address, interface) == 2 && ip4_net_parse(address, &net))
                netlink_drop(held->netlink, net, interface, &err);
        }
    }
    arena_free(arena);
}

enum error_code held_init(struct held *held, const char *state_dir, struct error *err)
{
    held->state_dir = state_dir;
    for (int i = 0; i < LIMIT_VIPS; i++)
        held->slots[i] = (struct held_address){.address.prefix = -1, .arp = -1};
    enum error_code code = netlink_open(&held->netlink, err);
    if (code)
        return code;
    int removed = netlink_drop_marked(held->netlink, err);
    if (removed < 0)
        return err->code;
    if (removed)
        log_warning("removed %d addresses that an earlier gantry-fenced left", removed);
    drop_noted(held);
    note_on_disk(held);
    struct error missing;
    if (guard_new(&held->guard, &missing)) /* the addresses still expire and are removed */
        log_warning("virtual addresses are not guarded: %s", missing.text);
    return ERR_OK;
}

static const struct held_address *find_held(const struct held *held, const char *text)
{
    for (int i = 0; i < LIMIT_VIPS; i++)
        if (!is_free(&held->slots[i]) && !strcmp(held->slots[i].text, text))
            return &held->slots[i];
    return NULL;
}

static struct held_address *find(struct held *held, const char *text)
{
    return (struct held_address *)find_held(held, text);
}

static struct held_address *free_slot(struct held *held)
{
    for (int i = 0; i < LIMIT_VIPS; i++)
        if (is_free(&held->slots[i]))
            return &held->slots[i];
    return NULL;
}

/* Under guard before it is on the interface; without one the address is held all the same. */
static void cover(struct held *held, struct held_address *slot)
{
    struct error err;
    slot->guarded = held->guard && guard_cover(held->guard, slot->address.address, slot->interface,
                                               &err) == ERR_OK;
    if (held->guard && !slot->guarded)
        log_warning("%s: guard degraded: %s", slot->text, err.text);
}

static enum error_code let_speak(struct held *held, struct held_address *slot, struct error *err)
{
    if (!held->guard)
        return ERR_OK;
    return guard_let(held->guard, slot->address.address, slot->deadline_ns, err);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* While its lease still lets it tell those whose connections end. */
static uint64_t ends_ns(const struct held_address *slot)
{
    uint64_t early_ns = 2 * RESET_MS * CLOCK_MS;
    return slot->deadline_ns > early_ns ? slot->deadline_ns - early_ns : 0;
}

/* Nothing is said from the address when its lease has ended, and nothing that is due waits. */
static uint64_t may_reset_until(const struct held *held, const struct held_address *slot)
{
    uint64_t until_ns = clock_boot_ns() + RESET_MS * CLOCK_MS;
    return earlier(until_ns, earlier(slot->deadline_ns, held->due_ns));
}

static void end_connections(const struct held *held, const struct held_address *slot)
{
    int ended = tcp_reset_all(slot->address.address, may_reset_until(held, slot));
    if (ended)
        log_info("%s: %d connections were ended", slot->text, ended);
}

static void release(struct held *held, struct held_address *slot)
{
    struct error err;
    if (!slot->probing)
        end_connections(held, slot);
    if (!slot->probing && held->guard)
        guard_mute(held->guard, slot->address.address);
    if (!slot->probing && netlink_drop(held->netlink, slot->address, slot->interface, &err))
        log_error("%s: %s", slot->text, err.text);
    if (slot->arp >= 0)
        close(slot->arp);
    *slot = (struct held_address){.address.prefix = -1, .arp = -1};
    note_on_disk(held);
}

/* Put it on the interface and begin to announce. The clock is read again after the change: a pause
 * in between must not leave an address whose lease has ended. Who asked learns by the error, and by
 * no notice, that it is not held: a notice would come before the answer. */
static enum error_code put_on(struct held *held, struct held_address *slot, struct error *err)
{
    if (clock_boot_ns() >= slot->deadline_ns)
        return error_set(err, ERR_TIMEOUT, "%s: its lease ended before it was added", slot->text);
    slot->probing = false;
    note_on_disk(held);
    cover(held, slot);
    enum error_code code = let_speak(held, slot, err);
    if (!code)
        code = netlink_add(held->netlink, slot->address, slot->interface, HELD_VALID_S, err);
    if (code)
        return error_wrap(err, "%s", slot->text);
    uint64_t now = clock_boot_ns();
    if (now >= ends_ns(slot))
        return error_set(err, ERR_TIMEOUT, "%s: its lease ended while it was added", slot->text);
    slot->step = 0;
    slot->next_step_ns = now;
    slot->next_refresh_ns = now + HELD_REFRESH_MS * CLOCK_MS;
    held_run(held, now, held->due_ns); /* announces */
    log_info("%s is on %s, epoch %llu", slot->text, slot->interface,
             (unsigned long long)slot->epoch);
    return ERR_OK;
}

static enum error_code begin(struct held *held, const struct fence_request *request,
                             struct held_address *slot, struct error *err)
{
    struct ip4_net net;
    if (!ip4_net_parse(request->address.address, &net))
        return error_set(err, ERR_BAD_INPUT, "not an address with prefix: %.18s",
                         request->address.address);
    *slot = (struct held_address){.address = net, .arp = -1, .epoch = request->address.epoch};
    slot->deadline_ns = request->address.deadline_ns;
    snprintf(slot->text, sizeof(slot->text), "%s", request->address.address);
    snprintf(slot->interface, sizeof(slot->interface), "%s", request->address.interface);
    enum error_code code = arp_open(slot->interface, &slot->arp, err);
    if (code || !request->address.probe)
        return code ? code : put_on(held, slot, err);
    slot->probing = true;
    slot->request = request->number;
    slot->next_step_ns = clock_boot_ns();
    return ERR_OK;
}

/* From the beginning: who has not heard of it, or has heard otherwise, hears it now. */
static void announce_again(struct held_address *slot, uint64_t now)
{
    slot->step = 0;
    slot->next_step_ns = now;
}

/* ---- given up ---- */

static void drop(struct held *held, struct held_address *slot)
{
    log_info("%s is dropped", slot->text);
    release(held, slot);
}

static void finish_drop(struct held *held, struct held_address *slot)
{
    uint32_t request = slot->request;
    drop(held, slot);
    held->answer(request, ERR_OK, "");
}

/* Who has been answered goes elsewhere from here on; who waits for an answer gets it yet. */
static void step_drain(struct held *held, struct held_address *slot, uint64_t now)
{
    slot->next_step_ns = now + DRAIN_EVERY_MS * CLOCK_MS;
    if (now >= slot->drained_ns ||
        tcp_reset_idle(slot->address.address, may_reset_until(held, slot)))
        finish_drop(held, slot);
}

void held_drop(struct held *held, const struct fence_request *request)
{
    struct held_address *slot = find(held, request->address.address);
    uint64_t now = clock_boot_ns();
    if (slot && slot->drained_ns)
        finish_drop(held, slot); /* asked again: not to be waited for */
    else if (slot && !slot->probing && now < request->address.deadline_ns) {
        slot->drained_ns = request->address.deadline_ns;
        slot->request = request->number;
        if (held->guard)
            guard_close(held->guard, slot->address.address);
        step_drain(held, slot, now);
        return;
    } else if (slot) {
        drop(held, slot);
    }
    held->answer(request->number, ERR_OK, "");
}

void held_add(struct held *held, const struct fence_request *request)
{
    struct error err = {0};
    enum error_code code;
    struct held_address *slot = find(held, request->address.address);
    if (slot && slot->drained_ns) {
        finish_drop(held, slot);
        slot = NULL;
    }
    if (slot) { /* held already: an add is then a renewal */
        struct fence_request renewal = {.type = FENCE_LEASE};
        renewal.lease.epoch = request->address.epoch;
        renewal.lease.deadline_ns = request->address.deadline_ns;
        snprintf(renewal.lease.address, FENCE_NET, "%s", request->address.address);
        code = held_renew(held, &renewal, &err);
        held->answer(request->number, code, err.text);
        return;
    }
    slot = free_slot(held);
    code = slot ? begin(held, request, slot, &err)
                : error_set(&err, ERR_LIMIT, "no more than %d addresses", LIMIT_VIPS);
    if (code && slot)
        release(held, slot);
    if (code || !slot->probing)
        held->answer(request->number, code, err.text);
}

enum error_code held_renew(struct held *held, const struct fence_request *request,
                           struct error *err)
{
    struct held_address *slot = find(held, request->lease.address);
    if (!slot)
        return error_set(err, ERR_NOT_FOUND, "%.18s is not held", request->lease.address);
    if (request->lease.epoch < slot->epoch)
        return error_set(err, ERR_CONFLICT, "%s: epoch %llu is older than %llu", slot->text,
                         (unsigned long long)request->lease.epoch, (unsigned long long)slot->epoch);
    if (request->lease.epoch > slot->epoch || request->lease.deadline_ns > slot->deadline_ns)
        slot->deadline_ns = request->lease.deadline_ns;
    slot->epoch = request->lease.epoch;
    bool often = request->lease.announce == FENCE_ANNOUNCE_OFTEN;
    if (!slot->probing &&
        (request->lease.announce == FENCE_ANNOUNCE_ANEW || (often && !slot->often)))
        announce_again(slot, clock_boot_ns());
    slot->often = often;
    return slot->probing ? ERR_OK : let_speak(held, slot, err);
}

bool held_lapse(struct held *held)
{
    bool any = false;
    for (int i = 0; i < LIMIT_VIPS; i++) {
        any |= !is_free(&held->slots[i]);
        held->slots[i].deadline_ns = 0;
    }
    held_run(held, clock_boot_ns(), held->due_ns);
    return any;
}

enum error_code held_nudge(const struct held *held, const struct fence_request *request,
                           struct error *err)
{
    const struct held_address *slot = find_held(held, request->nudge.address);
    int fd;
    if (!slot || slot->probing)
        return error_set(err, ERR_NOT_FOUND, "%.18s is not held", request->nudge.address);
    if (request->nudge.epoch != slot->epoch)
        return error_set(err, ERR_CONFLICT, "%s is held under epoch %llu", slot->text,
                         (unsigned long long)slot->epoch);
    enum error_code code = nudge_open(&fd, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < request->nudge.count && !code; i++) {
        struct nudge_end from = {slot->address.address, (uint16_t)request->nudge.ends[i].port};
        struct nudge_end to = {request->nudge.ends[i].peer,
                               (uint16_t)request->nudge.ends[i].peer_port};
        if (clock_boot_ns() >= slot->deadline_ns)
            code = error_set(err, ERR_TIMEOUT, "%s: its lease has ended", slot->text);
        else
            nudge_send(fd, from, to);
    }
    close(fd);
    return code;
}

static void step_probe(struct held *held, struct held_address *slot, uint64_t now)
{
    struct error err = {0};
    struct mac mac;
    char text[MAC_TEXT];
    enum error_code code = ERR_OK;
    if (arp_is_used(slot->arp, slot->interface, slot->address.address, &mac))
        code = error_set(&err, ERR_CONFLICT,
                         "%s is in use on %s by %s: free it there, or choose another address",
                         slot->text, slot->interface, mac_format(mac, text));
    else if (slot->step < PROBES) {
        arp_probe(slot->arp, slot->interface, slot->address.address);
        slot->step++;
        slot->next_step_ns = now + PROBE_EVERY_MS * CLOCK_MS;
        return;
    }
    uint32_t request = slot->request;
    if (!code)
        code = put_on(held, slot, &err);
    if (code)
        release(held, slot);
    held->answer(request, code, err.text);
}

/* A link that was down has other hosts behind it, or the same with empty tables. */
static void look_at_link(struct held_address *slot, uint64_t now)
{
    bool up = arp_link_is_up(slot->arp, slot->interface);
    if (up && slot->link_down)
        announce_again(slot, now);
    slot->link_down = !up;
}

void held_hear(struct held *held, int arp)
{
    uint64_t now = clock_boot_ns();
    struct mac mac;
    char text[MAC_TEXT];
    for (int i = 0; i < LIMIT_VIPS; i++) {
        struct held_address *slot = &held->slots[i];
        if (is_free(slot) || slot->probing || slot->arp != arp ||
            !arp_is_used(slot->arp, slot->interface, slot->address.address, &mac) ||
            now < slot->contest_ns + CONTEST_MS * CLOCK_MS)
            continue;
        log_warning("%s: %s on %s says that it has it; announced again", slot->text,
                    mac_format(mac, text), slot->interface);
        slot->contest_ns = now;
        announce_again(slot, now);
    }
}

static void step_announce(struct held_address *slot, uint64_t now)
{
    arp_announce(slot->arp, slot->interface, slot->address.address);
    slot->step++;
    int wait_ms = slot->step < (int)COUNT_OF(announce_ms)
                      ? announce_ms[slot->step] - announce_ms[slot->step - 1]
                      : ANNOUNCE_EVERY_MS;
    if (slot->often && wait_ms > OFTEN_MS)
        wait_ms = OFTEN_MS;
    slot->next_step_ns = now + (uint64_t)wait_ms * CLOCK_MS;
}

static void step(struct held *held, struct held_address *slot, uint64_t now)
{
    struct error err;
    if (now >= ends_ns(slot)) {
        char text[FENCE_NET];
        snprintf(text, sizeof(text), "%s", slot->text);
        uint32_t request = slot->probing || slot->drained_ns ? slot->request : 0;
        bool given_up = slot->drained_ns != 0;
        log_warning("%s is dropped: its lease ended", text);
        release(held, slot);
        if (request)
            held->answer(request, given_up ? ERR_OK : ERR_TIMEOUT, "its lease ended");
        else
            held->dropped(text);
        return;
    }
    if (slot->probing) {
        if (now >= slot->next_step_ns)
            step_probe(held, slot, now);
        return;
    }
    if (now >= slot->next_refresh_ns) {
        if (netlink_add(held->netlink, slot->address, slot->interface, HELD_VALID_S, &err))
            log_error("%s: %s", slot->text, err.text);
        slot->next_refresh_ns = now + HELD_REFRESH_MS * CLOCK_MS;
        look_at_link(slot, now);
    }
    if (now < slot->next_step_ns)
        return;
    if (slot->drained_ns)
        step_drain(held, slot, now);
    else
        step_announce(slot, now);
}

uint64_t held_run(struct held *held, uint64_t now_ns, uint64_t due_ns)
{
    uint64_t next = UINT64_MAX;
    held->due_ns = due_ns;
    for (int i = 0; i < LIMIT_VIPS; i++) {
        struct held_address *slot = &held->slots[i];
        if (!is_free(slot))
            step(held, slot, now_ns);
        if (is_free(slot))
            continue;
        next = earlier(next, earlier(ends_ns(slot), slot->next_step_ns));
        if (!slot->probing)
            next = earlier(next, slot->next_refresh_ns);
    }
    return next;
}

void held_give_up(struct held *held)
{
    for (int i = 0; i < LIMIT_VIPS; i++)
        if (!is_free(&held->slots[i]))
            release(held, &held->slots[i]);
}

void held_drop_all(struct held *held)
{
    held_give_up(held);
    guard_free(held->guard);
    held->guard = NULL;
}

void held_report(const struct held *held, struct fence_report *report)
{
    report->addresses = 0;
    for (int i = 0; i < LIMIT_VIPS; i++) {
        const struct held_address *slot = &held->slots[i];
        if (is_free(slot) || slot->probing)
            continue;
        snprintf(report->address[report->addresses].address, FENCE_NET, "%s", slot->text);
        report->address[report->addresses].guarded = slot->guarded;
        report->address[report->addresses++].epoch = slot->epoch;
    }
}
