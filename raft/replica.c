/* This member's copy of the cluster's facts: see replica.h. Source: libraft's raft.h, raft/uv.h. */
#include "raft/replica.h"

#include <dirent.h>
#include <raft.h>
#include <raft/uv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/log_check.h"
#include "raft/silent_leader.h"
#include "raft/transport.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum {
    SNAPSHOT_EVERY = 8192,   /* entries; half of them stay in the log */
    SEGMENT_BYTES = 4 << 20, /* two are made ahead */
    ROOM_KIB = 1024,         /* with less made ahead (the disk is full) entries are refused */
    WATCH_MS = 50,           /* how often the role is looked at */
    STARVED_MS = 3000,       /* so long without room: the disk is full */
    HAND_OVER_MS = 1000,     /* a leader that must end has so long to make another one */
    DISK_RETRY_MS = 3600000, /* libraft's own retry of a write: it ends before, see look_at_disk */
};

struct replica {
    struct replica_setup setup;
    struct raft_uv_transport library; /* libraft's view of the transport */
    struct transport *transport;
    struct change *change; /* of raft's configuration, in flight */
    struct raft_transfer transfer;
    bool transferring;
    struct raft_io io;
    struct raft_fsm fsm;
    struct raft raft;
    struct cluster_state facts;
    struct loop_timer watch;
    struct raft_barrier nudge; /* so that followers learn at once what is committed */
    bool nudge_busy, watching;
    struct raft_barrier barrier;
    bool barrier_busy, passed; /* passed: as fresh as a leader of this process' time */
    raft_index fresh;          /* applied so far, a follower has passed; 0 = not known yet */
    raft_term fresh_term;      /* of the leader that said so: the word of a deposed one is void */
    raft_term passed_term;     /* in which this member, as leader, passed it */
    int last_role;             /* as the watch saw it, with what was applied */
    raft_index last_applied;
    bool failed;
    uint64_t room_ns; /* when there was room for entries last */
    uint64_t ends_ns; /* since when it is known that it cannot go on, 0 = it can */
    char dir[LIMIT_PATH], address[PEER_ADDRESS];
    void (*closed)(void *owner);
};

struct proposal {
    struct raft_apply apply;
    struct replica *replica;
    replica_answer *answer;
    void *subject;
    const char *refusal; /* when it did not even begin */
    enum error_code refusal_code;
};

bool replica_exists(const char *path)
{
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        found |= !strncmp(entry->d_name, "metadata", 8);
    if (dir)
        closedir(dir);
    return found;
}

/* Who may speak as member id: the one whose name raft's configuration has for it. An id that is not
 * in it yet (this member is new, or has slept) may be any region but one that is known by another
 * id. */
static enum peer_right may_speak(void *owner, uint64_t id, const struct certificate *certificate)
{
    struct replica *replica = owner;
    const struct raft_configuration *configuration = &replica->raft.configuration;
    /* Old facts know fewer removals, not more: no id is given twice. */
    bool removed = id < replica->facts.member_next && !cluster_state_member(&replica->facts, id);
    size_t length = strlen(certificate->name);
    if (!removed && cluster_state_revoked(&replica->facts, certificate->serial))
        return PEER_REFUSED;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *known = &configuration->servers[i];
        bool named =
            !strncmp(known->address, certificate->name, length) && known->address[length] == '@';
        if ((known->id == id) != named)
            return removed ? PEER_REMOVED : PEER_REFUSED;
        if (named) /* one that leaves is counted a moment longer, and may be the leader */
            return PEER_MAY;
    }
    return removed ? PEER_REMOVED : PEER_MAY;
}

static void on_messages(void *owner, uint64_t id, struct tls_stream *stream)
{
    struct replica *replica = owner;
    replica->setup.messages(replica->setup.owner, id, stream);
}

static void on_calls(void *owner, uint64_t id, struct tls_stream *stream)
{
    struct replica *replica = owner;
    replica->setup.calls(replica->setup.owner, id, stream);
}

