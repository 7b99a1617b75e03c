/* Leases, both sides: see lease_core.h. */
#include "ha/lease_core.h"

#include <string.h>

#include "ha/lease.h"
#include "ha/plant.h"
#include "src/base/address.h"
#include "src/base/clock.h"

/* ---- acceptor ---- */

void lease_acceptor_start(struct lease_acceptor *acceptor, const struct lease_floor *floor,
                          uint64_t now_ns)
{
    memset(acceptor, 0, sizeof(*acceptor));
    if (PLANTED(forget_floor))
        return;
    acceptor->version = floor->version;
    acceptor->lease_ms_max = floor->lease_ms_max;
    acceptor->count = floor->count;
    ASSERT(floor->count >= 0 && floor->count <= LEASE_ROWS);
    for (int i = 0; i < floor->count; i++)
        acceptor->rows[i].floor = floor->rows[i];
    /* A new member never promised anything, so it need not wait. */
    acceptor->ready_ns =
        floor->lease_ms_max ? now_ns + lease_restart_wait_ns(floor->lease_ms_max) : now_ns;
}

static struct lease_row *row_of(struct lease_acceptor *acceptor, struct lease_resource resource)
{
    for (int i = 0; i < acceptor->count; i++)
        if (lease_resource_equal(acceptor->rows[i].floor.resource, resource))
            return &acceptor->rows[i];
    if (acceptor->count == LEASE_ROWS)
        return NULL;
    struct lease_row *row = &acceptor->rows[acceptor->count++];
    *row = (struct lease_row){.floor.resource = resource};
    return row;
}

static void see(struct lease_acceptor *acceptor, struct lease_resource resource, uint64_t epoch)
{
    struct lease_row *row = epoch ? row_of(acceptor, resource) : NULL;
    if (row && row->floor.seen < epoch)
        row->floor.seen = epoch;
}

struct lease_resource lease_resource_vip(const struct cluster_vip *vip)
{
    struct ip4_net net = {0, 0};
    bool parsed = ip4_net_parse(vip->net, &net);
    ASSERT(parsed);
    return (struct lease_resource){CLUSTER_LEASE_VIP, net.address};
}

/* Rows of virtual IPs that exist no more, once nothing is promised for them. */
static void forget_rows(struct lease_acceptor *acceptor, const struct cluster_state *facts)
{
    for (int i = acceptor->count - 1; i >= 0; i--) {
        struct lease_row *row = &acceptor->rows[i];
        bool known =
            row->floor.resource.kind != CLUSTER_LEASE_VIP || acceptor->asked_ns < row->until_ns;
        for (int k = 0; k < facts->vips_count && !known; k++)
            known = lease_resource_equal(row->floor.resource, lease_resource_vip(&facts->vips[k]));
        if (!known)
            *row = acceptor->rows[--acceptor->count];
    }
}

void lease_acceptor_facts(struct lease_acceptor *acceptor, const struct cluster_state *facts,
                          uint64_t self)
{
    const struct cluster_member *member = cluster_state_member(facts, self);
    acceptor->member = member && member->acceptor;
    acceptor->lease_ms_limit = facts->lease_ms_max;
    if (acceptor->version < facts->acceptors_version)
        acceptor->version = facts->acceptors_version;
    if (acceptor->count > LEASE_ROWS / 2)
        forget_rows(acceptor, facts);
    see(acceptor, (struct lease_resource){CLUSTER_LEASE_PRIMARY, 0}, facts->primary.epoch);
    for (int i = 0; i < facts->vips_count; i++)
        see(acceptor, lease_resource_vip(&facts->vips[i]), facts->vips[i].epoch);
}

/* May this row be promised to the claim? */
static enum lease_verdict judge(const struct lease_row *row, uint64_t now_ns,
                                const struct lease_claim *claim)
{
    bool same_epoch = row->epoch == claim->epoch;
    bool same = same_epoch && row->incarnation == claim->incarnation;
    if (claim->epoch < row->floor.seen)
        return LEASE_OLD_EPOCH;
    if (claim->epoch <= row->floor.released)
        return LEASE_RELEASED;
    if (same_epoch && !same && !PLANTED(any_incarnation))
        return LEASE_OTHER_PROCESS;
    if (!same && now_ns < row->until_ns && !(PLANTED(ignore_epoch) && claim->epoch > row->epoch) &&
        !PLANTED(any_incarnation))
        return LEASE_OTHER;
    if (same_epoch && row->lease_ms != claim->lease_ms)
        return LEASE_DURATION;
    return LEASE_GRANTED;
}

enum lease_verdict lease_acceptor_request(struct lease_acceptor *acceptor, uint64_t now_ns,
                                          const struct lease_claim *claim)
{
    acceptor->asked_ns = now_ns;
    if (!acceptor->member)
        return LEASE_NOT_MEMBER;
    if (now_ns < acceptor->ready_ns)
        return LEASE_NOT_READY;
    if (claim->version < acceptor->version)
        return LEASE_OLD_VERSION;
    if (!claim->epoch || !claim->lease_ms || claim->lease_ms > acceptor->lease_ms_limit)
        return LEASE_DURATION;
    struct lease_row *row = row_of(acceptor, claim->resource);
    if (!row)
        return LEASE_FULL;
    enum lease_verdict verdict = judge(row, now_ns, claim);
    if (row->floor.seen < claim->epoch) /* from now on the lower one is not renewed */
        row->floor.seen = claim->epoch;
    if (verdict)
        return verdict;
    uint64_t until_ns = lease_promise_end_ns(now_ns, claim->lease_ms);
    ASSERT(row->epoch != claim->epoch || until_ns >= row->until_ns);
    ASSERT(claim->epoch >= row->epoch);
    row->epoch = claim->epoch;
    row->incarnation = claim->incarnation;
    row->lease_ms = claim->lease_ms;
    row->until_ns = until_ns;
    acceptor->version = claim->version;
    if (acceptor->lease_ms_max < claim->lease_ms)
        acceptor->lease_ms_max = claim->lease_ms;
    return LEASE_GRANTED;
}

