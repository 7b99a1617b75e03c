/*
 * PostgreSQL as it matters here: WAL positions on timelines, streaming, quorum commit, freeze,
 * promote, rewind. Timelines are compared as PostgreSQL does, by number and switch point; what the
 * records really are only the checks know. See sim.h.
 */
#include <string.h>

#include "test/sim/sim.h"

enum { FLUSH_MS = 30, WRITE_MS = 45, FAILED_MS = 800 };

static uint32_t tip_of(const struct sim_wal *wal)
{
    return wal->history_count ? wal->history[wal->history_count - 1] : 0;
}

/* The timeline that owns the last record. */
static uint32_t owner_of(const struct sim_wal *wal)
{
    return wal->length ? wal->timeline[wal->length - 1] : 0;
}

static void append(struct sim_node *node, uint32_t value)
{
    struct sim_wal *wal = &node->disk.wal;
    if (wal->length == SIM_RECORDS)
        return;
    wal->value[wal->length] = value;
    wal->timeline[wal->length++] = tip_of(wal);
}

static struct sim_node *named(uint64_t member)
{
    return member ? &sim.nodes[member - 1] : NULL;
}

static bool is_primary(const struct sim_node *node)
{
    return node->up && node->pg.running && node->pg.promoted && !node->pg.recovering;
}

/* ---- being ended ---- */

void sim_pg_kill(struct sim_node *node, const char *why)
{
    if (!node->pg.running)
        return;
    sim_trace(node, "PostgreSQL ended: %s (%s, length %d)", why,
              node->pg.promoted ? "primary" : "standby", node->disk.wal.length);
    struct sim_pg ended = {.died = node->pg.promoted,
                           .epoch = node->pg.epoch,
                           .promoted = node->pg.promoted,
                           .started_for = node->pg.started_for,
                           .diverged = node->pg.diverged};
    node->pg = ended;
}

static void on_deadline(struct sim_node *node, void *subject)
{
    (void)subject;
    if (node->pg.running && node->pg.deadline_ns && sim_local_ns(node) >= node->pg.deadline_ns)
        sim_pg_kill(node, "its lease has ended");
}

/* fenced is told a deadline. */
void sim_pg_lease(struct sim_node *node, uint64_t deadline_ns)
{
    uint64_t now_ns = sim_local_ns(node);
    if (!node->pg.running || deadline_ns < node->pg.deadline_ns)
        return;
    node->pg.deadline_ns = deadline_ns;
    uint64_t delay_ns =
        deadline_ns <= now_ns ? 0 : (uint64_t)((double)(deadline_ns - now_ns) / node->rate) + 1000;
    sim_after(delay_ns, node, on_deadline, NULL);
}

/* The directory is gone, or empty: as with a new disk. What the member noted elsewhere it keeps. */
void sim_pg_lose(struct sim_node *node)
{
    sim_trace(node, "lost its data");
    memset(&node->disk.wal, 0, sizeof(node->disk.wal));
}

/* ---- a disk that hangs ---- */

bool sim_stalls(const struct sim_node *node)
{
    return node->stalls_ns > sim.now_ns;
}

/* It writes no more, and says so. */
bool sim_pg_failed(const struct sim_node *node)
{
    return node->pg.promoted && node->pg.running && sim_stalls(node) &&
           sim.now_ns - node->stall_ns > FAILED_MS * CLOCK_MS;
}

/* ---- streaming ---- */

static void send_flushed(struct sim_node *node)
{
    struct sim_pg *pg = &node->pg;
    const struct sim_wal *wal = &node->disk.wal;
    if (!pg->running || !pg->recovering || !pg->source || !pg->receiving)
        return;
    struct sim_message letter = {
        .kind = SIM_FLUSHED,
        .flushed = {pg->source, pg->instance, wal->length, owner_of(wal), wal->history_count,
                    tip_of(wal)},
    };
    sim_send(node, pg->source_node, &letter);
}

/* May a standby that is on timeline tip and holds length records stream from this WAL? */
static bool continues(const struct sim_wal *wal, uint32_t tip, int length)
{
    for (int i = 0; i < wal->history_count; i++)
        if (wal->history[i] == tip)
            return i == wal->history_count - 1 ? length <= wal->length
                                               : length <= wal->began[i + 1];
    return tip == 0;
}

