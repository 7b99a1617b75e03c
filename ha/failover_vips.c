/* Who holds which virtual IP: see failover_decide.h and docs/ha.md 6. */
#include "ha/failover_decide.h"

#include <string.h>

#include "ha/lease_core.h"
#include "src/base/clock.h"

static int load_of(const struct cluster_state *facts, uint64_t member)
{
    int load = 0;
    for (int i = 0; i < facts->vips_count; i++)
        load += facts->vips[i].holder == member;
    return load;
}

static bool is_fit(const struct failover_watch *watch, uint64_t id, uint32_t heard_ms)
{
    const struct failover_member *member = failover_watch_member(watch, id);
    return member && member->fit_ns && failover_watch_hears(watch, id, heard_ms);
}

/* The fit member with the fewest, among those fit for stable_ms; 0 = none. */
static uint64_t least_loaded(const struct cluster_state *facts, const struct failover_watch *watch,
                             uint32_t stable_ms)
{
    uint64_t best = 0;
    for (int i = 0; i < facts->members_count; i++) {
        uint64_t id = facts->members[i].id;
        const struct failover_member *member = failover_watch_member(watch, id);
        if (id == facts->leaving || !is_fit(watch, id, FAILOVER_QUIET_MS) ||
            watch->now_ns - member->fit_ns < stable_ms * CLOCK_MS)
            continue;
        int load = load_of(facts, id), best_load = best ? load_of(facts, best) : 0;
        if (!best || load < best_load || (load == best_load && id < best))
            best = id;
    }
    return best;
}

static bool assign(const struct cluster_vip *vip, uint64_t holder, struct command *command)
{
    *command = (struct command){.kind = COMMAND_VIP_ASSIGN};
    memcpy(command->vip_assign.net, vip->net, sizeof(vip->net));
    command->vip_assign.epoch = vip->epoch;
    command->vip_assign.holder = holder;
    return true;
}

/* Since when it is given to its holder, 0 = before this member led. */
static uint64_t given_ns(const struct failover_watch *watch, const struct cluster_vip *vip)
{
    for (int i = 0; i < watch->vips_count; i++)
        if (watch->vips[i].epoch == vip->epoch)
            return watch->vips[i].since_ns;
    return watch->now_ns;
}

static bool is_silent(const struct failover_watch *watch, uint64_t id, uint64_t quiet_ms)
{
    uint64_t last_ns = watch->barrier_ns;
    for (int i = 0; i < watch->count; i++) {
        const struct failover_member *member = &watch->members[i];
        if (member->id == id && (member->heard_ns || member->seen_ns))
            last_ns = member->heard_ns ? member->heard_ns : member->seen_ns;
    }
    return watch->now_ns - last_ns > quiet_ms * CLOCK_MS;
}

/* A holder that says it is unfit has let go, or is about to end; one that is not heard is given
 * half its lease, counted from when this member heard it, whoever led then: the new holder waits
 * for the end of the promises anyhow. A restarted holder's process cannot have the epoch of the old
 * one, so nobody promises it any more. */
static bool is_lost(const struct cluster_state *facts, const struct failover_watch *watch,
                    const struct cluster_vip *vip)
{
    uint64_t quiet_ms =
        vip->lease_ms / 2 > FAILOVER_QUIET_MS ? vip->lease_ms / 2 : FAILOVER_QUIET_MS;
    if (!vip->holder)
        return true;
    uint64_t since_ns = given_ns(watch, vip);
    if (watch->now_ns - since_ns < quiet_ms * CLOCK_MS ||
        watch->now_ns - watch->barrier_ns < FAILOVER_GATHER_MS * CLOCK_MS)
        return false;
    const struct failover_member *holder = failover_watch_member(watch, vip->holder);
    if (is_silent(watch, vip->holder, quiet_ms) || (holder && !holder->fit_ns))
        return true;
    since_ns = since_ns > watch->barrier_ns ? since_ns : watch->barrier_ns;
    return watch->now_ns - since_ns > (FAILOVER_HEARD_MS + 2 * vip->lease_ms) * CLOCK_MS &&
           failover_unpromised(facts, watch, lease_resource_vip(vip), vip->epoch);
}

/* When one moved last, as far as this member knows. */
static uint64_t moved_ns(const struct failover_watch *watch)
{
    uint64_t last_ns = watch->barrier_ns;
    for (int i = 0; i < watch->vips_count; i++)
        if (watch->vips[i].since_ns > last_ns)
            last_ns = watch->vips[i].since_ns;
    return last_ns;
}

/* Hand one over when a member that has been fit for long has at least two fewer. */
static bool balance(const struct cluster_state *facts, const struct failover_watch *watch,
                    struct command *command, const char **why)
{
    uint64_t least = least_loaded(facts, watch, FAILOVER_STABLE_MS);
    if (!least || watch->now_ns - moved_ns(watch) < FAILOVER_MOVE_MS * CLOCK_MS)
        return false;
    for (int i = 0; i < facts->vips_count; i++) {
        const struct cluster_vip *vip = &facts->vips[i];
        if (load_of(facts, vip->holder) < load_of(facts, least) + 2)
            continue;
        *why = "a region has been fit for long and holds fewer";
        return assign(vip, least, command);
    }
    return false;
}

bool failover_vips(const struct cluster_state *facts, const struct failover_watch *watch,
                   struct command *command, const char **why)
{
    uint64_t least = least_loaded(facts, watch, 0);
    for (int i = 0; i < facts->vips_count && least; i++) {
        const struct cluster_vip *vip = &facts->vips[i];
        if (!is_lost(facts, watch, vip))
            continue;
        *why = vip->holder ? "its holder is not fit, or not heard" : "nobody holds it";
        return assign(vip, least, command);
    }
    return balance(facts, watch, command, why);
}
