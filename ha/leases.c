/* Leases with a real clock, disk and network: see leases.h. */
#include "ha/leases.h"

#include <stdlib.h>
#include <string.h>

#include "ha/lease.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum { FIRST_AGAIN_MS = 30 }; /* an unanswered first request is asked again, then less often */

struct leases {
    struct leases_setup setup;
    struct lease_acceptor acceptor;
    struct cluster_state facts;
    uint64_t self;
    bool have_facts, closing;
    bool unenforced; /* fenced does not answer */
    int grants;      /* that wait for the disk */
    bool timer_gone;
    struct lease_hold *holds;
    struct loop_timer timer;
};

/* A grant that waits until the floor is durable. */
struct grant {
    struct leases *leases;
    uint64_t member;
    struct lease_claim claim;
};

static void arm(struct leases *leases);

static void free_if_unused(struct leases *leases)
{
    if (leases->closing && leases->timer_gone && !leases->grants)
        free(leases);
}

/* ---- the holder ---- */

static void take_grant(struct leases *leases, uint64_t member, const struct lease_claim *claim)
{
    for (struct lease_hold *hold = leases->holds; hold; hold = hold->next) {
        if (!lease_holder_granted(&hold->core, member, claim))
            continue;
        hold->misses = 0;
        hold->next_ns = lease_holder_due_ns(&hold->core);
        if (hold->extended)
            hold->extended(hold->owner, hold);
        return; /* extended may have changed the list */
    }
}

/* ---- the acceptor ---- */

static void send_grant(struct leases *leases, uint64_t member, const struct lease_claim *claim)
{
    struct member_message message = {.kind = MEMBER_LEASE_GRANT, .claim = *claim};
    if (member == leases->self)
        take_grant(leases, member, claim);
    else
        leases->setup.send(leases->setup.owner, member, &message);
}

static void on_stored(void *subject)
{
    struct grant *grant = subject;
    struct leases *leases = grant->leases;
    leases->grants--;
    if (!leases->closing)
        send_grant(leases, grant->member, &grant->claim);
    free(grant);
    free_if_unused(leases);
}

/* Is all on disk that this grant rests on? A renewal waits for nobody's disk, whatever else is
 * being written: when that hangs, it would end every lease. */
static bool is_durable(const struct lease_floor *stored, const struct lease_claim *claim)
{
    if (stored->version < claim->version || stored->lease_ms_max < claim->lease_ms)
        return false;
    for (int i = 0; i < stored->count; i++)
        if (lease_resource_equal(stored->rows[i].resource, claim->resource))
            return stored->rows[i].seen >= claim->epoch;
    return false;
}

static void take_request(struct leases *leases, uint64_t member, const struct lease_claim *claim)
{
    enum lease_verdict verdict = lease_acceptor_request(&leases->acceptor, clock_boot_ns(), claim);
    if (verdict) {
        log_debug("lease of %s, epoch %llu: not granted to member %llu (%d)",
                  cluster_lease_word(claim->resource.kind), (unsigned long long)claim->epoch,
                  (unsigned long long)member, (int)verdict);
        return;
    }
    lease_acceptor_floor(&leases->acceptor, &floor_wanted(leases->setup.floor)->lease);
    if (is_durable(&floor_stored(leases->setup.floor)->lease, claim)) {
        send_grant(leases, member, claim);
        return;
    }
    struct grant *grant = calloc(1, sizeof(*grant));
    ASSERT(grant);
    *grant = (struct grant){leases, member, *claim};
    leases->grants++;
    if (floor_sync(leases->setup.floor, on_stored, grant))
        on_stored(grant);
}

/* Who waits for it asks again at once: an orderly move is as short as its messages. */
static void take_release(struct leases *leases, const struct lease_release *release)
{
    lease_acceptor_release(&leases->acceptor, release);
    for (struct lease_hold *hold = leases->holds; hold; hold = hold->next)
        if (lease_resource_equal(hold->core.resource, release->resource) &&
            !lease_hold_live(hold, hold->core.epoch)) {
            hold->next_ns = 0;
            hold->misses = 0;
        }
}

void leases_heard(struct leases *leases, uint64_t member, const struct member_message *message)
{
    if (!leases->have_facts || leases->closing)
        return;
    if (message->kind == MEMBER_LEASE_REQUEST)
        take_request(leases, member, &message->claim);
    else if (message->kind == MEMBER_LEASE_GRANT)
        take_grant(leases, member, &message->claim);
    else if (message->kind == MEMBER_LEASE_RELEASE)
        take_release(leases, &message->release);
    arm(leases);
}

/* ---- asking ---- */

static bool rests(const struct leases *leases, const struct lease_hold *hold)
{
    return hold->paused || (leases->unenforced && hold->core.resource.kind != CLUSTER_LEASE_DUTY);
}

