/* What to do next about PostgreSQL: see pg_decide.h. */
#include "ha/pg_decide.h"

const char *pg_decide_word(enum pg_step step)
{
    static const char *const words[] = {[PG_WAIT] = "wait",    [PG_INITIALISE] = "initialise",
                                        [PG_STOP] = "stop",    [PG_FENCE] = "fence",
                                        [PG_SET] = "set",      [PG_START] = "start",
                                        [PG_LEASE] = "lease",  [PG_PROMOTE] = "promote",
                                        [PG_KILL] = "kill",    [PG_MARK] = "mark",
                                        [PG_SERVE] = "serve",  [PG_OPEN] = "open",
                                        [PG_STEADY] = "steady"};
    return words[step];
}

static bool is_lone_voter(const struct cluster_state *facts, uint64_t self)
{
    for (int i = 0; i < facts->members_count; i++)
        if (facts->members[i].data_voter != (facts->members[i].id == self))
            return false;
    return facts->members_count > 0;
}

/* The epoch is SET for this member: bring it up as a standby, promote inside the lease, mark. */
static enum pg_step come_up(const struct cluster_primary *primary, const struct pg_observed *seen)
{
    bool ours = seen->started_for == primary->epoch;
    if (seen->running && !ours)
        return PG_STOP;
    if (!seen->running) /* died after the signal: a new epoch */
        return ours && seen->promoted ? PG_FENCE : PG_START;
    if (!seen->answers)
        return PG_WAIT;
    if (!seen->promoted)
        return seen->leased ? PG_PROMOTE : PG_LEASE;
    if (!seen->leased)
        return PG_KILL;
    if (seen->in_recovery)
        return PG_WAIT;
    if (seen->timeline != primary->timeline)
        return PG_KILL;
    return seen->marked ? PG_SERVE : PG_MARK;
}

static enum pg_step stay_up(const struct cluster_primary *primary, const struct pg_observed *seen,
                            bool leads)
{
    if (seen->running && (seen->started_for != primary->epoch || !seen->leased))
        return PG_STOP;
    if (!seen->running) /* a lone voter restarts through a new epoch and timeline */
        return leads ? PG_FENCE : PG_WAIT;
    return seen->open ? PG_STEADY : PG_OPEN;
}

enum pg_step pg_decide(const struct cluster_state *facts, uint64_t self, bool leads,
                       const struct pg_observed *seen)
{
    const struct cluster_primary *primary = &facts->primary;
    if (!facts->name[0] || !is_lone_voter(facts, self))
        return seen->running ? PG_STOP : PG_WAIT;
    if (!seen->has_data) {
        if (seen->running)
            return PG_STOP;
        return seen->may_initialise ? PG_INITIALISE : PG_WAIT;
    }
    switch ((enum cluster_phase)primary->phase) {
    case CLUSTER_NEVER:
        return seen->running ? PG_STOP : leads ? PG_FENCE : PG_WAIT;
    case CLUSTER_FENCED:
        return seen->running ? PG_STOP : leads ? PG_SET : PG_WAIT;
    case CLUSTER_SET:
        if (primary->declined)
            return seen->running ? PG_STOP : leads ? PG_FENCE : PG_WAIT;
        return primary->member == self ? come_up(primary, seen) : PG_WAIT;
    case CLUSTER_SERVING:
        return primary->member == self ? stay_up(primary, seen, leads) : PG_WAIT;
    case CLUSTER_PHASES:
        break;
    }
    ASSERT(!"phase");
    return PG_WAIT;
}
