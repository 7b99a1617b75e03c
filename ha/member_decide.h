/*
 * A member's own next step about its PostgreSQL in a cluster of any size, from the facts and from
 * what really runs: freeze and report, come up, serve, follow, rewind, clone. Pure; what is not
 * named here is not done. The rules are those of docs/ha.md 5. Loop thread.
 */
#pragma once

#include "raft/cluster_state.h"

/** What this member sees of its own PostgreSQL. */
struct member_observed {
    bool has_data;       /* its data directory is complete */
    bool may_initialise; /* the committed INIT names this member and nothing ever served */
    bool rewinding;      /* the mark of a rewind that did not end: must not start */
    bool amnesia;        /* its readable end lies below what it reported once */
    bool must_clone;     /* rewind is impossible: slot lost, WAL missing */
    bool diverged;       /* it has WAL that the facts' served timeline does not continue */

    bool running;         /* fenced has a postmaster, or its cgroup is not yet empty */
    bool died;            /* the postmaster of started_for ended by itself */
    uint64_t started_for; /* epoch of the facts when it was started, 0 = unknown */
    uint64_t floor;       /* epoch it acted for already: older facts are not acted on */
    uint64_t named;       /* highest epoch a SET ever named this member for (floor, facts) */
    bool answers;         /* its supervisor line answers */
    bool in_recovery;
    uint32_t timeline; /* it is on */
    bool short_of;     /* its end lies before the start of the timeline it recovers along */
    uint64_t source;   /* epoch whose primary its conninfo names, 0 = empty */
    bool receiving;    /* a WAL receiver lives */
    uint64_t reported; /* epoch its durable report is for */
    bool at_report;    /* its position is still that of the report */
    bool names_set;    /* the standby names of SET are in force */
    uint64_t leased;   /* epoch of which this process holds a live lease */
    bool promoted;     /* the promote signal was sent to this postmaster, for started_for */
    uint64_t tried;    /* highest epoch it ever sent the signal for (floor, before the signal) */
    bool marked;       /* the epoch's marker was acknowledged by the quorum */
    bool open;         /* the client lines are in force */
};

enum member_step {
    MEMBER_WAIT,
    MEMBER_INITIALISE, /* make the first data directory */
    MEMBER_STOP,    /* end what runs, at once: it was, or may become, a primary of another epoch */
    MEMBER_START,   /* as a standby with an empty conninfo; standby.signal before every start */
    MEMBER_FREEZE,  /* empty the conninfo, end the receiver, see it gone */
    MEMBER_REPORT,  /* take the position, make it durable, then tell it */
    MEMBER_LEASE,   /* ask for the lease of the epoch */
    MEMBER_DECLINE, /* propose to give the epoch back */
    MEMBER_PROMOTE, /* clients out, then the signal, inside the lease */
    MEMBER_MARK,    /* commit the epoch's marker under its names */
    MEMBER_SERVE,   /* propose SERVING */
    MEMBER_OPEN,    /* let clients in */
    MEMBER_STEADY,  /* serving and open */
    MEMBER_FOLLOW,  /* name the primary of this epoch in the conninfo */
    MEMBER_FOLLOWING, /* nothing to do */
    MEMBER_REWIND,    /* take its own WAL back to where the served timeline forked */
    MEMBER_ASK_OUT,   /* say that the data vote must go before the data does */
    MEMBER_CLONE,     /* a new copy of the primary's data */
};

/** For logs and tests: "freeze". */
const char *member_decide_word(enum member_step step);

enum member_step member_decide(const struct cluster_state *facts, uint64_t self,
                               const struct member_observed *seen);
