/*
 * This member's copy of the cluster's facts, kept by libraft: the log, the vote, the snapshots.
 * Effects are not its business: it says that something changed, others look. Loop thread only.
 */
#pragma once

#include "raft/cluster_state.h"
#include "src/base/loop.h"
#include "src/wire/tls_stream.h"

struct replica;

struct replica_setup {
    struct loop *loop;
    const char *dir;                     /* exists, empty for a new member */
    uint64_t id;                         /* of this member */
    const char *name;                    /* of this member, and in its certificate */
    const char *address;                 /* "10.0.0.1:5250" */
    const char *listen;                  /* another address to listen on; NULL = the same */
    struct tls_credentials *credentials; /* NULL = no other member can be reached; outlive it */
    unsigned heartbeat_ms, election_ms;
    unsigned snapshot_every; /* entries between snapshots, half of them kept; 0 = the usual 8192 */
    void *owner;
    /** The facts or the role changed. Not from within a call. */
    void (*changed)(void *owner);
    /** It cannot go on (disk, corrupt log): the program must say why and exit. */
    void (*failed)(void *owner, const struct error *why);
    /** Another member opened a stream of messages, or of calls: take it over with tls_stream_own.
     * May be NULL. */
    void (*messages)(void *owner, uint64_t id, struct tls_stream *stream);
    void (*calls)(void *owner, uint64_t id, struct tls_stream *stream);
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

/**
 * The facts; NULL until they are known to be no older than this process: its first barrier as
 * leader, or all that a leader of its time had committed.
 */
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

/**
 * Raft's own set of members, one change at a time, on the leader. add: it receives the log and has
 * no vote; promote: gives it the vote once it has caught up (several seconds at most); remove.
 * answer as for a proposal; BUSY while another change runs, BAD_INPUT for one that makes no sense.
 */
void replica_add(struct replica *replica, const struct cluster_member *member,
                 replica_answer *answer, void *subject);
void replica_promote(struct replica *replica, uint64_t id, replica_answer *answer, void *subject);
void replica_remove(struct replica *replica, uint64_t id, replica_answer *answer, void *subject);

/** Raft's members as this one knows them, at most LIMIT_REGIONS + 1. Returns how many. */
struct replica_server {
    uint64_t id;
    char address[160]; /* "name@ip:port" */
    bool votes;
};
int replica_servers(const struct replica *replica, struct replica_server *servers, int room);

/** Hand leadership to another voter that has caught up; best effort, for an orderly stop. */
void replica_step_down(struct replica *replica);

/** New connections use these from now on. */
void replica_renew(struct replica *replica, struct tls_credentials *credentials);