static void acknowledge(struct sim_node *node)
{
    struct sim_pg *pg = &node->pg;
    struct sim_wal *wal = &node->disk.wal;
    for (; pg->acked < wal->length; pg->acked++) {
        int flushed = 0;
        for (int i = 0; i < sim.count; i++)
            flushed += (pg->names >> i & 1) && pg->flushed[i] > pg->acked;
        if (flushed < pg->quorum && !PLANTED(degrade))
            return;
        if (pg->marker == pg->acked + 1)
            pg->marked = true;
        else if (pg->acked >= pg->marker && pg->marker && pg->clients)
            sim_check_ack(node, wal->value[pg->acked]);
    }
}

/* A candidate is ready once it flushed what was written when the present set came in force. */
static void look_for_ready(struct sim_node *node, int from)
{
    struct sim_pg *pg = &node->pg;
    const struct cluster_member *member = cluster_state_member(&node->facts, sim.nodes[from].id);
    if (!pg->open || !member || member->data_voter || pg->ready ||
        pg->in_force != node->facts.voters_version || pg->flushed[from] < pg->ready_mark)
        return;
    if (!pg->names) { /* from one to two the names are set before the entry */
        pg->names = 1u << from;
        pg->quorum = 1;
    }
    pg->ready = sim.nodes[from].id;
}

void sim_pg_flushed(struct sim_node *node, int from, const struct sim_flushed *flushed)
{
    struct sim_pg *pg = &node->pg;
    const struct sim_wal *wal = &node->disk.wal;
    if (!is_primary(node) || pg->epoch != flushed->epoch)
        return;
    if (!continues(wal, flushed->tip, flushed->length)) {
        struct sim_message letter = {.kind = SIM_REFUSED,
                                     .refused = {flushed->epoch, flushed->instance}};
        sim_send(node, from, &letter);
        return;
    }
    struct sim_wal_part *part = sim_alloc(sizeof(*part));
    part->epoch = pg->epoch;
    part->receiver = flushed->instance;
    part->from = flushed->length;
    part->history_count = wal->history_count;
    memcpy(part->history, wal->history, sizeof(part->history));
    memcpy(part->began, wal->began, sizeof(part->began));
    /* The history of a new timeline comes first, its records after it. */
    int most = flushed->tip == tip_of(wal) ? SIM_BATCH : 0;
    for (int i = part->from; i < wal->length && part->count < most; i++, part->count++) {
        part->value[part->count] = wal->value[i];
        part->timeline[part->count] = wal->timeline[i];
    }
    if (flushed->tip == tip_of(wal)) { /* it streams: what it has is what we sent */
        pg->flushed[from] = flushed->length;
        acknowledge(node);
        look_for_ready(node, from);
    }
    if (part->count || flushed->tip != tip_of(wal)) {
        struct sim_message letter = {.kind = SIM_WAL, .wal = part};
        sim_send(node, from, &letter);
    }
}

void sim_pg_wal(struct sim_node *node, const struct sim_wal_part *part, int from)
{
    struct sim_pg *pg = &node->pg;
    struct sim_wal *wal = &node->disk.wal;
    if (!pg->running || !pg->receiving || pg->instance != part->receiver || sim_stalls(node) ||
        wal->length != part->from || pg->source_node != from)
        return;
    memcpy(wal->history, part->history, sizeof(wal->history));
    memcpy(wal->began, part->began, sizeof(wal->began));
    wal->history_count = part->history_count;
    for (int i = 0; i < part->count && wal->length < SIM_RECORDS; i++) {
        wal->value[wal->length] = part->value[i];
        wal->timeline[wal->length++] = part->timeline[i];
    }
    send_flushed(node);
}

void sim_pg_refused(struct sim_node *node, uint64_t epoch, uint64_t instance)
{
    if (node->pg.running && node->pg.instance == instance && node->pg.source == epoch) {
        node->pg.diverged = epoch;
        sim_trace(node, "cannot follow epoch %d: diverged", (int)epoch);
    }
}

static void on_flush_time(struct sim_node *node, void *subject)
{
    sim_after(FLUSH_MS * CLOCK_MS, node, on_flush_time, subject);
    send_flushed(node);
}

static void on_write_time(struct sim_node *node, void *subject)
{
    sim_after(sim_between_ms(1, 2 * WRITE_MS), node, on_write_time, subject);
    if (is_primary(node) && node->pg.open && !sim_stalls(node)) {
        append(node, ++sim.next_value);
        acknowledge(node);
    }
}

void sim_pg_start_loops(struct sim_node *node)
{
    sim_after(sim_between_ms(1, FLUSH_MS), node, on_flush_time, NULL);
    sim_after(sim_between_ms(1, WRITE_MS), node, on_write_time, NULL);
}

