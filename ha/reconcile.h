/*
 * Makes what runs on this host agree with what the cluster agreed on: PostgreSQL, the endpoint, the
 * virtual IPs. Level-triggered: looks at the facts and at what is, names one next step each, acts,
 * looks again. Loop thread, but for reconcile_epoch_valid.
 */
#pragma once

#include "ha/ha_settings.h"
#include "ha/pg_member.h"
#include "raft/cluster_state.h"
#include "src/base/loop.h"
#include "src/wire/fence_link.h"

struct reconcile;

struct reconcile_setup {
    struct loop *loop;
    struct fence_link *fence; /* its notices go to reconcile_notice */
    const struct ha_settings *settings;
    /** Propose to the cluster; what came of it is seen in the facts. */
    void (*propose)(void *owner, const struct command *command);
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

/** Stops looking, never releases: fenced ends what lapses. */
void reconcile_free(struct reconcile *reconcile);

/**
 * The facts changed, or time passed. facts NULL: before the first barrier, nothing is done.
 * self: this member's raft id. leads: it may propose. serves: its API answers.
 */
void reconcile_look(struct reconcile *reconcile, const struct cluster_state *facts, uint64_t self,
                    bool leads, bool serves);

/** A notice of fenced. */
void reconcile_notice(struct reconcile *reconcile, const struct fence_reply *notice);

/** This member is the primary of epoch and its lease is live, now. Any thread. */
bool reconcile_epoch_valid(const struct reconcile *reconcile, uint64_t epoch);

/** For status and metrics. Texts live until the next look. */
struct reconcile_report {
    struct pg_report pg;
    bool balancer_runs;
    const char *balancer_problem, *vip_problem;
};
void reconcile_report(const struct reconcile *reconcile, struct reconcile_report *report);
bool reconcile_holds(const struct reconcile *reconcile, const char *net);
