/* The virtual IPs this member should hold: see vip.h. */
#include "ha/vip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/lease.h"
#include "src/base/address.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum {
    RETRY_MS = 1000,
    CLAIM_MS = 300,
    DRAIN_MS = 300, /* for what clients wait for when the address goes to another */
};

/* When clients of the holder before are made to speak, after the address was taken: a client
 * answers such a segment twice a second at most, and the first may come before it has learnt where
 * the address is. */
static const uint32_t nudge_ms[] = {0, 600, 1500};

/* One address as this process deals with it. */
struct address {
    struct vip *vip;
    char net[CLUSTER_NET]; /* "" = free place */
    char interface[CLUSTER_INTERFACE];
    bool held, busy;
    bool unheld;      /* nobody ever held it: somebody else on the wire may */
    uint64_t foreign; /* an epoch that is not this process' to use */
    uint64_t wait_until_ns;
    uint64_t claimed_ns;
    uint64_t taken_ns; /* when it came to this host */
    size_t nudges;     /* done since */
    struct lease_hold hold;
};

struct vip {
    struct vip_setup setup;
    struct address addresses[LIMIT_VIPS];
    bool looked, silence;
    char problem[256];
};

struct vip_ask {
    struct address *address;
    uint32_t type;
};

struct vip *vip_new(const struct vip_setup *setup)
{
    struct vip *vip = calloc(1, sizeof(*vip));
    ASSERT(vip);
    vip->setup = *setup;
    return vip;
}

void vip_free(struct vip *vip)
{
    for (int i = 0; i < LIMIT_VIPS; i++)
        leases_forget(vip->setup.leases, &vip->addresses[i].hold);
    free(vip);
}

static struct address *find(struct vip *vip, const char *net)
{
    for (int i = 0; i < LIMIT_VIPS; i++)
        if (!strcmp(vip->addresses[i].net, net))
            return &vip->addresses[i];
    return NULL;
}

static struct address *find_or_add(struct vip *vip, const struct cluster_vip *fact, uint64_t self)
{
    struct address *address = find(vip, fact->net);
    if (address)
        return address;
    address = find(vip, "");
    ASSERT(address); /* the cluster has no more than LIMIT_VIPS */
    *address = (struct address){.vip = vip};
    snprintf(address->net, sizeof(address->net), "%s", fact->net);
    snprintf(address->interface, sizeof(address->interface), "%s", fact->interface);
    /* What this member had when the process began was an earlier process'. */
    if (!vip->looked && fact->holder == self)
        address->foreign = fact->epoch;
    return address;
}

static uint64_t deadline_ns(const struct address *address)
{
    return address->hold.core.until_ns - LEASE_MARGIN_ADDRESS_MS * CLOCK_MS;
}

/* The answer is not waited for: a refused renewal ends in a notice that it was dropped, and who is
 * not nudged now is later. */
static void take_no_answer(void *subject, const struct fence_reply *reply, int fd)
{
    (void)subject, (void)reply, (void)fd;
}

static void nudge_some(const struct address *address, const struct caller *callers, int count)
{
    struct fence_request request = {.type = FENCE_NUDGE};
    snprintf(request.nudge.address, FENCE_NET, "%.18s", address->net);
    request.nudge.epoch = address->hold.core.epoch;
    request.nudge.count = (uint32_t)count;
    for (int i = 0; i < count; i++) {
        request.nudge.ends[i].peer = callers[i].peer;
        request.nudge.ends[i].peer_port = callers[i].peer_port;
        request.nudge.ends[i].port = callers[i].vip_port;
    }
    fence_link_send(address->vip->setup.fence, &request, take_no_answer, NULL);
}

static void nudge_all(const struct address *address, const struct caller *callers, int count)
{
    for (int at = 0; at < count; at += FENCE_NUDGES)
        nudge_some(address, callers + at, count - at < FENCE_NUDGES ? count - at : FENCE_NUDGES);
}

/* Those who wait for the answer of the holder before. */
static void nudge(struct address *address)
{
    static struct caller found[CALLERS_KEPT], guessed[CALLERS_GUESSES * CALLERS_GUESSED];
    uint64_t now_ns = clock_boot_ns();
    struct ip4_net net;
    if (!address->held || address->nudges == COUNT_OF(nudge_ms) ||
        now_ns < address->taken_ns + nudge_ms[address->nudges] * CLOCK_MS ||
        !ip4_net_parse(address->net, &net))
        return;
    address->nudges++;
    int count = callers_of(address->vip->setup.callers, net.address, address->taken_ns, found,
                           CALLERS_KEPT);
    nudge_all(address, found, count);
    nudge_all(address, guessed, callers_guess(found, count, guessed));
}

static void after_ask(void *subject, const struct fence_reply *reply, int fd)
{
    struct vip_ask ask = *(struct vip_ask *)subject;
    struct address *address = ask.address;
    struct vip *vip = address->vip;
    (void)fd;
    free(subject);
    address->busy = false;
    if (reply->code) {
        if (strcmp(vip->problem, reply->text))
            log_error("virtual IP %s: %s", address->net, reply->text);
        snprintf(vip->problem, sizeof(vip->problem), "%.255s", reply->text);
        address->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
        address->held &= reply->code != ERR_NOT_FOUND;
    } else {
        vip->problem[0] = '\0';
        bool taken = !address->held && ask.type == FENCE_ADDRESS_ADD;
        address->held = ask.type != FENCE_ADDRESS_DROP;
        if (taken) {
            address->taken_ns = clock_boot_ns();
            address->nudges = 0;
            nudge(address);
        }
    }
    if (!address->held && ask.type == FENCE_ADDRESS_DROP) /* it has stopped: give it back */
        leases_release(vip->setup.leases, &address->hold);
    vip->setup.changed(vip->setup.owner);
}

