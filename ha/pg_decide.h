/*
 * What to do next about PostgreSQL, from the cluster's facts and what is really running. Pure:
 * looks at nothing else, so every row of it can be tested. The rules are those of docs/ha.md.
 */
#pragma once

#include "raft/cluster_state.h"

/** What this member sees of its own PostgreSQL. */
struct pg_observed {
    bool has_data;        /* its data directory is complete */
    bool may_initialise;  /* the committed INIT names this member and nothing ever served */
    bool running;         /* fenced has a postmaster, or one whose cgroup is not yet empty */
    uint64_t started_for; /* epoch this process started it for; 0 = not by us */
    bool answers;         /* its supervisor line answers */
    bool in_recovery;     /* as it says itself */
    uint32_t timeline;    /* it is on */
    bool promoted;        /* the promote signal was sent in started_for */
    bool marked;          /* the epoch's marker commit was acknowledged */
    bool open;            /* the client lines are in force */
    bool leased;          /* the lease of started_for is live */
};

enum pg_step {
    PG_WAIT,       /* nothing to do until something changes */
    PG_INITIALISE, /* make the data directory */
    PG_STOP,       /* end what runs: it is not of this epoch */
    PG_FENCE,      /* propose the next epoch */
    PG_SET,        /* propose this member for the fenced epoch */
    PG_START,      /* as a standby: standby.signal is written before every start */
    PG_LEASE,      /* ask for the lease of the epoch */
    PG_PROMOTE,    /* send the signal, inside the lease */
    PG_KILL,       /* it came up on another timeline than SET named */
    PG_MARK,       /* commit the epoch's marker */
    PG_SERVE,      /* propose SERVING */
    PG_OPEN,       /* put the client lines in force */
    PG_STEADY,     /* serving and open: keep the lease, watch */
};

/** For logs and tests: "promote". */
const char *pg_decide_word(enum pg_step step);

/**
 * The next step of member self. leads: it may propose for the cluster (raft leader, past its
 * barrier). The only data voter is its own majority (rule "lone voter").
 */
enum pg_step pg_decide(const struct cluster_state *facts, uint64_t self, bool leads,
                       const struct pg_observed *seen);
