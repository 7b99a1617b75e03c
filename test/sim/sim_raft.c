/* Real libraft on a modelled disk and network: see sim.h. What is not written when a host dies is
 * lost; its memory goes with the seed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/frame_check.h"
#include "raft/silent_leader.h"
#include "src/base/container.h"
#include "test/sim/sim.h"

enum { HEARTBEAT_MS = 50, ELECTION_MS = 300 };

/* ---- libraft's memory ---- */

struct chunk {
    size_t size;
    _Alignas(16) char bytes[];
};

static void *heap_malloc(void *nothing, size_t size)
{
    (void)nothing;
    struct chunk *chunk = sim_alloc(sizeof(*chunk) + size);
    chunk->size = size;
    return chunk->bytes;
}

static void heap_free(void *nothing, void *at)
{
    (void)nothing, (void)at;
}

static void *heap_calloc(void *nothing, size_t count, size_t size)
{
    return heap_malloc(nothing, count * size);
}

static void *heap_realloc(void *nothing, void *at, size_t size)
{
    void *bytes = heap_malloc(nothing, size);
    if (at) {
        size_t old = container_of((char(*)[])at, struct chunk, bytes)->size;
        memcpy(bytes, at, old < size ? old : size);
    }
    return bytes;
}

static void *heap_aligned(void *nothing, size_t alignment, size_t size)
{
    ASSERT(alignment <= 16);
    return heap_malloc(nothing, size);
}

static void heap_aligned_free(void *nothing, size_t alignment, void *at)
{
    (void)nothing, (void)alignment, (void)at;
}

void sim_raft_heap(void)
{
    static struct raft_heap heap = {NULL,         heap_malloc,  heap_free,        heap_calloc,
                                    heap_realloc, heap_aligned, heap_aligned_free};
    raft_heap_set(&heap);
}

/* ---- entries ---- */

static size_t batch_bytes(const struct raft_entry *entries, size_t count)
{
    size_t size = 8;
    for (size_t i = 0; i < count; i++)
        size += (entries[i].buf.len + 7) & ~(size_t)7;
    return size;
}

/* As they come from the network or the disk: their bytes in one block. */
static struct raft_entry *copy_entries(const struct raft_entry *from, size_t count)
{
    if (!count)
        return NULL;
    struct raft_entry *entries = raft_malloc(count * sizeof(*entries));
    char *at = raft_malloc(batch_bytes(from, count)), *batch = at;
    for (size_t i = 0; i < count; i++) {
        entries[i] = from[i];
        entries[i].batch = batch;
        entries[i].buf.base = at;
        memcpy(at, from[i].buf.base, from[i].buf.len);
        at += (from[i].buf.len + 7) & ~(size_t)7;
    }
    return entries;
}

static void look_at_requests(struct sim_node *node);

/* ---- the disk ---- */

static struct sim_node *node_of(const struct raft_io *io)
{
    return io->impl;
}

static int io_init(struct raft_io *io, raft_id id, const char *address)
{
    (void)io, (void)id, (void)address;
    return 0;
}

static void io_close(struct raft_io *io, raft_io_close_cb closed)
{
    closed(io);
}

static int io_load(struct raft_io *io, raft_term *term, raft_id *vote,
                   struct raft_snapshot **snapshot, raft_index *start, struct raft_entry *entries[],
                   size_t *count)
{
    struct sim_disk *disk = &node_of(io)->disk;
    struct raft_entry stored[SIM_LOG];
    for (int i = 0; i < disk->log_count; i++)
        stored[i] = (struct raft_entry){
            .term = disk->log[i].term,
            .type = (enum raft_entry_type)disk->log[i].type,
            .buf = {disk->log[i].bytes, disk->log[i].size},
        };
    *term = disk->term;
    *vote = disk->vote;
    *snapshot = NULL;
    *start = 1;
    *count = (size_t)disk->log_count;
    *entries = copy_entries(stored, *count);
    return 0;
}

static int io_start(struct raft_io *io, unsigned ms, raft_io_tick_cb tick, raft_io_recv_cb receive)
{
    struct sim_node *node = node_of(io);
    (void)ms;
    node->tick = tick;
    node->receive = receive;
    return 0;
}