static void ask_fenced(struct address *address, struct fence_request *request)
{
    struct vip_ask *ask = calloc(1, sizeof(*ask));
    ASSERT(ask);
    *ask = (struct vip_ask){address, request->type};
    address->busy = true;
    fence_link_send(address->vip->setup.fence, request, after_ask, ask);
}

static void put_on(struct address *address)
{
    struct fence_request request = {.type = FENCE_ADDRESS_ADD};
    snprintf(request.address.address, FENCE_NET, "%.18s", address->net);
    snprintf(request.address.interface, FENCE_INTERFACE, "%s", address->interface);
    request.address.epoch = address->hold.core.epoch;
    request.address.probe = address->unheld;
    request.address.deadline_ns = deadline_ns(address);
    ask_fenced(address, &request);
}

static void renew(const struct address *address, enum fence_announce announce)
{
    struct fence_request request = {.type = FENCE_LEASE};
    request.lease.resource = FENCE_RESOURCE_ADDRESS;
    request.lease.epoch = address->hold.core.epoch;
    request.lease.announce = announce;
    snprintf(request.lease.address, FENCE_NET, "%.18s", address->net);
    request.lease.deadline_ns = deadline_ns(address);
    fence_link_send(address->vip->setup.fence, &request, take_no_answer, NULL);
}

static void on_extended(void *owner, struct lease_hold *hold)
{
    struct address *address = owner;
    (void)hold;
    if (address->held || address->busy)
        renew(address, address->vip->silence ? FENCE_ANNOUNCE_OFTEN : FENCE_ANNOUNCE_KEEP);
    else if (clock_boot_ns() >= address->wait_until_ns)
        put_on(address);
}

static void drop(struct address *address, uint32_t drain_ms)
{
    struct fence_request request = {.type = FENCE_ADDRESS_DROP};
    snprintf(request.address.address, FENCE_NET, "%.18s", address->net);
    request.address.deadline_ns = drain_ms ? clock_boot_ns() + drain_ms * CLOCK_MS : 0;
    ask_fenced(address, &request);
}

/* Of an earlier process, or given back once: a new epoch, of our own address. */
static void claim(struct vip *vip, struct address *address, const struct cluster_vip *fact,
                  uint64_t self)
{
    struct command command = {.kind = COMMAND_VIP_ASSIGN};
    uint64_t now = clock_boot_ns();
    if (now < address->claimed_ns + CLAIM_MS * CLOCK_MS)
        return;
    memcpy(command.vip_assign.net, fact->net, sizeof(fact->net));
    command.vip_assign.epoch = fact->epoch;
    command.vip_assign.holder = self;
    address->claimed_ns = now;
    vip->setup.propose(vip->setup.owner, &command);
}

static void look_at(struct vip *vip, struct address *address, const struct cluster_vip *fact,
                    uint64_t self, bool fit)
{
    bool ours = fit && fact->holder == self;
    struct lease_hold *hold = &address->hold;
    bool current = ours && hold->core.epoch == fact->epoch;
    if (!fact->holder)
        address->unheld = true;
    else if (fact->holder != self)
        address->unheld = false;
    nudge(address);
    if (address->busy)
        return;
    if (hold->core.epoch && !current) {
        address->foreign = hold->core.epoch; /* final */
        drop(address, fit ? DRAIN_MS : 0);   /* stop first, then give back */
    } else if (ours && !hold->core.epoch && fact->epoch == address->foreign) {
        claim(vip, address, fact, self);
    } else if (ours && !hold->core.epoch) {
        hold->extended = on_extended;
        hold->owner = address;
        leases_want(vip->setup.leases, hold, lease_resource_vip(fact), fact->epoch, fact->lease_ms);
    }
}

void vip_look(struct vip *vip, const struct cluster_state *facts, uint64_t self, bool fit)
{
    for (int i = 0; i < facts->vips_count; i++)
        look_at(vip, find_or_add(vip, &facts->vips[i], self), &facts->vips[i], self, fit);
    vip->looked = true;
    for (int i = 0; i < LIMIT_VIPS; i++) {
        struct address *address = &vip->addresses[i];
        if (!address->net[0] || address->busy || cluster_state_vip(facts, address->net))
            continue;
        if (address->held || address->hold.core.epoch)
            drop(address, 0);
        else
            *address = (struct address){.vip = NULL}; /* removed: its place is free again */
    }
}

void vip_silence(struct vip *vip, bool silence)
{
    vip->silence = silence;
}

void vip_announce(struct vip *vip)
{
    for (int i = 0; i < LIMIT_VIPS; i++) {
        struct address *address = &vip->addresses[i];
        if (address->net[0] && address->held && !address->busy &&
            lease_hold_live(&address->hold, address->hold.core.epoch))
            renew(address,
                  FENCE_ANNOUNCE_ANEW); /* never put on: fenced may have dropped it, and says so */
    }
}

void vip_dropped(struct vip *vip, const char *net)
{
    struct address *address = find(vip, net);
    if (!address)
        return;
    address->held = false;
    address->foreign = address->hold.core.epoch; /* what ended is never taken up again */
    leases_release(vip->setup.leases, &address->hold);
    vip->setup.changed(vip->setup.owner);
}

bool vip_held(const struct vip *vip, const char *net)
{
    for (int i = 0; i < LIMIT_VIPS; i++)
        if (!strcmp(vip->addresses[i].net, net))
            return vip->addresses[i].held;
    return false;
}

const char *vip_problem(const struct vip *vip)
{
    return vip->problem;
}
