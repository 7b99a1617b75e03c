/* What the leader knows of the members: see failover_watch.h. */
#include "ha/failover_watch.h"

#include <string.h>

#include "src/base/clock.h"

void failover_watch_start(struct failover_watch *watch, uint64_t now_ns)
{
    struct failover_watch anew = {.now_ns = now_ns, .barrier_ns = now_ns, .count = watch->count};
    for (int i = 0; i < watch->count; i++) {
        const struct failover_member *member = &watch->members[i];
        bool heard = member->heard_ns > member->seen_ns;
        anew.members[i] = (struct failover_member){
            .id = member->id, .seen_ns = heard ? member->heard_ns : member->seen_ns};
    }
    *watch = anew;
}

const struct failover_member *failover_watch_member(const struct failover_watch *watch,
                                                    uint64_t member)
{
    for (int i = 0; i < watch->count; i++)
        if (watch->members[i].id == member && watch->members[i].heard_ns)
            return &watch->members[i];
    return NULL;
}

bool failover_watch_hears(const struct failover_watch *watch, uint64_t id, uint32_t ms)
{
    const struct failover_member *member = failover_watch_member(watch, id);
    return member && watch->now_ns - member->heard_ns <= ms * CLOCK_MS;
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

/* The marker may need a voter whose own data went another way: it takes a copy first, which lasts
 * as long as the database is large. */
static bool is_copied(const struct failover_watch *watch, const struct cluster_state *facts)
{
    bool copied = false;
    for (int i = 0; i < facts->members_count; i++) {
        uint64_t id = facts->members[i].id;
        copied |= facts->members[i].data_voter &&
                  failover_watch_hears(watch, id, FAILOVER_HEARD_MS) &&
                  failover_watch_member(watch, id)->status.pg.copies == facts->primary.epoch;
    }
    return copied;
}

static void forget_removed(struct failover_watch *watch, const struct cluster_state *facts)
{
    for (int i = watch->count - 1; i >= 0; i--)
        if (!cluster_state_member(facts, watch->members[i].id))
            watch->members[i] = watch->members[--watch->count];
}

/* Each has an epoch of its own: where one is goes on from when that was given to it. */
static void look_at_vips(struct failover_watch *watch, const struct cluster_state *facts)
{
    struct failover_vip before[LIMIT_VIPS];
    int count = watch->vips_count;
    bool first = !watch->phase_ns;
    memcpy(before, watch->vips, sizeof(before));
    for (int i = 0; i < facts->vips_count; i++) {
        struct failover_vip *vip = &watch->vips[i];
        *vip = (struct failover_vip){facts->vips[i].epoch, first ? 0 : watch->now_ns};
        for (int k = 0; k < count; k++)
            if (before[k].epoch == vip->epoch)
                vip->since_ns = before[k].since_ns;
    }
    watch->vips_count = facts->vips_count;
}

void failover_watch_facts(struct failover_watch *watch, uint64_t now_ns,
                          const struct cluster_state *facts)
{
    const struct cluster_primary *primary = &facts->primary;
    ASSERT(now_ns >= watch->now_ns);
    watch->now_ns = now_ns;
    forget_removed(watch, facts);
    look_at_vips(watch, facts);
    if (watch->epoch != primary->epoch) {
        watch->switch_to = 0; /* it was about the epoch before: done, or failed */
        watch->switch_ready = false;
    }
    if (watch->epoch != primary->epoch || watch->phase != primary->phase || !watch->phase_ns) {
        watch->epoch = primary->epoch;
        watch->phase = primary->phase;
        watch->phase_ns = now_ns;
        watch->copied_ns = 0;
    }
    if (primary->phase == CLUSTER_SET && is_copied(watch, facts))
        watch->copied_ns = now_ns;
    if (watch->version != facts->acceptors_version) {
        watch->version = facts->acceptors_version;
        watch->version_ns = 0;
    }
    if (!watch->version_ns && is_reported(watch, facts))
        watch->version_ns = now_ns;
}

/* NULL = there is no room for another one. */
static struct failover_member *find_or_add(struct failover_watch *watch, uint64_t id)
{
    for (int i = 0; i < watch->count; i++)
        if (watch->members[i].id == id)
            return &watch->members[i];
    if (watch->count == LIMIT_REGIONS)
        return NULL;
    struct failover_member *member = &watch->members[watch->count++];
    *member = (struct failover_member){.id = id};
    return member;
}

void failover_watch_seen(struct failover_watch *watch, uint64_t id, uint64_t seen_ns)
{
    struct failover_member *member = find_or_add(watch, id);
    if (member)
        member->seen_ns = seen_ns;
}

void failover_watch_heard(struct failover_watch *watch, uint64_t now_ns, uint64_t id,
                          const struct member_status *status)
{
    struct failover_member *member = find_or_add(watch, id);
    if (!member)
        return;
    member->heard_ns = now_ns;
    if (!status->fit)
        member->fit_ns = 0;
    else if (!member->fit_ns)
        member->fit_ns = now_ns;
    member->status = *status;
}