static void fail(struct replica *replica, enum error_code code, const char *what)
{
    struct error why;
    if (replica->failed)
        return;
    replica->failed = true;
    error_set(&why, code, "consensus log in %s: %s", replica->dir, what);
    replica->setup.failed(replica->setup.owner, &why);
}

/* What goes into the log or a snapshot: libraft wants whole words, so the size stands before it. */
static struct raft_buffer wrap(const struct record_out *out)
{
    uint64_t size = out->size;
    size_t padded = (out->size + 7) & ~(size_t)7;
    struct raft_buffer buffer = {.base = raft_calloc(1, padded + 8), .len = padded + 8};
    ASSERT(buffer.base);
    memcpy(buffer.base, &size, 8);
    memcpy((char *)buffer.base + 8, out->bytes, out->size);
    return buffer;
}

/* 0 = not of that form. */
static size_t unwrap(const struct raft_buffer *buffer, const void **bytes)
{
    uint64_t size = 0;
    if (buffer->len >= 8)
        memcpy(&size, buffer->base, 8);
    if (size == 0 || size > buffer->len - 8 || buffer->len - 8 - size >= 8)
        return 0;
    *bytes = (const char *)buffer->base + 8;
    return size;
}

/* Applying changes facts and does nothing else; it never fails. An entry that this program cannot
 * read was committed by a newer one: to go on would make this member's facts differ. */
static int apply(struct raft_fsm *fsm, const struct raft_buffer *buffer, void **result)
{
    struct replica *replica = fsm->data;
    struct command command;
    struct error err = {.text = "an entry of the wrong form"};
    const void *bytes = NULL;
    size_t size = unwrap(buffer, &bytes);
    if (size == 0 || command_decode(bytes, size, &command, &err)) {
        log_error("consensus log: %s", err.text);
        abort();
    }
    *result = (void *)cluster_state_apply(&replica->facts, &command);
    if (replica->watching) /* others look at once, not from within */
        loop_timer_start(&replica->watch, 0, WATCH_MS);
    return 0;
}

static int take_snapshot(struct raft_fsm *fsm, struct raft_buffer *buffers[], unsigned *count)
{
    struct replica *replica = fsm->data;
    struct record_out out = {0};
    cluster_state_encode(&replica->facts, &out);
    *buffers = raft_malloc(sizeof(**buffers));
    ASSERT(*buffers);
    (*buffers)[0] = wrap(&out);
    *count = 1;
    record_out_free(&out);
    return 0;
}

static int restore(struct raft_fsm *fsm, struct raft_buffer *buffer)
{
    struct replica *replica = fsm->data;
    struct error err = {.text = "of the wrong form"};
    const void *bytes = NULL;
    size_t size = unwrap(buffer, &bytes);
    if (size == 0 || cluster_state_decode(bytes, size, &replica->facts, &err)) {
        log_error("snapshot: %s", err.text);
        return RAFT_MALFORMED;
    }
    raft_free(buffer->base);
    return 0;
}

static void on_barrier(struct raft_barrier *request, int status)
{
    struct replica *replica = container_of(request, struct replica, barrier);
    replica->barrier_busy = false;
    if (status)
        return; /* asked again by the watch while this member leads */
    replica->passed = true;
    replica->passed_term = raft_current_term(&replica->raft);
    replica->setup.changed(replica->setup.owner);
}

static void pass_if_fresh(struct replica *replica)
{
    if (replica->passed || !replica->fresh ||
        replica->fresh_term != raft_current_term(&replica->raft) ||
        raft_last_applied(&replica->raft) < replica->fresh)
        return;
    replica->passed = true;
    replica->setup.changed(replica->setup.owner);
}

/* A paused leader that was deposed meanwhile says this too, of facts that are superseded. */
static void on_committed(void *owner, uint64_t term, uint64_t index)
{
    struct replica *replica = owner;
    if (term <= replica->fresh_term || term < raft_current_term(&replica->raft))
        return;
    replica->fresh = index;
    replica->fresh_term = term;
    /* libraft sees the frame only after us: the watch looks again */
}