static int io_bootstrap(struct raft_io *io, const struct raft_configuration *configuration)
{
    (void)io, (void)configuration;
    return RAFT_CANTBOOTSTRAP;
}

static int io_set_term(struct raft_io *io, raft_term term)
{
    node_of(io)->disk.term = term;
    node_of(io)->disk.vote = 0;
    return 0;
}

static int io_set_vote(struct raft_io *io, raft_id vote)
{
    node_of(io)->disk.vote = vote;
    return 0;
}

static void store(struct sim_disk *disk, const struct raft_entry *entry)
{
    ASSERT(disk->log_count < SIM_LOG);
    struct sim_entry *kept = &disk->log[disk->log_count++];
    *kept = (struct sim_entry){entry->term, (int)entry->type, entry->buf.len,
                               sim_alloc(entry->buf.len)};
    memcpy(kept->bytes, entry->buf.base, entry->buf.len);
}

/* Writes and truncations end in the order in which they began. */
static void queue_write(struct sim_node *node, void (*run)(struct sim_node *node, void *subject),
                        void *subject)
{
    uint64_t delay_ns = 200000 + sim_random(2 * CLOCK_MS);
    uint64_t *last = &sim.fifo_ns[node->index][node->index];
    if (sim.now_ns + delay_ns <= *last)
        delay_ns = *last + 1 - sim.now_ns;
    *last = sim.now_ns + delay_ns;
    sim_after(delay_ns, node, run, subject);
}

struct append {
    struct raft_io_append *request;
    const struct raft_entry *entries;
    unsigned count;
};

static void on_written(struct sim_node *node, void *subject)
{
    struct append *append = subject;
    for (unsigned i = 0; i < append->count; i++)
        store(&node->disk, &append->entries[i]);
    append->request->cb(append->request, 0);
    look_at_requests(node);
}

static int io_append(struct raft_io *io, struct raft_io_append *request,
                     const struct raft_entry entries[], unsigned count, raft_io_append_cb done)
{
    struct append *append = sim_alloc(sizeof(*append));
    request->cb = done;
    *append = (struct append){request, entries, count};
    queue_write(node_of(io), on_written, append);
    return 0;
}

static void on_truncated(struct sim_node *node, void *subject)
{
    uint64_t index = *(uint64_t *)subject;
    if ((uint64_t)node->disk.log_count >= index)
        node->disk.log_count = (int)index - 1;
}

static int io_truncate(struct raft_io *io, raft_index index)
{
    uint64_t *from = sim_alloc(sizeof(*from));
    *from = index;
    queue_write(node_of(io), on_truncated, from);
    return 0;
}

static int io_snapshot_put(struct raft_io *io, unsigned trailing,
                           struct raft_io_snapshot_put *request,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb done)
{
    (void)io, (void)trailing, (void)request, (void)snapshot, (void)done;
    return RAFT_IOERR; /* logs are short here: none is ever taken */
}

static int io_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *request,
                           raft_io_snapshot_get_cb done)
{
    (void)io, (void)request, (void)done;
    return RAFT_IOERR;
}

static raft_time io_time(struct raft_io *io)
{
    return sim_local_ns(node_of(io)) / CLOCK_MS;
}

static int io_random(struct raft_io *io, int low, int high)
{
    (void)io;
    return low + (int)sim_random((uint64_t)(high - low));
}

/* ---- the network ---- */

static void on_sent(struct sim_node *node, void *subject)
{
    struct raft_io_send *request = subject;
    (void)node;
    request->cb(request, 0);
}

static int io_send(struct raft_io *io, struct raft_io_send *request,
                   const struct raft_message *message, raft_io_send_cb done)
{
    struct sim_node *node = node_of(io);
    struct sim_message letter = {.kind = SIM_RAFT, .raft = *message};
    request->cb = done;
    if (message->type == RAFT_APPEND_ENTRIES)
        letter.raft.append_entries.entries =
            copy_entries(message->append_entries.entries, message->append_entries.n_entries);
    sim_send(node, (int)message->server_id - 1, &letter);
    sim_after(0, node, on_sent, request);
    return 0;
}

