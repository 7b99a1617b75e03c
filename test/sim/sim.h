/*
 * A cluster in one process and virtual time: real libraft, the replicated facts, leases, failover
 * and member decisions on a network, disks, clocks and PostgreSQLs that are modelled and broken at
 * random, from one seed. Test only; one thread.
 */
#pragma once

#include <raft.h>

#include "ha/failover_decide.h"
#include "ha/lease_core.h"
#include "ha/member_decide.h"
#include "ha/plant.h"
#include "src/base/clock.h"

enum {
    SIM_NODES = 5,
    SIM_RECORDS = 4096, /* of one WAL */
    SIM_HISTORY = 64,
    SIM_LOG = 1024, /* entries of one raft log */
    SIM_VIPS = 2,
    SIM_BATCH = 32, /* records of one message */
};

/* ---- what a node keeps on disk ---- */

struct sim_entry {
    uint64_t term;
    int type;
    size_t size;
    uint8_t *bytes;
};

/* PostgreSQL: what is in its data directory. */
struct sim_wal {
    bool has_data, rewinding;
    int length;
    uint32_t value[SIM_RECORDS]; /* each record is unique */
    uint32_t timeline[SIM_RECORDS];
    int history_count; /* timelines it knows itself on, and where each began */
    uint32_t history[SIM_HISTORY];
    int began[SIM_HISTORY];
};

struct sim_disk {
    uint64_t term, vote;
    struct sim_entry log[SIM_LOG];
    int log_count;
    struct lease_floor floor;
    uint64_t pg_floor; /* highest epoch followed, promoted or reported for */
    uint64_t named, tried;
    uint64_t reported;
    uint32_t reported_timeline;
    int reported_length;
    struct sim_wal wal;
};

/* ---- what runs ---- */

struct sim_pg {
    bool running, died, promoted, recovering, open, marked, clients;
    uint64_t instance;    /* counts starts and receivers in the whole simulation */
    uint64_t started_for; /* epoch of the facts at its start */
    uint64_t source;      /* epoch in conninfo */
    int source_node;
    bool receiving;
    uint64_t diverged; /* epoch whose primary refused it */
    int marker;        /* position of the epoch's marker, 0 = none */
    uint64_t epoch;    /* it was promoted for */
    /* primary: who of the voters flushed how far; names in force */
    int flushed[SIM_NODES];
    uint32_t names; /* bit per node */
    int quorum;
    uint64_t in_force;
    int ready_mark; /* own position when the set came in force */
    uint64_t ready;
    int acked;            /* positions before it are acknowledged */
    uint64_t deadline_ns; /* local BOOTTIME at which fenced kills it, 0 = no lease was given */
};

struct sim_vip {
    struct lease_holder lease;
    bool holds;
    uint64_t deadline_ns;
    bool dropped;     /* by fenced; regiond hears of it when it looks */
    uint64_t foreign; /* an epoch that is not this process' to use */
    uint64_t claimed_ns;
};

struct sim_node {
    int index;
    uint64_t id;
    bool up;
    uint64_t life;      /* counts starts: events of an earlier life are void */
    uint64_t resume_ns; /* host paused until then (global time) */
    uint64_t sleeps_ns; /* regiond alone paused until then */
    uint64_t stalls_ns; /* its disk hangs until then, */
    uint64_t stall_ns;  /* since then */
    bool looked;        /* at facts, in this life */
    double rate;        /* of its clock */
    uint64_t incarnation;
    struct sim_disk disk;
    char address[40];

    struct raft *raft;
    struct raft_io *io;
    struct raft_fsm *fsm;
    raft_io_tick_cb tick;
    raft_io_recv_cb receive;
    struct cluster_state facts;
    uint64_t applied, fresh, passed_term;
    bool passed, barrier_busy, proposing;
    struct raft_barrier *barrier;
    struct raft_apply *proposal;
    uint64_t barrier_term, proposal_term;
    int last_state;

    struct lease_acceptor acceptor;
    struct lease_holder lease; /* of the primary */
    struct sim_vip vips[SIM_VIPS];
    struct failover_watch watch;
    bool leads;
    struct sim_pg pg;
    enum member_step step;            /* in flight, MEMBER_WAIT = none */
    uint64_t step_epoch, step_serial; /* epoch in which it began; counts them */
    bool declined, asks_out;
};

/* ---- messages ---- */

enum sim_kind { SIM_RAFT, SIM_MEMBER, SIM_WAL, SIM_FLUSHED, SIM_REFUSED };

