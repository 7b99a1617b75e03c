/* What must hold, at every step and at the end: see sim.h. */
#include <string.h>

#include "test/sim/sim.h"

/* Two processes that both own one resource at one moment. */
void sim_check_lease(const struct sim_node *node, const struct lease_holder *lease)
{
    for (int i = 0; i < sim.count; i++) {
        const struct sim_node *other = &sim.nodes[i];
        if (other == node || !other->up || !other->lease.epoch)
            continue;
        if (lease_holder_live(&other->lease, sim_local_ns(other)) &&
            lease_holder_live(lease, sim_local_ns(node)))
            sim_break("two holders of the primary's lease: n%d epoch %d, n%d epoch %d",
                      (int)node->id, (int)lease->epoch, (int)other->id, (int)other->lease.epoch);
    }
}

void sim_check_vip(const struct sim_node *node, int vip)
{
    for (int i = 0; i < sim.count; i++) {
        const struct sim_node *other = &sim.nodes[i];
        if (other != node && other->up && other->vips[vip].holds &&
            other->resume_ns <= sim.now_ns && sim_local_ns(other) < other->vips[vip].deadline_ns)
            sim_break("two holders of vip %d: n%d and n%d", vip, (int)node->id, (int)other->id);
    }
}

static bool holds_value(const struct sim_wal *wal, uint32_t value)
{
    for (int i = wal->length - 1; i >= 0; i--)
        if (wal->value[i] == value)
            return true;
    return false;
}

/* The newest primary that ever served has what is acknowledged, also by an older one. */
void sim_check_ack(const struct sim_node *node, uint32_t value)
{
    if (sim.acked_count < SIM_RECORDS)
        sim.acked[sim.acked_count++] = value;
    if (node->pg.epoch < sim.served_epoch)
        for (int i = 0; i < sim.count; i++) {
            const struct sim_node *newer = &sim.nodes[i];
            if (newer->pg.promoted && newer->pg.epoch == sim.served_epoch &&
                !holds_value(&newer->disk.wal, value))
                sim_break("n%d of epoch %d acknowledged %u, epoch %d serves without it",
                          (int)node->id, (int)node->pg.epoch, value, (int)sim.served_epoch);
        }
}

/* Every acknowledged write is in the WAL of who serves now. */
static void check_served(const struct sim_node *primary)
{
    static uint8_t present[1 << 16];
    const struct sim_wal *wal = &primary->disk.wal;
    memset(present, 0, sizeof(present));
    for (int i = 0; i < wal->length; i++)
        present[wal->value[i] & 0xffff] = 1;
    for (int i = 0; i < sim.acked_count; i++)
        if (!present[sim.acked[i] & 0xffff])
            sim_break("acknowledged write %u is lost: n%d serves epoch %d without it", sim.acked[i],
                      (int)primary->id, (int)primary->pg.epoch);
}

/* The marker is with a majority of the data voters, by the same records. */
static void check_marker(const struct sim_node *primary, const struct cluster_state *facts)
{
    int voters = 0, have = 0;
    const struct sim_wal *wal = &primary->disk.wal;
    for (int i = 0; i < facts->members_count; i++) {
        const struct sim_wal *other = &sim.nodes[facts->members[i].id - 1].disk.wal;
        int at = primary->pg.marker - 1;
        if (!facts->members[i].data_voter)
            continue;
        voters++;
        have += !other->has_data; /* it is lost since */
        have += at >= 0 && at < other->length && other->value[at] == wal->value[at];
    }
    if (2 * have <= voters)
        sim_break("epoch %d serves, its marker is with %d of %d", (int)primary->pg.epoch, have,
                  voters);
}

void sim_check_applied(const struct sim_node *node, uint64_t index)
{
    const struct cluster_state *facts = &node->facts;
    uint64_t hash = cluster_state_hash(facts);
    if (index >= SIM_LOG)
        return;
    if (!sim.hash_at[index])
        sim.hash_at[index] = hash;
    else if (sim.hash_at[index] != hash)
        sim_break("n%d has other facts at %d", (int)node->id, (int)index);
    if (facts->primary.phase != CLUSTER_SERVING || facts->primary.epoch <= sim.served_epoch)
        return;
    const struct sim_node *primary = &sim.nodes[facts->primary.member - 1];
    sim.served_epoch = facts->primary.epoch;
    sim.served_count++;
    if (!primary->up || !primary->pg.running || primary->pg.epoch != sim.served_epoch)
        return; /* it died meanwhile: the next one is looked at */
    check_marker(primary, facts);
    check_served(primary);
}