/* ---- what the member sees ---- */

void sim_pg_observe(struct sim_node *node, struct member_observed *seen)
{
    const struct sim_pg *pg = &node->pg;
    const struct sim_disk *disk = &node->disk;
    const struct cluster_primary *primary = &node->facts.primary;
    if (primary->phase == CLUSTER_SET && primary->member == node->id)
        node->disk.named = primary->epoch;
    *seen = (struct member_observed){
        .has_data = disk->wal.has_data,
        .may_initialise = node->id == 1 && !primary->served_epoch,
        .rewinding = disk->wal.rewinding,
        .diverged = pg->diverged && pg->diverged == primary->epoch,
        .running = pg->running,
        .died = pg->died,
        .started_for = pg->started_for,
        .named = disk->named,
        .answers = pg->running,
        .in_recovery = pg->recovering,
        .timeline = tip_of(&disk->wal),
        .short_of = disk->wal.history_count &&
                    disk->wal.began[disk->wal.history_count - 1] > disk->wal.length,
        .source = pg->source,
        .receiving = pg->receiving,
        .reported = disk->reported,
        .at_report = disk->reported_length == disk->wal.length,
        .names_set = true,
        .leased = lease_holder_live(&node->lease, sim_local_ns(node)) ? node->lease.epoch : 0,
        .promoted = pg->promoted,
        .tried = disk->tried,
        .marked = pg->marked,
        .open = pg->open,
    };
    if (pg->promoted)
        seen->started_for = pg->epoch;
}

/* The names of the facts' voters are put in force; the change is over when a marker was
 * acknowledged under them, which the next acknowledgement is. */
static void put_names(struct sim_node *node)
{
    struct sim_pg *pg = &node->pg;
    const struct cluster_state *facts = &node->facts;
    int voters = 0;
    pg->names = 0;
    for (int i = 0; i < facts->members_count; i++) {
        if (!facts->members[i].data_voter)
            continue;
        voters++;
        if (facts->members[i].id != node->id)
            pg->names |= 1u << (facts->members[i].id - 1);
    }
    pg->quorum = voters / 2;
}

void sim_pg_status(struct sim_node *node, struct pg_status *status)
{
    struct sim_pg *pg = &node->pg;
    const struct cluster_primary *primary = &node->facts.primary;
    status->reported = node->disk.reported;
    status->timeline = node->disk.reported_timeline;
    status->lsn = (uint64_t)node->disk.reported_length;
    status->died = pg->died && !pg->running ? pg->epoch : 0;
    if (primary->member == node->id && primary->phase == CLUSTER_SERVING && !pg->running)
        status->died = primary->epoch; /* also after a restart of the host */
    if (sim_pg_failed(node))
        status->failed = pg->epoch;
    status->asks_out = node->asks_out;
    status->system_id = 1;
    if (node->step == MEMBER_CLONE && primary->phase == CLUSTER_SET)
        status->copies = node->step_epoch;
    if (!is_primary(node) || !pg->open || pg->epoch != primary->epoch)
        return;
    status->serves = pg->epoch;
    if (pg->in_force != node->facts.voters_version) {
        put_names(node);
        pg->in_force = node->facts.voters_version;
        pg->ready_mark = node->disk.wal.length;
        pg->ready = 0;
    }
    status->in_force = pg->in_force;
    status->ready_voter = pg->ready;
}

/* ---- steps ---- */

static void start(struct sim_node *node)
{
    struct sim_wal *wal = &node->disk.wal;
    if (!wal->has_data)
        return;
    while (wal->history_count > 1 && wal->began[wal->history_count - 1] > wal->length)
        wal->history_count--;
    node->pg = (struct sim_pg){.running = true,
                               .recovering = true,
                               .instance = ++sim.next_instance,
                               .started_for = node->facts.primary.epoch};
}

static void report(struct sim_node *node)
{
    struct sim_disk *disk = &node->disk;
    if (disk->pg_floor > node->facts.primary.epoch)
        sim_break("n%d reports below its floor", (int)node->id);
    disk->reported = disk->pg_floor = node->facts.primary.epoch;
    disk->reported_length = disk->wal.length;
    disk->reported_timeline =
        PLANTED(report_followed_timeline) ? tip_of(&disk->wal) : owner_of(&disk->wal);
    sim_trace(node, "reports %u/%d for epoch %d", disk->reported_timeline, disk->reported_length,
              (int)disk->reported);
}

