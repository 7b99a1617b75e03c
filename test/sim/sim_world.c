/* Virtual time, randomness, network and faults of the simulation: see sim.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "test/sim/sim.h"

struct sim sim;
#ifdef GANTRY_PLANTS
enum plant plant_now;
#endif

struct sim_event {
    uint64_t at_ns, order, life;
    struct sim_node *node; /* NULL = the world's own */
    void (*run)(struct sim_node *node, void *subject);
    void *subject;
};

enum {
    FORM_MS = 4500, /* a fresh cluster is complete by then */
    FAULTS_MS = 9000,
    HEAL_MS = 12000,
};

/* ---- memory: all that is given out lives until the seed has ended ---- */

/* One region at one address: libraft 0.22 looks at a byte of a pointer when a vote comes late (the
 * union in struct raft), so another address would be another history. */
enum { ALIGN = 16 };
#define MEMORY_AT    ((void *)0x200000000000)
#define MEMORY_BYTES ((size_t)1 << 30)
static struct {
    char *bytes;
    size_t used;
} memory;

void *sim_alloc(size_t size)
{
    if (!memory.bytes) {
        memory.bytes =
            mmap(MEMORY_AT, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        ASSERT(memory.bytes == MEMORY_AT);
    }
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    ASSERT(memory.used + size <= MEMORY_BYTES);
    void *at = memory.bytes + memory.used;
    memory.used += size;
    memset(at, 0, size);
    return at;
}

static void forget_memory(void)
{
    memory.used = 0;
}

/* ---- randomness ---- */

uint64_t sim_random(uint64_t below)
{
    uint64_t z = (sim.random += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return below ? z % below : z;
}

bool sim_chance(int percent)
{
    return (int)sim_random(100) < percent;
}

uint64_t sim_between_ms(int low, int high)
{
    return (uint64_t)low * CLOCK_MS + sim_random((uint64_t)(high - low + 1) * CLOCK_MS);
}

/* ---- trace ---- */

void sim_trace(const struct sim_node *node, const char *format, ...)
{
    char line[400];
    va_list args;
    va_start(args, format);
    int head = snprintf(line, sizeof(line), "%9.3f %s%d ", (double)sim.now_ns / 1e6,
                        node ? "n" : "-", node ? (int)node->id : 0);
    vsnprintf(line + head, sizeof(line) - (size_t)head, format, args);
    va_end(args);
    for (const char *c = line; *c; c++) /* the same seed gives the same history, to the byte */
        sim.trace_hash = (sim.trace_hash ^ (uint8_t)*c) * 1099511628211ull;
    if (sim.options.trace)
        puts(line);
}

void sim_break(const char *format, ...)
{
    va_list args;
    if (sim.wrong[0])
        return;
    va_start(args, format);
    vsnprintf(sim.wrong, sizeof(sim.wrong), format, args);
    va_end(args);
    sim_trace(NULL, "BROKEN: %s", sim.wrong);
}

/* ---- time ---- */

uint64_t sim_local_ns(const struct sim_node *node)
{
    return 1000 * CLOCK_S * node->id + (uint64_t)((double)sim.now_ns * node->rate);
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void push(struct sim_event event)
{
    if (sim.events_count == sim.events_room) {
        sim.events_room = sim.events_room ? 2 * sim.events_room : 4096;
        sim.events = realloc(sim.events, (size_t)sim.events_room * sizeof(*sim.events));
        ASSERT(sim.events);
    }
    int at = sim.events_count++;
    while (at > 0 && before(&event, &sim.events[(at - 1) / 2])) {
        sim.events[at] = sim.events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim.events[at] = event;
}

static struct sim_event pop(void)
{
    struct sim_event first = sim.events[0], last = sim.events[--sim.events_count];
    int at = 0;
    for (int child; (child = 2 * at + 1) < sim.events_count; at = child) {
        if (child + 1 < sim.events_count && before(&sim.events[child + 1], &sim.events[child]))
            child++;
        if (!before(&sim.events[child], &last))
            break;
        sim.events[at] = sim.events[child];
    }
    sim.events[at] = last;
    return first;
}

void sim_after(uint64_t delay_ns, struct sim_node *node,
               void (*run)(struct sim_node *node, void *subject), void *subject)
{
    push((struct sim_event){sim.now_ns + delay_ns, sim.sequence++, node ? node->life : 0, node, run,
                            subject});
}

/* ---- network ---- */

struct letter {
    int to;
    struct sim_message message;
};

static void deliver(struct sim_node *node, void *subject)
{
    struct sim_message *message = &((struct letter *)subject)->message;
    if (message->kind == SIM_MEMBER && node->sleeps_ns > sim.now_ns) { /* waits in its socket */
        sim_after(node->sleeps_ns - sim.now_ns + sim_random(2 * CLOCK_MS), node, deliver, subject);
        return;
    }
    if (sim.cut[message->from][node->index] && message->kind != SIM_RAFT)
        return;
    switch (message->kind) {
    case SIM_RAFT:
        if (!sim.cut[message->from][node->index])
            sim_raft_receive(node, message);
        break;
    case SIM_MEMBER:
        sim_node_member(node, message->from, &message->member);
        break;
    case SIM_WAL:
        sim_pg_wal(node, message->wal, message->from);
        break;
    case SIM_FLUSHED:
        sim_pg_flushed(node, message->from, &message->flushed);
        break;
    case SIM_REFUSED:
        sim_pg_refused(node, message->refused.epoch, message->refused.instance);
        break;
    }
}

/* TCP keeps order: raft and WAL; leases and status come as they like, twice or never. */
void sim_send(struct sim_node *from, int to, const struct sim_message *message)
{
    bool ordered = message->kind != SIM_MEMBER;
    int copies = !ordered && sim_chance(sim.double_percent) ? 2 : 1;
    if (to != from->index && (sim.cut[from->index][to] || sim_chance(sim.loss_percent)))
        return;
    for (int i = 0; i < copies; i++) {
        struct letter *letter = sim_alloc(sizeof(*letter));
        letter->to = to;
        letter->message = *message;
        letter->message.from = from->index;
        uint64_t delay_ns =
            to == from->index ? 10000 : sim_between_ms(0, sim.delay_max_ms) + 100000;
        uint64_t *fifo_ns = &sim.fifo_ns[from->index][to];
        if (ordered && to != from->index) {
            if (sim.now_ns + delay_ns <= *fifo_ns)
                delay_ns = *fifo_ns + 1 - sim.now_ns;
            *fifo_ns = sim.now_ns + delay_ns;
        }
        sim_after(delay_ns, &sim.nodes[to], deliver, letter);
    }
}

/* ---- faults ---- */

static void start_again(struct sim_node *nobody, void *subject)
{
    struct sim_node *node = subject;
    (void)nobody;
    if (!node->up && !sim.healed)
        sim_node_start(node);
}

static void crash(struct sim_node *node, int down_ms)
{
    if (!node->up)
        return;
    sim_node_crash(node);
    sim_after((uint64_t)down_ms * CLOCK_MS, NULL, start_again, node);
}

static void set_cut(int from, int to, bool cut)
{
    if (from != to)
        sim.cut[from][to] = cut;
}

static void heal_links(struct sim_node *nobody, void *subject)
{
    (void)nobody, (void)subject;
    memset(sim.cut, 0, sizeof(sim.cut));
    sim_trace(NULL, "links healed");
}

static void partition(void)
{
    int kind = (int)sim_random(5), who = (int)sim_random((uint64_t)sim.count);
    for (int i = 0; i < sim.count; i++) {
        int other = (who + 1) % sim.count;
        if (kind == 0 || kind == 1) /* isolated; hears nothing */
            set_cut(i, who, true);
        if (kind == 0 || kind == 2) /* isolated; is not heard */
            set_cut(who, i, true);
        if (kind == 3 && i != other) { /* a bridge: who and other do not see each other */
            set_cut(who, other, true);
            set_cut(other, who, true);
        }
        for (int k = 0; k < sim.count && kind == 4; k++) /* halves */
            if ((i < sim.count / 2) != (k < sim.count / 2))
                set_cut(i, k, true);
    }
    sim_trace(NULL, "partition of kind %d around n%d", kind, who + 1);
    sim_after(sim_between_ms(50, 3000), NULL, heal_links, NULL);
}

static struct sim_node *primary_or_any(void)
{
    for (int i = 0; i < sim.count; i++)
        if (sim.nodes[i].pg.promoted && sim.nodes[i].up && sim_chance(60))
            return &sim.nodes[i];
    return &sim.nodes[sim_random((uint64_t)sim.count)];
}

static void restart_acceptor(struct sim_node *nobody, void *subject)
{
    struct sim_node *node = &sim.nodes[sim_random((uint64_t)sim.count)];
    (void)nobody, (void)subject;
    if (!sim.healed && !node->leads)
        crash(node, 5);
}

/* Somebody is cut off with what it holds, and an acceptor that granted it comes back at once. */
static void cut_and_restart(struct sim_node *node)
{
    for (int i = 0; i < sim.count; i++) {
        set_cut(i, node->index, true);
        set_cut(node->index, i, true);
    }
    sim_trace(node, "cut off");
    sim_after(sim_between_ms(50, 350), NULL, restart_acceptor, NULL);
    sim_after(sim_between_ms(400, 2000), NULL, heal_links, NULL);
}

static void pause_host(struct sim_node *node, int ms)
{
    uint64_t until_ns = sim.now_ns + (uint64_t)ms * CLOCK_MS;
    if (until_ns > node->resume_ns) /* never shorter: what waits keeps its order */
        node->resume_ns = until_ns;
    sim_trace(node, "host paused for %d ms", ms);
}

/* A disk is replaced: what was acknowledged is on others, and on each of them until it is here
 * again with a vote. */
static void lose_data(struct sim_node *node)
{
    const struct sim_node *loser = sim.loser;
    const struct cluster_member *member =
        loser ? cluster_state_member(&loser->facts, loser->id) : NULL;
    bool whole = !loser || (member && member->data_voter && loser->disk.wal.has_data &&
                            loser->facts.voters_version > sim.lost_version);
    int voters = cluster_state_voters(&node->facts);
    if (!whole || !node->up || voters < 3 || voters < sim.count)
        return;
    sim.loser = node;
    sim.lost_version = node->facts.voters_version;
    crash(node, 20);
    sim_pg_lose(node);
}

static void stall(struct sim_node *node, int ms)
{
    if (node->stalls_ns <= sim.now_ns)
        node->stall_ns = sim.now_ns;
    node->stalls_ns = sim.now_ns + (uint64_t)ms * CLOCK_MS;
    sim_trace(node, "its disk hangs for %d ms", ms);
}

static void fault(struct sim_node *nobody, void *subject)
{
    (void)nobody, (void)subject;
    if (sim.healed)
        return;
    struct sim_node *node = primary_or_any();
    int ms = sim_chance(30) ? (int)sim_random(3000) : (int)sim_random(700);
    switch (sim_random(13)) {
    case 0:
    case 1:
        partition();
        break;
    case 2:
        crash(node, sim_chance(50) ? ms + 20 : 5);
        break;
    case 3:
        pause_host(node, ms + 1);
        break;
    case 4:
        node->sleeps_ns = sim.now_ns + (uint64_t)ms * CLOCK_MS;
        sim_trace(node, "regiond paused for %d ms", ms);
        break;
    case 5:
        if (node->up)
            sim_pg_kill(node, "kill -9");
        break;
    case 6:
    case 10:
    case 11:
    case 12:
        cut_and_restart(node);
        break;
    case 7: /* all lose power */
        for (int i = 0; i < sim.count && sim_chance(30); i++)
            crash(&sim.nodes[i], ms + 20 + (int)sim_random(300));
        break;
    case 8:
        lose_data(node);
        break;
    case 9:
        stall(node, ms);
        break;
    }
    sim_after(sim_between_ms(20, 1500), NULL, fault, NULL);
}

static void heal(struct sim_node *nobody, void *subject)
{
    (void)nobody, (void)subject;
    sim.healed = true;
    sim.loss_percent = sim.double_percent = 0;
    sim.delay_max_ms = 5;
    memset(sim.cut, 0, sizeof(sim.cut));
    /* Raft alone must find a leader with a bare majority, whoever that is. */
    int missing = sim.options.raft_only ? (int)sim_random((uint64_t)sim.count) : -1;
    if (missing >= 0 && sim.nodes[missing].up)
        sim_node_crash(&sim.nodes[missing]);
    for (int i = 0; i < sim.count; i++) {
        sim.nodes[i].sleeps_ns = sim.nodes[i].stalls_ns =
            0; /* hosts resume when they are due: what waits keeps its order */
        if (!sim.nodes[i].up && i != missing)
            sim_node_start(&sim.nodes[i]);
    }
    sim_trace(NULL, "everything healed");
}

/* ---- a run ---- */

static void step(void)
{
    struct sim_event event = pop();
    struct sim_node *node = event.node;
    ASSERT(event.at_ns >= sim.now_ns);
    sim.now_ns = event.at_ns;
    sim.steps++;
    if (node && (!node->up || node->life != event.life))
        return;
    if (node && node->resume_ns > sim.now_ns) { /* what was due meanwhile comes at once, in order */
        event.at_ns = node->resume_ns;
        event.order = sim.sequence++;
        push(event);
        return;
    }
    event.run(node, event.subject);
}

static void set_up(const struct sim_options *options)
{
    struct sim_event *events = sim.events;
    int room = sim.events_room;
    memset(&sim, 0, sizeof(sim));
    sim.events = events;
    sim.events_room = room;
    sim.options = *options;
    sim.random = options->seed * 0x2545f4914f6cdd1d + 1;
    sim.trace_hash = 14695981039346656037ull;
    forget_memory();
    int count = sim_chance(75) && !sim_late_chosen(options) ? 3 : SIM_NODES;
    sim.count = options->nodes ? options->nodes : count;
    sim.delay_max_ms = sim_chance(70) ? 5 : 60;
    for (int i = 0; i < sim.count; i++) {
        struct sim_node *node = &sim.nodes[i];
        node->index = i;
        node->id = (uint64_t)i + 1;
        snprintf(node->address, sizeof(node->address), "n%d@10.0.0.%d:1", i + 1, i + 1);
        node->rate = 1 + ((double)sim_random(1801) - 900) / 100000; /* within 0.9 % */
        sim_raft_bootstrap(node);
        sim_node_start(node);
    }
}

static void unreliable(struct sim_node *nobody, void *subject)
{
    (void)nobody, (void)subject;
    sim.loss_percent = sim_chance(50) ? (int)sim_random(20) : 0;
    sim.double_percent = (int)sim_random(20);
    sim.delay_max_ms = sim_chance(50) ? 5 : sim_chance(50) ? 80 : 300;
}

bool sim_run(const struct sim_options *options)
{
    sim_raft_heap();
    set_up(options);
    uint64_t faults_ns = sim_chance(80) ? FORM_MS * CLOCK_MS : sim_between_ms(0, FORM_MS);
    uint64_t heal_ns = faults_ns + sim_between_ms(FAULTS_MS / 4, FAULTS_MS);
    sim_after(faults_ns, NULL, unreliable, NULL);
    sim_after(faults_ns, NULL, fault, NULL);
    sim_late_start(faults_ns);
    sim_after(heal_ns, NULL, heal, NULL);
    while (!sim.wrong[0] && sim.now_ns < heal_ns + HEAL_MS * CLOCK_MS) {
        step();
        if (sim.healed && sim.steps % 256 == 0 && sim.now_ns > heal_ns + 1500 * CLOCK_MS &&
            sim_check_steady())
            break;
    }
    if (!sim.wrong[0])
        sim_check_end();
    sim_trace(NULL, "end: %d acknowledged, %d primaries served", sim.acked_count, sim.served_count);
    sim.events_count = 0;
    return !sim.wrong[0];
}
