/*
 * This member's PostgreSQL: carries out what pg_decide names, one step at a time, and looks again
 * after each. Loop thread; blocking work on threads of its own.
 */
#pragma once

#include "ha/floor.h"
#include "ha/pg_decide.h"
#include "ha/pg_files.h"
#include "ha/pg_probe.h"
#include "src/base/loop.h"
#include "src/base/op.h"
#include "src/wire/fence_link.h"

struct pg_member;

struct pg_member_events {
    /** Propose to the cluster; the outcome is seen in the facts. */
    void (*propose)(void *owner, const struct command *command);
    /** Clients may connect now, by conninfo; or not any more (conninfo NULL). */
    void (*open)(void *owner, const char *conninfo, uint64_t epoch);
    /** Something changed: look again. Not from within a call. */
    void (*changed)(void *owner);
};

struct pg_member_setup {
    struct loop *loop;
    struct fence_link *fence;
    const struct ha_settings *settings;
    const char *floor_path;
    struct floor_values *floor; /* shared with the rest of ha */
    struct pg_member_events events;
    void *owner;
};

/** What runs already is found out by the first look. */
struct pg_member *pg_member_new(const struct pg_member_setup *setup);
void pg_member_free(struct pg_member *member);

/** facts: past the barrier. leads: this member may propose; quorum: leases may be renewed. */
void pg_member_look(struct pg_member *member, const struct cluster_state *facts, uint64_t self,
                    bool leads);

/** fenced says that PostgreSQL ended. */
void pg_member_ended(struct pg_member *member, const char *how);

/** The lease is live now; asked by the API after each read. Any thread. */
bool pg_member_lease_live(const struct pg_member *member, uint64_t epoch);

struct pg_report {
    const char *role;    /* "primary", "standby", "starting", "stopped" */
    const char *step;    /* what pg_decide named last */
    const char *problem; /* the last error, "" = none */
    uint32_t timeline;
    uint64_t lsn, epoch;
};
void pg_member_report(const struct pg_member *member, struct pg_report *report);
