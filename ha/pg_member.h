/*
 * This member's PostgreSQL: carries out what member_decide names, one step at a time, looks again
 * after each, watches what runs, keeps the lease of the primary. Loop thread; blocking work on
 * threads of its own.
 */
#pragma once

#include "ha/leases.h"
#include "ha/pg_files.h"
#include "src/wire/fence_link.h"

struct pg_member;

struct pg_member_events {
    /** Have the leader propose it, in this member's name; the outcome is seen in the facts. */
    void (*propose)(void *owner, const struct command *command);
    /** A switchover: this epoch's primary has stopped and gave its lease back. */
    void (*switched)(void *owner, const struct switch_word *change);
    /** Something changed: look again. Not from within a call. */
    void (*changed)(void *owner);
};

struct pg_member_setup {
    struct loop *loop;
    struct fence_link *fence;
    const struct ha_settings *settings;
    struct floor *floor;
    struct leases *leases;
    struct pg_member_events events;
    void *owner;
};

/** What runs already is found out by the first look. */
struct pg_member *pg_member_new(const struct pg_member_setup *setup);
void pg_member_free(struct pg_member *member);

/** facts: past the barrier. */
void pg_member_look(struct pg_member *member, const struct cluster_state *facts, uint64_t self);

/** fenced says that the postmaster has ended by itself; what it left is being ended. */
void pg_member_broke(struct pg_member *member);

/** fenced says that PostgreSQL ended. */
void pg_member_ended(struct pg_member *member, const char *how);

/** The epoch this member is the serving primary of, clients let in; 0 = it is not. */
uint64_t pg_member_serves(const struct pg_member *member);

/** The lease is live now; asked by the API after each read. Any thread. */
bool pg_member_lease_live(const struct pg_member *member, uint64_t epoch);

/** What it says of itself to the leader. */
void pg_member_status(const struct pg_member *member, struct pg_status *status);

/**
 * Stop in an orderly way so that member to (0 = the one that has most) takes over. Goes on by
 * itself. Errors: CONFLICT (not the serving primary, or the other is no standby that streams).
 */
enum error_code pg_member_switch(struct pg_member *member, uint64_t to, struct error *err);

struct pg_report {
    const char *role;    /* "primary", "standby", "starting", "stopped" */
    const char *step;    /* what member_decide named last */
    const char *problem; /* the last error, "" = none */
    uint32_t timeline;
    uint64_t lsn, epoch;
};
void pg_member_report(const struct pg_member *member, struct pg_report *report);