static void on_asked(void *owner)
{
    struct replica *replica = owner;
    silent_leader_asked(&replica->raft, replica->io.time(&replica->io));
}

/*
 * libraft 0.22 keeps a failed write of the log to itself and tries it again by the wrong timer,
 * with another object's address. So it gets no second try: the program ends, and the next start is
 * the retry. A leader hands over first: it would commit by the others' disks for as long as it
 * lives, and refuse entries once they are full too. Source: libraft src/uv_append.c,
 * uvAliveSegmentWriteCb; src/client.c, clientCapacityIsWithinThreshold.
 */
static void look_at_disk(struct replica *replica, int role)
{
    uint64_t now_ns = clock_boot_ns();
    const char *what = replica->io.errmsg;
    if (replica->io.capacity >= ROOM_KIB)
        replica->room_ns = now_ns;
    else if (!*what && now_ns - replica->room_ns > STARVED_MS * CLOCK_MS)
        what = "no room for more entries: the disk is full";
    if (!*what)
        return;
    if (!replica->ends_ns)
        replica->ends_ns = now_ns;
    if (role == RAFT_LEADER && now_ns - replica->ends_ns < HAND_OVER_MS * CLOCK_MS)
        replica_step_down(replica);
    else
        fail(replica, ERR_IO, what);
}

static void on_watch(struct loop_timer *timer)
{
    struct replica *replica = container_of(timer, struct replica, watch);
    int role = (int)raft_state(&replica->raft);
    if (role == RAFT_UNAVAILABLE)
        fail(replica, ERR_IO, raft_errmsg(&replica->raft));
    else
        look_at_disk(replica, role);
    if (replica->failed)
        return;
    silent_leader_forget(&replica->raft, replica->io.time(&replica->io), WATCH_MS);
    if (role == RAFT_LEADER && !replica->barrier_busy &&
        replica->passed_term != raft_current_term(&replica->raft))
        replica->barrier_busy = raft_barrier(&replica->raft, &replica->barrier, on_barrier) == 0;
    pass_if_fresh(replica);
    raft_index applied = raft_last_applied(&replica->raft);
    if (role != replica->last_role)
        log_info("consensus: %s in term %llu, entry %llu", raft_state_name(role),
                 (unsigned long long)raft_current_term(&replica->raft),
                 (unsigned long long)raft_last_index(&replica->raft));
    if (role != replica->last_role || applied != replica->last_applied)
        replica->setup.changed(replica->setup.owner);
    replica->last_role = role;
    replica->last_applied = applied;
}

static enum error_code refuse_damaged(const char *dir, const char *where, struct error *err)
{
    return error_set(err, ERR_CORRUPT,
                     "the consensus log in %s is damaged (%s): this member must not vote any "
                     "more; remove it from the cluster, empty its data directory, join again",
                     dir, where);
}

static enum error_code explain(struct replica *replica, int rv, struct error *err)
{
    if (rv == RAFT_CORRUPT || rv == RAFT_MALFORMED)
        return refuse_damaged(replica->dir, raft_errmsg(&replica->raft), err);
    return error_set(err, ERR_IO, "consensus log in %s: %s", replica->dir,
                     raft_errmsg(&replica->raft));
}

static enum error_code bootstrap_alone(struct replica *replica, struct error *err)
{
    struct raft_configuration configuration;
    raft_configuration_init(&configuration);
    int rv =
        raft_configuration_add(&configuration, replica->setup.id, replica->address, RAFT_VOTER);
    if (!rv)
        rv = raft_bootstrap(&replica->raft, &configuration);
    raft_configuration_close(&configuration);
    return rv ? explain(replica, rv, err) : ERR_OK;
}