/* What the transport does with a pre-vote: see frame_check.h. */
static void tell_term(struct sim_node *node, const struct raft_message *message)
{
    const struct raft_request_vote *vote = &message->request_vote;
    if (message->type != RAFT_REQUEST_VOTE || !vote->pre_vote || vote->term < 2 ||
        sim.options.no_term)
        return;
    struct raft_message term = *message;
    term.request_vote.term = vote->term - 1;
    term.request_vote.last_log_index = term.request_vote.last_log_term = 0;
    term.request_vote.pre_vote = term.request_vote.disrupt_leader = false;
    node->receive(node->io, &term);
}

void sim_raft_receive(struct sim_node *node, const struct sim_message *letter)
{
    struct raft_message message = letter->raft;
    message.server_id = sim.nodes[letter->from].id;
    message.server_address = sim.nodes[letter->from].address;
    if (node->sleeps_ns > sim.now_ns)
        return; /* the peer's connection breaks, it tries again */
    if (message.type == RAFT_REQUEST_VOTE)
        silent_leader_asked(node->raft, io_time(node->io));
    tell_term(node, &message);
    const struct raft_append_entries *append = &message.append_entries;
    if (message.type == RAFT_APPEND_ENTRIES && append->prev_log_term == append->term &&
        append->leader_commit >= append->prev_log_index && !node->fresh)
        node->fresh = append->prev_log_index;
    node->receive(node->io, &message);
    look_at_requests(node);
}

/* ---- the state machine ---- */

static int apply(struct raft_fsm *fsm, const struct raft_buffer *buffer, void **result)
{
    struct sim_node *node = fsm->data;
    struct command command;
    uint64_t size;
    memcpy(&size, buffer->base, 8);
    enum error_code code = command_decode((char *)buffer->base + 8, size, &command, NULL);
    ASSERT(!code);
    const struct cluster_outcome *outcome = cluster_state_apply(&node->facts, &command);
    sim_trace(node, "applies %s: %s (epoch %d %s)", command_name((int)command.kind),
              outcome->reason, (int)node->facts.primary.epoch,
              cluster_phase_word(node->facts.primary.phase));
    *result = NULL;
    sim_check_applied(node, ++node->applied);
    return 0;
}

static int no_snapshot(struct raft_fsm *fsm, struct raft_buffer *buffers[], unsigned *count)
{
    (void)fsm, (void)buffers, (void)count;
    return RAFT_IOERR;
}

static int no_restore(struct raft_fsm *fsm, struct raft_buffer *buffer)
{
    (void)fsm, (void)buffer;
    return RAFT_IOERR;
}

/* libraft's callbacks come from its own I/O backend; here what was asked for is looked at. */
static void never_called(struct raft_barrier *request, int status)
{
    (void)request, (void)status;
}

static void never_called_either(struct raft_apply *request, int status, void *result)
{
    (void)request, (void)status, (void)result;
}

static void look_at_requests(struct sim_node *node)
{
    bool leads = raft_state(node->raft) == RAFT_LEADER;
    uint64_t term = raft_current_term(node->raft), applied = raft_last_applied(node->raft);
    if (node->barrier_busy && leads && term == node->barrier_term &&
        applied >= node->barrier->index) {
        node->passed = true;
        node->passed_term = term;
    }
    if (node->barrier_busy &&
        (!leads || term != node->barrier_term || applied >= node->barrier->index))
        node->barrier_busy = false;
    if (node->proposing &&
        (!leads || term != node->proposal_term || applied >= node->proposal->index))
        node->proposing = false;
}

bool sim_raft_leads(const struct sim_node *node)
{
    return node->passed && raft_state(node->raft) == RAFT_LEADER &&
           node->passed_term == raft_current_term(node->raft);
}