static void promote(struct sim_node *node)
{
    struct sim_pg *pg = &node->pg;
    struct sim_wal *wal = &node->disk.wal;
    const struct cluster_primary *primary = &node->facts.primary;
    if (!pg->running || pg->promoted || !primary->member)
        return;
    uint32_t timeline = PLANTED(reuse_timeline) ? tip_of(wal) + 1 : primary->timeline;
    if (wal->history_count == SIM_HISTORY) {
        sim_break("n%d promotes again and again", (int)node->id);
        return;
    }
    node->disk.pg_floor = node->disk.tried = primary->epoch;
    wal->history[wal->history_count] = timeline;
    wal->began[wal->history_count++] = wal->length;
    pg->promoted = true;
    pg->recovering = false;
    pg->source = 0;
    pg->receiving = false;
    pg->epoch = primary->epoch;
    put_names(node);
    pg->acked = wal->length;
    sim_check_promoted(node, timeline);
    sim_trace(node, "promotes to timeline %u at %d, names %x ANY %d", timeline, wal->length,
              pg->names, pg->quorum);
}

static void mark(struct sim_node *node)
{
    struct sim_pg *pg = &node->pg;
    if (pg->marker)
        return; /* waits for its acknowledgement */
    append(node, ++sim.next_value);
    pg->marker = node->disk.wal.length;
    acknowledge(node);
}

static void open_clients(struct sim_node *node)
{
    struct sim_pg *pg = &node->pg;
    pg->open = pg->clients = true;
    pg->in_force = 0; /* looked at with the next status */
}

static void follow(struct sim_node *node)
{
    struct sim_pg *pg = &node->pg;
    const struct cluster_primary *primary = &node->facts.primary;
    if (node->disk.pg_floor > primary->epoch)
        sim_break("n%d follows below its floor", (int)node->id);
    node->disk.pg_floor = primary->epoch;
    pg->source = primary->epoch;
    pg->source_node = (int)primary->member - 1;
    pg->receiving = true;
    pg->instance = ++sim.next_instance;
    send_flushed(node);
}

/* Rewind and clone end with the primary's WAL; without it they are tried again. A rewind that ended
 * half way leaves nothing that could be started or reported; a clone leaves what was. */
static void copy_data(struct sim_node *node, bool in_place)
{
    const struct sim_node *source = named(node->facts.primary.member);
    node->disk.wal.rewinding |= in_place;
    if (!source || !is_primary(source) || source->pg.epoch != node->facts.primary.epoch ||
        sim.cut[source->index][node->index] || sim.cut[node->index][source->index])
        return;
    node->disk.wal = source->disk.wal;
    node->disk.wal.rewinding = false;
    node->pg.diverged = 0;
    sim_trace(node, "copied the data of n%d", (int)source->id);
}

static void propose_serving(struct sim_node *node)
{
    const struct cluster_primary *primary = &node->facts.primary;
    struct command command = {
        .kind = COMMAND_SERVING,
        .serving = {primary->epoch, node->id, tip_of(&node->disk.wal), 1, 1},
    };
    sim_node_propose(node, &command);
}

static void propose_decline(struct sim_node *node)
{
    struct command command = {.kind = COMMAND_DECLINE,
                              .decline = {node->facts.primary.epoch, node->id}};
    sim_node_propose(node, &command);
}

void sim_pg_step(struct sim_node *node, enum member_step step)
{
    switch (step) {
    case MEMBER_INITIALISE:
        node->disk.wal.has_data = true;
        node->disk.wal.history_count = 1;
        node->disk.wal.history[0] = 1;
        break;
    case MEMBER_STOP:
        sim_pg_kill(node, "stopped");
        break;
    case MEMBER_START:
        start(node);
        break;
    case MEMBER_FREEZE:
        node->pg.source = 0;
        node->pg.receiving = false;
        break;
    case MEMBER_REPORT:
        report(node);
        break;
    case MEMBER_PROMOTE:
        promote(node);
        break;
    case MEMBER_MARK:
        mark(node);
        break;
    case MEMBER_SERVE:
        propose_serving(node);
        break;
    case MEMBER_OPEN:
        open_clients(node);
        break;
    case MEMBER_FOLLOW:
        follow(node);
        break;
    case MEMBER_REWIND:
    case MEMBER_CLONE:
        copy_data(node, step == MEMBER_REWIND);
        break;
    case MEMBER_DECLINE:
        propose_decline(node);
        break;
    default:
        break;
    }
}