static void set_up(struct replica *replica)
{
    raft_uv_set_auto_recovery(&replica->io, false);
    raft_uv_set_segment_size(&replica->io, SEGMENT_BYTES);
    raft_uv_set_connect_retry_delay(&replica->io, 200);
    raft_uv_set_disk_retry(&replica->io, DISK_RETRY_MS);
    raft_set_capacity_threshold(&replica->raft, ROOM_KIB);
    raft_set_pre_vote(&replica->raft, true);
    raft_set_heartbeat_timeout(&replica->raft, replica->setup.heartbeat_ms);
    raft_set_election_timeout(&replica->raft, replica->setup.election_ms);
    unsigned every = replica->setup.snapshot_every;
    raft_set_snapshot_threshold(&replica->raft, every ? every : SNAPSHOT_EVERY);
    raft_set_snapshot_trailing(&replica->raft, (every ? every : SNAPSHOT_EVERY) / 2);
}

enum error_code replica_start(const struct replica_setup *setup, bool bootstrap,
                              struct replica **out, struct error *err)
{
    struct error where;
    enum error_code code = log_check(setup->dir, &where);
    if (code == ERR_CORRUPT)
        return refuse_damaged(setup->dir, where.text, err);
    if (code)
        return error_set(err, code, "consensus log in %s: %s", setup->dir, where.text);
    struct replica *replica = calloc(1, sizeof(*replica));
    ASSERT(replica);
    replica->setup = *setup;
    snprintf(replica->dir, sizeof(replica->dir), "%s", setup->dir);
    snprintf(replica->address, sizeof(replica->address), "%s@%s", setup->name, setup->address);
    cluster_state_init(&replica->facts);
    struct transport_setup transport = {.loop = setup->loop,
                                        .credentials = setup->credentials,
                                        .self = setup->id,
                                        .address = replica->address,
                                        .listen = setup->listen ? setup->listen : setup->address,
                                        .may = may_speak,
                                        .committed = on_committed,
                                        .asked = on_asked,
                                        .messages = setup->messages ? on_messages : NULL,
                                        .calls = setup->calls ? on_calls : NULL,
                                        .owner = replica};
    replica->transport = transport_new(&transport, &replica->library);
    replica->fsm = (struct raft_fsm){.version = 1,
                                     .data = replica,
                                     .apply = apply,
                                     .snapshot = take_snapshot,
                                     .restore = restore};
    int rv = raft_uv_init(&replica->io, &setup->loop->uv, replica->dir, &replica->library);
    if (rv) {
        error_set(err, ERR_IO, "consensus log in %s: %s", replica->dir, raft_strerror(rv));
        transport_free(replica->transport);
        free(replica);
        return ERR_IO;
    }
    rv = raft_init(&replica->raft, &replica->io, &replica->fsm, setup->id, replica->address);
    if (rv) /* it tries the disk; the caller exits */
        return explain(replica, rv, err);
    set_up(replica);
    code = bootstrap ? bootstrap_alone(replica, err) : ERR_OK;
    if (!code && (rv = raft_start(&replica->raft)))
        code = explain(replica, rv, err);
    if (code)
        return code; /* the caller exits: libraft cannot be closed half-started */
    replica->last_role = -1;
    replica->io.errmsg[0] = '\0'; /* from here on it is about the disk */
    replica->room_ns = clock_boot_ns();
    replica->watching = true;
    loop_timer_init(setup->loop, &replica->watch, on_watch);
    loop_timer_start(&replica->watch, 1, WATCH_MS);
    *out = replica;
    return ERR_OK;
}

static void on_raft_closed(struct raft *raft)
{
    struct replica *replica = container_of(raft, struct replica, raft);
    raft_uv_close(&replica->io);
    transport_free(replica->transport);
    if (replica->closed)
        replica->closed(replica->setup.owner);
    free(replica);
}

static void on_watch_closed(struct loop_timer *timer)
{
    struct replica *replica = container_of(timer, struct replica, watch);
    raft_close(&replica->raft, on_raft_closed);
}

void replica_close(struct replica *replica, void (*closed)(void *owner))
{
    replica->closed = closed;
    replica->watching = false;
    loop_timer_close(&replica->watch, on_watch_closed);
}