static void on_tick(struct sim_node *node, void *subject)
{
    sim_after(HEARTBEAT_MS * CLOCK_MS, node, on_tick, subject);
    if (node->sleeps_ns > sim.now_ns)
        return;
    node->tick(node->io);
    silent_leader_forget(node->raft, io_time(node->io), HEARTBEAT_MS);
    if ((int)raft_state(node->raft) != node->last_state)
        sim_trace(node, "is %s in term %d", raft_state_name((int)raft_state(node->raft)),
                  (int)raft_current_term(node->raft));
    node->last_state = (int)raft_state(node->raft);
    look_at_requests(node);
    if (!node->passed && node->fresh && raft_last_applied(node->raft) >= node->fresh)
        node->passed = true;
    if (raft_state(node->raft) == RAFT_LEADER && !node->barrier_busy &&
        (node->passed_term != raft_current_term(node->raft) || sim.options.raft_only)) {
        node->barrier = sim_alloc(sizeof(*node->barrier));
        node->barrier_term = raft_current_term(node->raft);
        node->barrier_busy = raft_barrier(node->raft, node->barrier, never_called) == 0;
    }
}

void sim_raft_propose(struct sim_node *node, const struct command *command)
{
    struct record_out out = {0};
    if (node->proposing || raft_state(node->raft) != RAFT_LEADER)
        return;
    enum error_code code = command_encode(command, &out, NULL);
    ASSERT(!code);
    uint64_t size = out.size;
    struct raft_buffer buffer = {.len = ((out.size + 7) & ~(size_t)7) + 8};
    buffer.base = raft_malloc(buffer.len);
    memcpy(buffer.base, &size, 8);
    memcpy((char *)buffer.base + 8, out.bytes, out.size);
    record_out_free(&out);
    node->proposal = sim_alloc(sizeof(*node->proposal));
    node->proposal_term = raft_current_term(node->raft);
    node->proposing = raft_apply(node->raft, node->proposal, &buffer, 1, never_called_either) == 0;
}

/* Every member begins with the same configuration in its log. */
void sim_raft_bootstrap(struct sim_node *node)
{
    struct raft_configuration configuration;
    struct raft_entry entry = {.term = 1, .type = RAFT_CHANGE};
    raft_configuration_init(&configuration);
    for (int i = 0; i < sim.count; i++) {
        char address[40];
        snprintf(address, sizeof(address), "n%d@10.0.0.%d:1", i + 1, i + 1);
        int rv = raft_configuration_add(&configuration, (raft_id)i + 1, address, RAFT_VOTER);
        ASSERT(rv == 0);
    }
    int rv = raft_configuration_encode(&configuration, &entry.buf);
    ASSERT(rv == 0);
    store(&node->disk, &entry);
    node->disk.term = 1;
}

void sim_raft_start(struct sim_node *node)
{
    node->raft = sim_alloc(sizeof(*node->raft));
    node->io = sim_alloc(sizeof(*node->io));
    node->fsm = sim_alloc(sizeof(*node->fsm));
    *node->io = (struct raft_io){.version = 1,
                                 .impl = node,
                                 .capacity = UINT16_MAX,
                                 .init = io_init,
                                 .close = io_close,
                                 .load = io_load,
                                 .start = io_start,
                                 .bootstrap = io_bootstrap,
                                 .recover = io_bootstrap,
                                 .set_term = io_set_term,
                                 .set_vote = io_set_vote,
                                 .send = io_send,
                                 .append = io_append,
                                 .truncate = io_truncate,
                                 .snapshot_put = io_snapshot_put,
                                 .snapshot_get = io_snapshot_get,
                                 .time = io_time,
                                 .random = io_random};
    *node->fsm = (struct raft_fsm){
        .version = 1, .data = node, .apply = apply, .snapshot = no_snapshot, .restore = no_restore};
    cluster_state_init(&node->facts);
    node->applied = node->fresh = node->passed_term = 0;
    node->passed = node->barrier_busy = node->proposing = false;
    int rv = raft_init(node->raft, node->io, node->fsm, node->id, node->address);
    ASSERT(rv == 0);
    raft_set_pre_vote(node->raft, true);
    raft_set_heartbeat_timeout(node->raft, HEARTBEAT_MS);
    raft_set_election_timeout(node->raft, ELECTION_MS);
    raft_set_snapshot_threshold(node->raft, 1 << 30);
    rv = raft_start(node->raft);
    ASSERT(rv == 0);
    sim_after(sim_between_ms(1, HEARTBEAT_MS), node, on_tick, NULL);
}