/* A timeline's number is taken once. */
void sim_check_promoted(const struct sim_node *node, uint32_t timeline)
{
    for (int i = 0; i < sim.promoted_count; i++)
        if (sim.promoted_timelines[i] == timeline)
            sim_break("n%d takes timeline %u a second time", (int)node->id, timeline);
    if (sim.promoted_count < 256)
        sim.promoted_timelines[sim.promoted_count++] = timeline;
}

static bool agrees(const struct sim_wal *wal, const struct sim_wal *primary)
{
    int length = wal->length < primary->length ? wal->length : primary->length;
    return !memcmp(wal->value, primary->value, (size_t)length * sizeof(wal->value[0]));
}

/* NULL = everyone has the WAL and the facts of primary. */
static const char *who_differs(const struct sim_node *primary)
{
    for (int i = 0; i < sim.count; i++) {
        const struct sim_wal *wal = &sim.nodes[i].disk.wal;
        if (cluster_state_hash(&sim.nodes[i].facts) != cluster_state_hash(&primary->facts))
            return "a member has other facts";
        if (!wal->has_data || wal->rewinding)
            return "a member has no data";
        if (wal->length + 16 < primary->disk.wal.length)
            return "a member does not follow";
        if (!agrees(wal, &primary->disk.wal))
            return "a member has other records";
    }
    return NULL;
}

/* Why it is not so that one serves, is open, and every member has its WAL; NULL = it is. */
static const char *find_unsteady(void)
{
    const struct sim_node *primary = NULL;
    for (int i = 0; i < sim.count; i++)
        if (sim.nodes[i].pg.promoted && sim.nodes[i].pg.open &&
            sim.nodes[i].pg.epoch == sim.served_epoch)
            primary = &sim.nodes[i];
    if (!primary || primary->facts.primary.epoch != sim.served_epoch ||
        primary->facts.primary.phase != CLUSTER_SERVING)
        return "nobody serves";
    if (primary->pg.acked + 8 < primary->disk.wal.length)
        return "writes are not acknowledged";
    for (int v = 0; v < SIM_VIPS; v++) {
        int holders = 0;
        for (int i = 0; i < sim.count; i++)
            holders += sim.nodes[i].vips[v].holds;
        if (holders != 1)
            return "a virtual IP has no holder";
    }
    return who_differs(primary);
}

static const char *find_leaderless(void)
{
    for (int i = 0; i < sim.count; i++)
        if (sim.nodes[i].up && sim_raft_leads(&sim.nodes[i]))
            return NULL;
    return "no leader";
}

static const char *unsteady(void)
{
    return sim.options.raft_only ? find_leaderless() : find_unsteady();
}

bool sim_check_steady(void)
{
    return !unsteady();
}

/* One lost its data and others were cut off while they were rewound: then nobody knows what was
 * acknowledged, and none may serve. */
static bool is_majority_lost(void)
{
    const struct cluster_state *facts = &sim.nodes[0].facts;
    int lost = 0;
    for (int i = 0; i < facts->members_count; i++) {
        const struct sim_wal *wal = &sim.nodes[facts->members[i].id - 1].disk.wal;
        lost += facts->members[i].data_voter && (!wal->has_data || wal->rewinding);
    }
    return sim.loser && 2 * lost >= cluster_state_voters(facts);
}

void sim_check_end(void)
{
    const char *why = unsteady();
    if (why && is_majority_lost())
        sim_trace(NULL, "a majority has lost its data");
    else if (why)
        sim_break("not steady after healing: %s", why);
    for (int i = 0; i < sim.count && !why && !sim.options.raft_only; i++)
        if (sim.nodes[i].pg.promoted && sim.nodes[i].pg.epoch == sim.served_epoch)
            check_served(&sim.nodes[i]);
}
