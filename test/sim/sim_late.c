/*
 * A history too rare to wait for, forced in some seeds (rule 28): the standbys are behind the
 * primary by some records, each by another number; it is chosen again, promotes, and is lost when
 * they have heard of the new timeline and got nothing of it. It and the standby that has most are
 * late then, and one that has less is chosen. Any other fault may come between. See sim.h.
 */
#include "test/sim/sim.h"

enum {
    EVERY = 6, /* seeds */
    POLL_MS = 1,
    SPREAD_MS = 200, /* the standbys are cut off one after the other in this time */
    BEHIND_MS = 300, /* then it ends, and not before */
    SHORT_MS = 1500, /* for it to be chosen again, and the others to hear so */
    LATE_MS = 900,
};

/* What is played: who is best, and the next best, and the epoch that it was lost in. */
struct late {
    struct sim_node *best, *next;
    uint64_t until_ns, epoch;
};

static void begin(struct sim_node *nobody, void *subject);

static void again(int ms)
{
    sim_after((uint64_t)ms * CLOCK_MS, NULL, begin, NULL);
}

static bool is_short(const struct sim_node *node)
{
    const struct sim_wal *wal = &node->disk.wal;
    return node->pg.running && wal->history_count &&
           wal->began[wal->history_count - 1] > wal->length;
}

/* Of the standbys that are awake. */
static struct sim_node *longest_but(const struct sim_node *best)
{
    struct sim_node *longest = NULL;
    for (int i = 0; i < sim.count; i++) {
        struct sim_node *node = &sim.nodes[i];
        if (node != best && node->pg.running && node->sleeps_ns <= sim.now_ns &&
            (!longest || node->disk.wal.length > longest->disk.wal.length))
            longest = node;
    }
    return longest;
}

static void sleep_for(struct sim_node *node, int ms)
{
    uint64_t until_ns = sim.now_ns + (uint64_t)ms * CLOCK_MS;
    if (until_ns > node->sleeps_ns)
        node->sleeps_ns = until_ns;
}

/* Its death is told before it is late: else nobody would take over. */
static void wait_fenced(struct sim_node *nobody, void *subject)
{
    struct late *late = subject;
    bool fenced = false;
    (void)nobody;
    if (sim.healed)
        return;
    for (int i = 0; i < sim.count; i++)
        fenced |= sim.nodes[i].facts.primary.epoch > late->epoch;
    if (!fenced && sim.now_ns < late->until_ns) {
        sim_after(POLL_MS * CLOCK_MS, NULL, wait_fenced, late);
        return;
    }
    sim_trace(late->best, "is late, as is n%d", (int)late->next->id);
    sleep_for(late->best, LATE_MS);
    sleep_for(late->next, LATE_MS);
    again(2 * LATE_MS);
}

static void wait_short(struct sim_node *nobody, void *subject)
{
    struct late *late = subject;
    struct sim_node *best = late->best, *third = longest_but(best);
    (void)nobody;
    if (sim.healed)
        return;
    if (best->up && best->pg.promoted && !best->pg.open && third && is_short(third)) {
        late->epoch = best->pg.epoch;
        sim_pg_kill(best, "kill -9, heard of by who is short of it");
        wait_fenced(NULL, late);
    } else if (sim.now_ns > late->until_ns) {
        again(POLL_MS);
    } else {
        sim_after(POLL_MS * CLOCK_MS, NULL, wait_short, late);
    }
}

static void end_best(struct sim_node *nobody, void *subject)
{
    struct late *late = subject;
    (void)nobody;
    if (sim.healed)
        return;
    for (int i = 0; i < sim.count; i++)
        sim.cut[late->best->index][i] = false;
    late->next = longest_but(late->best);
    if (!late->next || !late->best->up) {
        again(POLL_MS);
        return;
    }
    sim_pg_kill(late->best, "kill -9, ahead of its standbys");
    sleep_for(late->next, SHORT_MS); /* it is chosen of those who have less */
    late->until_ns = sim.now_ns + SHORT_MS * CLOCK_MS;
    wait_short(NULL, late);
}

struct cut {
    int from, to;
};

static void cut_one(struct sim_node *nobody, void *subject)
{
    const struct cut *cut = subject;
    (void)nobody;
    if (!sim.healed)
        sim.cut[cut->from][cut->to] = true;
}

static void begin(struct sim_node *nobody, void *subject)
{
    struct sim_node *best = NULL;
    (void)nobody, (void)subject;
    if (sim.healed)
        return;
    for (int i = 0; i < sim.count; i++)
        if (sim.nodes[i].up && sim.nodes[i].pg.running && sim.nodes[i].pg.open &&
            sim.nodes[i].pg.quorum && sim.nodes[i].sleeps_ns <= sim.now_ns)
            best = &sim.nodes[i];
    if (!best) {
        again(10);
        return;
    }
    sim_trace(best, "its standbys fall behind");
    for (int i = 0; i < sim.count; i++) {
        struct cut *cut = sim_alloc(sizeof(*cut));
        *cut = (struct cut){best->index, i};
        if (i != best->index)
            sim_after(sim_random(SPREAD_MS * CLOCK_MS), NULL, cut_one, cut);
    }
    struct late *late = sim_alloc(sizeof(*late));
    late->best = best;
    sim_after(BEHIND_MS * CLOCK_MS, NULL, end_best, late);
}

bool sim_late_chosen(const struct sim_options *options)
{
    return options->seed % EVERY == 0 && !options->raft_only;
}

void sim_late_start(uint64_t at_ns)
{
    if (sim_late_chosen(&sim.options))
        sim_after(at_ns, NULL, begin, NULL);
}