struct sim_wal_part {
    uint64_t epoch, instance, receiver;
    int from, count, history_count;
    uint32_t value[SIM_BATCH], timeline[SIM_BATCH];
    uint32_t history[SIM_HISTORY];
    int began[SIM_HISTORY];
};
struct sim_flushed {
    uint64_t epoch, instance; /* of the receiver */
    int length;
    uint32_t last; /* timeline of its last record */
    int history_count;
    uint32_t tip; /* timeline it is on */
};

struct sim_message {
    enum sim_kind kind;
    int from;
    union {
        struct raft_message raft;
        struct member_message member;
        struct sim_wal_part *wal;
        struct sim_flushed flushed;
        struct {
            uint64_t epoch, instance;
        } refused;
    };
};

/* ---- the world ---- */

struct sim_options {
    uint64_t seed;
    bool trace;
    int nodes;      /* 0 = by the seed */
    bool raft_only; /* no PostgreSQL: only raft and elections (livelock study) */
    bool no_term;   /* the term of a pre-vote is not told */
};

struct sim {
    struct sim_options options;
    uint64_t random;
    uint64_t now_ns;
    int count;
    struct sim_node nodes[SIM_NODES];
    bool cut[SIM_NODES][SIM_NODES]; /* from, to */
    int loss_percent, double_percent, delay_max_ms;
    bool healed;
    struct sim_node *loser; /* lost its data, and has no vote with a new copy yet */
    uint64_t lost_version;  /* of the data voters, then */
    uint32_t next_value;
    uint64_t next_instance;
    uint64_t fifo_ns[SIM_NODES][SIM_NODES];
    uint32_t acked[SIM_RECORDS]; /* values that a client saw committed */
    int acked_count;
    uint32_t promoted_timelines[256];
    int promoted_count;
    uint64_t hash_at[SIM_LOG];
    uint64_t served_epoch;
    int served_count, failovers;
    uint64_t trace_hash;
    char wrong[256]; /* the first broken invariant, "" = none */
    struct sim_event *events;
    int events_count, events_room;
    uint64_t sequence, steps;
};

extern struct sim sim;

/** Run one seed to its end; false = sim.wrong says what broke. */
bool sim_run(const struct sim_options *options);

/* world: randomness, time, network */
uint64_t sim_random(uint64_t below);
bool sim_chance(int percent);
uint64_t sim_between_ms(int low, int high); /* in ns */
uint64_t sim_local_ns(const struct sim_node *node);
void sim_after(uint64_t delay_ns, struct sim_node *node,
               void (*run)(struct sim_node *node, void *subject), void *subject);
void sim_send(struct sim_node *from, int to, const struct sim_message *message);
void *sim_alloc(size_t size);
void sim_trace(const struct sim_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_break(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* the history of sim_late.c, from at_ns on, in some seeds, with all nodes */
bool sim_late_chosen(const struct sim_options *options);
void sim_late_start(uint64_t at_ns);

/* raft on a node */
void sim_raft_heap(void);
void sim_raft_start(struct sim_node *node);
void sim_raft_receive(struct sim_node *node, const struct sim_message *message);
bool sim_raft_leads(const struct sim_node *node);
void sim_raft_propose(struct sim_node *node, const struct command *command);
void sim_raft_bootstrap(struct sim_node *node);

/* the member: leases, decisions */
void sim_node_start(struct sim_node *node);
void sim_node_crash(struct sim_node *node);
void sim_node_propose(struct sim_node *node, const struct command *command);
void sim_node_member(struct sim_node *node, int from, const struct member_message *message);

/* PostgreSQL */
void sim_pg_start_loops(struct sim_node *node);
void sim_pg_observe(struct sim_node *node, struct member_observed *seen);
void sim_pg_step(struct sim_node *node, enum member_step step);
void sim_pg_wal(struct sim_node *node, const struct sim_wal_part *part, int from);
void sim_pg_flushed(struct sim_node *node, int from, const struct sim_flushed *flushed);
void sim_pg_refused(struct sim_node *node, uint64_t epoch, uint64_t instance);
void sim_pg_kill(struct sim_node *node, const char *why);
void sim_pg_lease(struct sim_node *node, uint64_t until_local_ns);
void sim_pg_lose(struct sim_node *node);
bool sim_pg_failed(const struct sim_node *node);
bool sim_stalls(const struct sim_node *node);
void sim_pg_status(struct sim_node *node, struct pg_status *status);

/* invariants */
void sim_check_lease(const struct sim_node *node, const struct lease_holder *lease);
void sim_check_vip(const struct sim_node *node, int vip);
void sim_check_ack(const struct sim_node *node, uint32_t value);
void sim_check_applied(const struct sim_node *node, uint64_t index);
void sim_check_promoted(const struct sim_node *node, uint32_t timeline);
void sim_check_end(void);
bool sim_check_steady(void);