const struct cluster_state *replica_facts(const struct replica *replica)
{
    return replica->passed ? &replica->facts : NULL;
}

bool replica_leads(const struct replica *replica)
{
    struct raft *raft = (struct raft *)&replica->raft;
    return replica->passed && raft_state(raft) == RAFT_LEADER &&
           replica->passed_term == raft_current_term(raft);
}

void replica_report(const struct replica *replica, struct replica_report *report)
{
    struct raft *raft = (struct raft *)&replica->raft;
    raft_id leader = 0;
    const char *address;
    raft_leader(raft, &leader, &address);
    report->role = raft_state_name((int)raft_state(raft));
    report->term = raft_current_term(raft);
    report->index = raft_last_index(raft);
    report->applied = raft_last_applied(raft);
    report->leader = leader;
    report->quorum = leader != 0;
}

static void answer_later(void *subject)
{
    struct proposal *proposal = subject;
    if (proposal->answer)
        proposal->answer(proposal->subject, proposal->refusal_code, proposal->refusal);
    free(proposal);
}

static void on_nudged(struct raft_barrier *request, int status)
{
    (void)status;
    container_of(request, struct replica, nudge)->nudge_busy = false;
}

/* libraft tells followers with the next entry or heartbeat that an entry is committed: an empty one
 * saves half a heartbeat in each step of a failover. */
static void nudge(struct replica *replica)
{
    if (!replica->nudge_busy && replica->raft.configuration.n > 1)
        replica->nudge_busy = raft_barrier(&replica->raft, &replica->nudge, on_nudged) == 0;
}

static void on_applied(struct raft_apply *request, int status, void *result)
{
    struct proposal *proposal = container_of(request, struct proposal, apply);
    const struct cluster_outcome *outcome = result;
    enum error_code code = ERR_UNKNOWN_OUTCOME;
    const char *reason = "leadership was lost before the outcome was known";
    if (status == 0 && outcome) {
        code = outcome->code;
        reason = outcome->reason;
        nudge(proposal->replica);
    } else if (status == RAFT_NOTLEADER) {
        code = ERR_UNAVAILABLE;
        reason = "this region does not lead";
    }
    proposal->replica->setup.changed(proposal->replica->setup.owner);
    if (proposal->answer)
        proposal->answer(proposal->subject, code, reason);
    free(proposal);
}

void replica_propose(struct replica *replica, const struct command *command, replica_answer *answer,
                     void *subject)
{
    struct proposal *proposal = calloc(1, sizeof(*proposal));
    struct record_out out = {0};
    struct error err;
    ASSERT(proposal);
    *proposal = (struct proposal){.replica = replica, .answer = answer, .subject = subject};
    if (replica->facts.name[0] && command_level((int)command->kind) > replica->facts.schema_level) {
        proposal->refusal_code = ERR_CONFLICT;
        proposal->refusal = "a region runs an older version, which does not know this yet";
        loop_post(replica->setup.loop, answer_later, proposal);
        return;
    }
    enum error_code code = command_encode(command, &out, &err);
    ASSERT(!code); /* who proposes has checked what came from outside */
    struct raft_buffer buffer = wrap(&out);
    record_out_free(&out);
    int rv = raft_apply(&replica->raft, &proposal->apply, &buffer, 1, on_applied);
    if (rv) {
        if (rv == RAFT_NOTLEADER || rv == RAFT_NOSPACE) /* else it was taken over */
            raft_free(buffer.base);
        proposal->refusal_code = ERR_UNAVAILABLE;
        proposal->refusal = rv == RAFT_NOTLEADER ? "this region does not lead" : raft_strerror(rv);
        loop_post(replica->setup.loop, answer_later, proposal);
    }
}

/* ---- raft's own members ---- */

struct change {
    struct raft_change raft;
    struct replica *replica;
    replica_answer *answer;
    void *subject;
    enum error_code code;
    const char *reason;
};

static void end_change(void *subject)
{
    struct change *change = subject;
    if (change->answer)
        change->answer(change->subject, change->code, change->reason);
    free(change);
}

