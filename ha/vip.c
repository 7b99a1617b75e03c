/* The virtual IPs this member should hold: see vip.h. */
#include "ha/vip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/lease.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum { RETRY_MS = 1000 };

/* One address as this process deals with it. */
struct hold {
    char net[CLUSTER_NET]; /* "" = free */
    uint64_t epoch;        /* acquired by this process; an older one is not ours to use */
    bool held, busy;
    uint64_t wait_until_ns;            /* after fenced refused */
    uint64_t claimed_ns, claimed_from; /* when this process claimed it last, and of which epoch */
    uint64_t next_renew_ns;
};

struct vip {
    struct vip_setup setup;
    struct hold holds[LIMIT_VIPS];
    char problem[256];
};

struct vip_ask {
    struct vip *vip;
    struct hold *hold;
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
    free(vip);
}

static struct hold *find(struct vip *vip, const char *net)
{
    struct hold *empty = NULL;
    for (int i = 0; i < LIMIT_VIPS; i++) {
        if (!strcmp(vip->holds[i].net, net))
            return &vip->holds[i];
        if (!vip->holds[i].net[0] && !empty)
            empty = &vip->holds[i];
    }
    ASSERT(empty); /* the cluster has no more than LIMIT_VIPS */
    *empty = (struct hold){.held = false};
    snprintf(empty->net, sizeof(empty->net), "%s", net);
    return empty;
}

static void after_ask(void *subject, const struct fence_reply *reply, int fd)
{
    struct vip_ask ask = *(struct vip_ask *)subject;
    struct vip *vip = ask.vip;
    (void)fd;
    free(subject);
    ask.hold->busy = false;
    if (reply->code) {
        if (strcmp(vip->problem, reply->text))
            log_error("virtual IP %s: %s", ask.hold->net, reply->text);
        snprintf(vip->problem, sizeof(vip->problem), "%.255s", reply->text);
        ask.hold->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
        ask.hold->held &= reply->code != ERR_NOT_FOUND;
    } else {
        vip->problem[0] = '\0';
        ask.hold->held = ask.type != FENCE_ADDRESS_DROP;
    }
    vip->setup.changed(vip->setup.owner);
}

static void ask_fenced(struct vip *vip, struct hold *hold, struct fence_request *request)
{
    struct vip_ask *ask = calloc(1, sizeof(*ask));
    ASSERT(ask);
    *ask = (struct vip_ask){vip, hold, request->type};
    hold->busy = true;
    fence_link_send(vip->setup.fence, request, after_ask, ask);
}

/* The deadline of what is asked for now: this member is the only acceptor. */
static uint64_t deadline_ns(struct hold *hold, const struct cluster_vip *fact)
{
    uint64_t now = clock_boot_ns();
    hold->next_renew_ns = now + lease_renew_ms(fact->lease_ms) * CLOCK_MS;
    return lease_holder_end_ns(now, fact->lease_ms) - LEASE_MARGIN_ADDRESS_MS * CLOCK_MS;
}

static void put_on(struct vip *vip, struct hold *hold, const struct cluster_vip *fact)
{
    struct fence_request request = {.type = FENCE_ADDRESS_ADD};
    snprintf(request.address.address, FENCE_NET, "%.18s", fact->net);
    snprintf(request.address.interface, FENCE_INTERFACE, "%s", fact->interface);
    request.address.epoch = fact->epoch;
    request.address.probe = 1;
    request.address.deadline_ns = deadline_ns(hold, fact);
    ask_fenced(vip, hold, &request);
}

static void renew(struct vip *vip, struct hold *hold, const struct cluster_vip *fact)
{
    struct fence_request request = {.type = FENCE_LEASE};
    request.lease.resource = FENCE_RESOURCE_ADDRESS;
    request.lease.epoch = fact->epoch;
    snprintf(request.lease.address, FENCE_NET, "%.18s", fact->net);
    request.lease.deadline_ns = deadline_ns(hold, fact);
    ask_fenced(vip, hold, &request);
}

static void drop(struct vip *vip, struct hold *hold)
{
    struct fence_request request = {.type = FENCE_ADDRESS_DROP};
    snprintf(request.address.address, FENCE_NET, "%.18s", hold->net);
    ask_fenced(vip, hold, &request);
}

/* A restarted process has a new incarnation and asks for a new epoch, even of its own address. */
static void claim(struct vip *vip, struct hold *hold, const struct cluster_vip *fact, uint64_t self)
{
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_VIP_ASSIGN;
    snprintf(command.vip_assign.net, sizeof(command.vip_assign.net), "%s", fact->net);
    command.vip_assign.epoch = fact->epoch;
    command.vip_assign.holder = self;
    hold->claimed_from = fact->epoch;
    hold->claimed_ns = clock_boot_ns();
    vip->setup.propose(vip->setup.owner, &command);
}

static void look_at(struct vip *vip, struct hold *hold, const struct cluster_vip *fact,
                    uint64_t self, bool leads)
{
    uint64_t now = clock_boot_ns();
    if (hold->claimed_ns && fact->holder == self && fact->epoch > hold->claimed_from) {
        hold->epoch = fact->epoch; /* what was claimed is ours now */
        hold->claimed_ns = 0;
    }
    bool ours = fact->holder == self && fact->epoch == hold->epoch;
    if (hold->held && ours && now >= hold->next_renew_ns)
        renew(vip, hold, fact);
    else if (hold->held && !ours)
        drop(vip, hold);
    else if (!hold->held && ours && now >= hold->wait_until_ns)
        put_on(vip, hold, fact);
    else if (!ours && leads && now >= hold->claimed_ns + RETRY_MS * CLOCK_MS &&
             (fact->holder == 0 || fact->holder == self))
        claim(vip, hold, fact, self);
}

void vip_look(struct vip *vip, const struct cluster_state *facts, uint64_t self, bool leads,
              bool fit)
{
    for (int i = 0; i < facts->vips_count; i++) {
        struct hold *hold = find(vip, facts->vips[i].net);
        if (!hold->busy && fit)
            look_at(vip, hold, &facts->vips[i], self, leads);
    }
    for (int i = 0; i < LIMIT_VIPS; i++) {
        struct hold *hold = &vip->holds[i];
        bool wanted = fit && hold->net[0] && cluster_state_vip(facts, hold->net);
        if (hold->held && !wanted && !hold->busy)
            drop(vip, hold);
        else if (!hold->busy && !cluster_state_vip(facts, hold->net))
            *hold = (struct hold){.held = false}; /* removed: its place is free again */
    }
}

void vip_dropped(struct vip *vip, const char *net)
{
    struct hold *hold = find(vip, net);
    hold->held = false;
    hold->epoch = 0; /* what ended is never taken up again: a new epoch */
    vip->setup.changed(vip->setup.owner);
}

bool vip_held(const struct vip *vip, const char *net)
{
    for (int i = 0; i < LIMIT_VIPS; i++)
        if (!strcmp(vip->holds[i].net, net))
            return vip->holds[i].held;
    return false;
}

const char *vip_problem(const struct vip *vip)
{
    return vip->problem;
}
