/* What the leader knows of the members: see failover_watch.h. */
#include "ha/failover_watch.h"

#include <string.h>

void failover_watch_start(struct failover_watch *watch, uint64_t now_ns)
{
    memset(watch, 0, sizeof(*watch));
    watch->now_ns = watch->barrier_ns = now_ns;
}

const struct failover_member *failover_watch_member(const struct failover_watch *watch,
                                                    uint64_t member)
{
    for (int i = 0; i < watch->count; i++)
        if (watch->members[i].id == member && watch->members[i].heard_ns)
            return &watch->members[i];
    return NULL;
}

/* Has a majority of the acceptors applied the present set? */
static bool is_reported(const struct failover_watch *watch, const struct cluster_state *facts)
{
    int acceptors = 0, reported = 0;
    for (int i = 0; i < facts->members_count; i++) {
        const struct failover_member *member = failover_watch_member(watch, facts->members[i].id);
        if (!facts->members[i].acceptor)
            continue;
        acceptors++;
        reported += member && member->status.acceptors == facts->acceptors_version;
    }
    return 2 * reported > acceptors;
}

static void forget_removed(struct failover_watch *watch, const struct cluster_state *facts)
{
    for (int i = watch->count - 1; i >= 0; i--)
        if (!cluster_state_member(facts, watch->members[i].id))
            watch->members[i] = watch->members[--watch->count];
}

void failover_watch_facts(struct failover_watch *watch, uint64_t now_ns,
                          const struct cluster_state *facts)
{
    const struct cluster_primary *primary = &facts->primary;
    ASSERT(now_ns >= watch->now_ns);
    watch->now_ns = now_ns;
    forget_removed(watch, facts);
    if (watch->epoch != primary->epoch) {
        watch->switch_to = 0; /* it was about the epoch before: done, or failed */
        watch->switch_ready = false;
    }
    if (watch->epoch != primary->epoch || watch->phase != primary->phase || !watch->phase_ns) {
        watch->epoch = primary->epoch;
        watch->phase = primary->phase;
        watch->phase_ns = now_ns;
    }
    if (watch->version != facts->acceptors_version) {
        watch->version = facts->acceptors_version;
        watch->version_ns = 0;
    }
    if (watch->vip_epoch != facts->vip_epoch) {
        watch->vip_epoch = facts->vip_epoch;
        watch->moved_ns = now_ns;
    }
    if (!watch->version_ns && is_reported(watch, facts))
        watch->version_ns = now_ns;
}

void failover_watch_heard(struct failover_watch *watch, uint64_t now_ns, uint64_t id,
                          const struct member_status *status)
{
    struct failover_member *member = NULL;
    for (int i = 0; i < watch->count; i++)
        if (watch->members[i].id == id)
            member = &watch->members[i];
    if (!member) {
        if (watch->count == LIMIT_REGIONS)
            return;
        member = &watch->members[watch->count++];
        *member = (struct failover_member){.id = id};
    }
    member->heard_ns = now_ns;
    if (!status->fit)
        member->fit_ns = 0;
    else if (!member->fit_ns)
        member->fit_ns = now_ns;
    member->status = *status;
}