static void refuse_change(struct change *change, enum error_code code, const char *reason)
{
    change->code = code;
    change->reason = reason;
    loop_post(change->replica->setup.loop, end_change, change);
}

static void on_changed_members(struct raft_change *request, int status)
{
    struct change *change = container_of(request, struct change, raft);
    change->replica->change = NULL;
    change->replica->setup.changed(change->replica->setup.owner);
    change->code = ERR_OK;
    change->reason = "done";
    if (status == RAFT_NOCONNECTION) {
        change->code = ERR_UNAVAILABLE;
        change->reason = "the member did not catch up";
    } else if (status) {
        change->code = ERR_UNKNOWN_OUTCOME;
        change->reason = "leadership was lost before the outcome was known";
    }
    end_change(change);
}

/* NULL = refused already. */
static struct change *begin_change(struct replica *replica, replica_answer *answer, void *subject)
{
    struct change *change = calloc(1, sizeof(*change));
    ASSERT(change);
    *change = (struct change){.replica = replica, .answer = answer, .subject = subject};
    if (raft_state(&replica->raft) != RAFT_LEADER) {
        refuse_change(change, ERR_UNAVAILABLE, "this region does not lead");
        return NULL;
    }
    if (replica->change || replica->transferring) {
        refuse_change(change, ERR_BUSY, "another change of the members is under way");
        return NULL;
    }
    replica->change = change;
    return change;
}

static void change_sent(struct change *change, int rv)
{
    if (!rv)
        return;
    change->replica->change = NULL;
    if (rv == RAFT_CANTCHANGE)
        refuse_change(change, ERR_BUSY, "another change of the members is under way");
    else if (rv == RAFT_NOTLEADER)
        refuse_change(change, ERR_UNAVAILABLE, "this region does not lead");
    else
        refuse_change(change, ERR_BAD_INPUT, raft_strerror(rv));
}

void replica_add(struct replica *replica, const struct cluster_member *member,
                 replica_answer *answer, void *subject)
{
    char address[PEER_ADDRESS];
    struct change *change = begin_change(replica, answer, subject);
    if (!change)
        return;
    peer_address_format(member->name, member->address, (int)member->ports[CLUSTER_PORT_RAFT],
                        address);
    change_sent(change,
                raft_add(&replica->raft, &change->raft, member->id, address, on_changed_members));
}

void replica_promote(struct replica *replica, uint64_t id, replica_answer *answer, void *subject)
{
    struct change *change = begin_change(replica, answer, subject);
    if (change)
        change_sent(change,
                    raft_assign(&replica->raft, &change->raft, id, RAFT_VOTER, on_changed_members));
}

void replica_remove(struct replica *replica, uint64_t id, replica_answer *answer, void *subject)
{
    struct change *change = begin_change(replica, answer, subject);
    if (change)
        change_sent(change, raft_remove(&replica->raft, &change->raft, id, on_changed_members));
}

int replica_servers(const struct replica *replica, struct replica_server *servers, int room)
{
    const struct raft_configuration *configuration = &replica->raft.configuration;
    int count = 0;
    for (unsigned i = 0; i < configuration->n && count < room; i++, count++) {
        servers[count].id = configuration->servers[i].id;
        servers[count].votes = configuration->servers[i].role == RAFT_VOTER;
        snprintf(servers[count].address, sizeof(servers[count].address), "%s",
                 configuration->servers[i].address);
    }
    return count;
}

static void on_transferred(struct raft_transfer *request)
{
    container_of(request, struct replica, transfer)->transferring = false;
}

void replica_step_down(struct replica *replica)
{
    if (raft_state(&replica->raft) == RAFT_LEADER && !replica->transferring && !replica->change)
        replica->transferring =
            raft_transfer(&replica->raft, &replica->transfer, 0, on_transferred) == 0;
}

void replica_renew(struct replica *replica, struct tls_credentials *credentials)
{
    replica->setup.credentials = credentials;
    transport_renew(replica->transport, credentials);
}