static void ask(struct leases *leases, struct lease_hold *hold, uint64_t now_ns)
{
    struct member_message message = {.kind = MEMBER_LEASE_REQUEST};
    bool self_accepts = false;
    if (!lease_holder_ask(&hold->core, now_ns, &leases->facts, &message.claim))
        return;
    /* While it is not held the wait for another's promise is short; each miss doubles it. */
    uint64_t again_ms = FIRST_AGAIN_MS << (hold->misses < 3 ? hold->misses : 3);
    uint64_t due_ns = lease_holder_due_ns(&hold->core);
    bool held = now_ns < hold->core.until_ns;
    hold->misses++;
    hold->next_ns = held ? due_ns : now_ns + again_ms * CLOCK_MS;
    for (int i = 0; i < hold->core.acceptors_count; i++) {
        if (hold->core.acceptors[i] == leases->self)
            self_accepts = true;
        else
            leases->setup.send(leases->setup.owner, hold->core.acceptors[i], &message);
    }
    if (self_accepts)
        take_request(leases, leases->self, &message.claim);
}

static void on_timer(struct loop_timer *timer)
{
    struct leases *leases = container_of(timer, struct leases, timer);
    uint64_t now_ns = clock_boot_ns();
    for (struct lease_hold *hold = leases->holds, *next; hold; hold = next) {
        next = hold->next;
        if (!rests(leases, hold) && now_ns >= hold->next_ns)
            ask(leases, hold, now_ns);
    }
    arm(leases);
}

static void arm(struct leases *leases)
{
    uint64_t next_ns = UINT64_MAX, now_ns = clock_boot_ns();
    for (struct lease_hold *hold = leases->holds; hold; hold = hold->next)
        if (!rests(leases, hold) && hold->next_ns < next_ns)
            next_ns = hold->next_ns;
    if (leases->closing || !leases->have_facts || next_ns == UINT64_MAX) {
        loop_timer_stop(&leases->timer);
        return;
    }
    uint64_t wait_ms = next_ns <= now_ns ? 0 : (next_ns - now_ns + CLOCK_MS - 1) / CLOCK_MS;
    loop_timer_start(&leases->timer, wait_ms, 0);
}

/* ---- for the owners ---- */

struct leases *leases_new(const struct leases_setup *setup)
{
    struct leases *leases = calloc(1, sizeof(*leases));
    ASSERT(leases);
    leases->setup = *setup;
    lease_acceptor_start(&leases->acceptor, &floor_stored(setup->floor)->lease, clock_boot_ns());
    loop_timer_init(setup->loop, &leases->timer, on_timer);
    return leases;
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct leases *leases = container_of(timer, struct leases, timer);
    leases->timer_gone = true;
    free_if_unused(leases);
}

void leases_free(struct leases *leases)
{
    leases->closing = true;
    leases->holds = NULL;
    loop_timer_close(&leases->timer, on_timer_closed);
}

void leases_facts(struct leases *leases, const struct cluster_state *facts, uint64_t self)
{
    leases->facts = *facts;
    leases->self = self;
    lease_acceptor_facts(&leases->acceptor, facts, self);
    if (!leases->have_facts) {
        leases->have_facts = true;
        arm(leases);
    }
}

static void unlink_hold(struct leases *leases, const struct lease_hold *hold)
{
    struct lease_hold **at = &leases->holds;
    while (*at && *at != hold)
        at = &(*at)->next;
    if (*at)
        *at = hold->next;
}

void leases_want(struct leases *leases, struct lease_hold *hold, struct lease_resource resource,
                 uint64_t epoch, uint32_t lease_ms)
{
    unlink_hold(leases, hold);
    lease_holder_init(&hold->core, resource, epoch, leases->setup.incarnation, lease_ms);
    hold->paused = false;
    hold->next_ns = 0;
    hold->misses = 0;
    hold->next = leases->holds;
    leases->holds = hold;
    arm(leases);
}

void leases_enforced(struct leases *leases, bool enforced)
{
    if (leases->unenforced != enforced)
        return;
    leases->unenforced = !enforced;
    arm(leases);
}

void leases_forget(struct leases *leases, struct lease_hold *hold)
{
    unlink_hold(leases, hold);
    hold->core = (struct lease_holder){0};
    hold->next = NULL;
}

void leases_release(struct leases *leases, struct lease_hold *hold)
{
    struct member_message message = {.kind = MEMBER_LEASE_RELEASE};
    if (!hold->core.epoch)
        return;
    lease_holder_release(&hold->core, &message.release);
    lease_acceptor_release(&leases->acceptor, &message.release);
    for (int i = 0; i < leases->facts.members_count; i++)
        if (leases->facts.members[i].id != leases->self)
            leases->setup.send(leases->setup.owner, leases->facts.members[i].id, &message);
    leases_forget(leases, hold);
}

bool lease_hold_live(const struct lease_hold *hold, uint64_t epoch)
{
    return epoch && hold->core.epoch == epoch && lease_holder_live(&hold->core, clock_boot_ns());
}

int leases_promised(const struct leases *leases,
                    struct lease_promised promised[MEMBER_MESSAGE_PROMISES])
{
    return lease_acceptor_promised(&leases->acceptor, clock_boot_ns(), promised);
}

uint64_t leases_lapse_ns(const struct leases *leases)
{
    return lease_acceptor_lapse_ns(&leases->acceptor, clock_boot_ns());
}