void lease_acceptor_release(struct lease_acceptor *acceptor, const struct lease_release *release)
{
    struct lease_row *row = row_of(acceptor, release->resource);
    /* Of another process, or late: that epoch is not this one's to give back. */
    if (!row || (row->epoch == release->epoch && row->incarnation != release->incarnation))
        return;
    if (row->floor.released < release->epoch)
        row->floor.released = release->epoch;
    if (row->epoch == release->epoch)
        row->until_ns = 0;
}

void lease_acceptor_floor(const struct lease_acceptor *acceptor, struct lease_floor *floor)
{
    memset(floor, 0, sizeof(*floor));
    floor->version = acceptor->version;
    floor->lease_ms_max = acceptor->lease_ms_max;
    floor->count = acceptor->count;
    for (int i = 0; i < acceptor->count; i++)
        floor->rows[i] = acceptor->rows[i].floor;
}

int lease_acceptor_promised(const struct lease_acceptor *acceptor, uint64_t now_ns,
                            struct lease_promised promised[MEMBER_MESSAGE_PROMISES])
{
    int count = 0;
    for (int i = 0; i < acceptor->count && count < MEMBER_MESSAGE_PROMISES; i++) {
        const struct lease_row *row = &acceptor->rows[i];
        /* While it may have promised before its start, the epoch it saw counts as promised. */
        bool unsure = now_ns < acceptor->ready_ns && row->floor.released < row->floor.seen;
        promised[count++] =
            (struct lease_promised){row->floor.resource, unsure ? row->floor.seen : row->epoch,
                                    unsure || now_ns < row->until_ns};
    }
    return count;
}

uint64_t lease_acceptor_lapse_ns(const struct lease_acceptor *acceptor, uint64_t now_ns)
{
    uint64_t lapse_ns = UINT64_MAX;
    for (int i = 0; i < acceptor->count; i++)
        if (acceptor->rows[i].until_ns > now_ns && acceptor->rows[i].until_ns < lapse_ns)
            lapse_ns = acceptor->rows[i].until_ns;
    return lapse_ns;
}

/* ---- holder ---- */

void lease_holder_init(struct lease_holder *holder, struct lease_resource resource, uint64_t epoch,
                       uint64_t incarnation, uint32_t lease_ms)
{
    ASSERT(epoch && incarnation && lease_ms);
    *holder = (struct lease_holder){
        .resource = resource, .epoch = epoch, .incarnation = incarnation, .lease_ms = lease_ms};
}

/* A request that the majority did not answer is given up for a new one after two periods: its
 * grants, when they come, count for nothing. */
uint64_t lease_holder_due_ns(const struct lease_holder *holder)
{
    uint64_t period_ns = lease_renew_ms(holder->lease_ms) * CLOCK_MS;
    if (!holder->number)
        return 0;
    return holder->asked_ns + (holder->counted ? period_ns : 2 * period_ns);
}

bool lease_holder_ask(struct lease_holder *holder, uint64_t now_ns,
                      const struct cluster_state *facts, struct lease_claim *claim)
{
    ASSERT(now_ns >= holder->asked_ns);
    if (holder->released)
        return false;
    if (!PLANTED(count_two_requests))
        memset(holder->granted, 0, sizeof(holder->granted));
    holder->acceptors_count = 0;
    for (int i = 0; i < facts->members_count; i++)
        if (facts->members[i].acceptor)
            holder->acceptors[holder->acceptors_count++] = facts->members[i].id;
    if (!holder->acceptors_count)
        return false;
    holder->counted = false;
    holder->number++;
    holder->version = facts->acceptors_version;
    holder->asked_ns = now_ns;
    *claim = (struct lease_claim){holder->resource,    holder->epoch,  holder->version,
                                  holder->incarnation, holder->number, holder->lease_ms};
    return true;
}

static bool is_of_request(const struct lease_holder *holder, const struct lease_claim *grant)
{
    return lease_resource_equal(grant->resource, holder->resource) &&
           grant->epoch == holder->epoch && grant->incarnation == holder->incarnation &&
           (grant->number == holder->number || PLANTED(count_two_requests)) &&
           grant->version == holder->version && grant->lease_ms == holder->lease_ms;
}

bool lease_holder_granted(struct lease_holder *holder, uint64_t member,
                          const struct lease_claim *grant)
{
    int granted = 0;
    if (holder->released || !is_of_request(holder, grant))
        return false;
    for (int i = 0; i < holder->acceptors_count; i++) {
        holder->granted[i] |= holder->acceptors[i] == member;
        granted += holder->granted[i];
    }
    if (2 * granted <= holder->acceptors_count || holder->counted)
        return false;
    holder->counted = true;
    uint64_t until_ns = lease_holder_end_ns(holder->asked_ns, holder->lease_ms);
    ASSERT(until_ns >= holder->until_ns); /* requests follow each other in time */
    holder->until_ns = until_ns;
    return true;
}

bool lease_holder_live(const struct lease_holder *holder, uint64_t now_ns)
{
    return !holder->released && now_ns < holder->until_ns;
}

void lease_holder_release(struct lease_holder *holder, struct lease_release *release)
{
    holder->released = true;
    holder->until_ns = 0;
    *release = (struct lease_release){holder->resource, holder->epoch, holder->incarnation};
}
