/*
 * Makes what runs on this host agree with what the cluster agreed on: leases, PostgreSQL, the
 * endpoint, the virtual IPs; and, on raft's leader, proposes what is to be agreed on next.
 * Level-triggered: looks at the facts and at what is, names one next step each, acts, looks again.
 * Loop thread, but for reconcile_epoch_valid.
 */
#pragma once

#include "ha/ha_settings.h"
#include "ha/pg_member.h"
#include "raft/cluster_door.h"
#include "src/base/loop.h"
#include "src/wire/fence_link.h"
#include "src/wire/tls_credentials.h"

struct callers;
struct reconcile;

struct reconcile_setup {
    struct loop *loop;
    struct fence_link *fence; /* its notices go to reconcile_notice */
    const struct ha_settings *settings;
    uint64_t self;                       /* raft id */
    struct tls_credentials *credentials; /* to the other members; outlive it */
    /** Propose to the cluster, as raft's leader. answer may be NULL. */
    void (*propose)(void *owner, const struct command *command, replica_answer *answer,
                    void *subject);
    /** The primary's clients may connect by conninfo, in this epoch; NULL = not any more. */
    void (*primary)(void *owner, const char *conninfo, uint64_t epoch);
    void *owner;
};

/**
 * Errors: CORRUPT (floor file), IO. A floor file that is missing while the raft log is not empty is
 * the caller's to judge.
 */
enum error_code reconcile_new(const struct reconcile_setup *setup, struct reconcile **reconcile,
                              struct error *err);

/** The view changed, or time passed; before the first barrier nothing is done. */
void reconcile_look(struct reconcile *reconcile, const struct cluster_view *view);

/** Whom to speak with: raft's members. */
void reconcile_members(struct reconcile *reconcile, const struct replica_server *servers,
                       int count);

/** A member opened its stream of messages (replica_setup.messages). */
void reconcile_called(struct reconcile *reconcile, uint64_t member, struct tls_stream *stream);

/** A notice of fenced. */
void reconcile_notice(struct reconcile *reconcile, const struct fence_reply *notice);

/**
 * Some member is the primary of epoch and its lease is live, now: local there, else asked of it.
 * Any thread but the loop's.
 */
bool reconcile_epoch_valid(struct reconcile *reconcile, uint64_t epoch);

/**
 * An orderly change of the primary to member to (0 = the one that has most); goes on by itself.
 * Errors: CONFLICT, BUSY, as the primary's own member says; asked of another one, only OK.
 */
enum error_code reconcile_switch(struct reconcile *reconcile, uint64_t to, struct error *err);

/**
 * This process is about to end: the primary is switched over and the virtual IPs are moved, as long
 * as others are there who could have them.
 */
void reconcile_retire(struct reconcile *reconcile);

/** After reconcile_retire: nothing is left here that others could have. */
bool reconcile_retired(const struct reconcile *reconcile);

/** What was last heard of a member, ourselves among them. heard_ns 0 = nothing yet. */
struct reconcile_heard {
    uint64_t heard_ns;
    struct member_status status;
};
bool reconcile_heard_of(const struct reconcile *reconcile, uint64_t member,
                        struct reconcile_heard *heard);

/** For status and metrics. Texts live until the next look. */
struct reconcile_report {
    struct pg_report pg;
    bool pg_leased;
    bool balancer_runs;
    const char *balancer_problem, *vip_problem;
    const char *duty; /* what the leader waits for, "" = not the leader */
};
void reconcile_report(const struct reconcile *reconcile, struct reconcile_report *report);

/** Where the API notes whose requests it answers. */
struct callers *reconcile_callers(const struct reconcile *reconcile);
bool reconcile_holds(const struct reconcile *reconcile, const char *net);
