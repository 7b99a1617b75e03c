/*
 * This member's copy of the cluster's facts, kept by libraft: the log, the vote, the snapshots.
 * Effects are not its business: it says that something changed, others look. Loop thread only.
 */
#pragma once

#include "raft/cluster_state.h"
#include "src/base/loop.h"

struct replica;

struct replica_setup {
    struct loop *loop;
    const char *dir;     /* exists, empty for a new member */
    uint64_t id;         /* of this member */
    const char *address; /* "10.0.0.1:5250" */
    unsigned heartbeat_ms, election_ms;
    void *owner;
    /** The facts or the role changed. Not from within a call. */
    void (*changed)(void *owner);
    /** It cannot go on (disk, corrupt log): the program must say why and exit. */
    void (*failed)(void *owner, const struct error *why);
};

/** Is there a log in dir? An empty or missing folder has none. */
bool replica_exists(const char *dir);

/**
 * Open and start. bootstrap: a new cluster of this member alone, only ever by its first one.
 * Errors: CORRUPT (log or vote damaged: says how to wipe and join again), IO.
 */
enum error_code replica_start(const struct replica_setup *setup, bool bootstrap,
                              struct replica **replica, struct error *err);

/** Close; the replica is gone when closed(owner) was called. */
void replica_close(struct replica *replica, void (*closed)(void *owner));

/** The facts; NULL until they are known to be no older than this process (its first barrier). */
const struct cluster_state *replica_facts(const struct replica *replica);

/** This member is raft's leader and has applied all that earlier leaders committed. */
bool replica_leads(const struct replica *replica);

/** For status. leader 0 = none known. */
struct replica_report {
    const char *role; /* "leader", "follower", "candidate", "unavailable" */
    uint64_t term, index, applied, leader;
    bool quorum; /* a leader is known */
};
void replica_report(const struct replica *replica, struct replica_report *report);

/**
 * What became of a proposal: ERR_OK, the refusal of apply, or UNAVAILABLE (not the leader: nothing
 * was done), or UNKNOWN_OUTCOME (leadership was lost meanwhile).
 */
typedef void replica_answer(void *subject, enum error_code code, const char *reason);

/** answer may be NULL; else it is called once, not from within. */
void replica_propose(struct replica *replica, const struct command *command, replica_answer *answer,
                     void *subject);
