/* A member's own next step: see member_decide.h and docs/ha.md 5. */
#include "ha/member_decide.h"

#include "ha/plant.h"

const char *member_decide_word(enum member_step step)
{
    static const char *const words[] = {
        [MEMBER_WAIT] = "wait",           [MEMBER_INITIALISE] = "initialise",
        [MEMBER_STOP] = "stop",           [MEMBER_START] = "start",
        [MEMBER_FREEZE] = "freeze",       [MEMBER_REPORT] = "report",
        [MEMBER_LEASE] = "lease",         [MEMBER_DECLINE] = "decline",
        [MEMBER_PROMOTE] = "promote",     [MEMBER_MARK] = "mark",
        [MEMBER_SERVE] = "serve",         [MEMBER_OPEN] = "open",
        [MEMBER_STEADY] = "steady",       [MEMBER_FOLLOW] = "follow",
        [MEMBER_FOLLOWING] = "following", [MEMBER_REWIND] = "rewind",
        [MEMBER_ASK_OUT] = "ask out",     [MEMBER_CLONE] = "clone",
    };
    return words[step];
}

static bool is_data_voter(const struct cluster_state *facts, uint64_t self)
{
    const struct cluster_member *member = cluster_state_member(facts, self);
    return member && member->data_voter;
}

/* Was it, or might it become, a primary? One that a SET named is trusted as a standby only when it
 * was started after that epoch was superseded. */
static bool may_write(const struct cluster_state *facts, const struct member_observed *seen)
{
    if (!seen->running)
        return false;
    if (seen->promoted)
        return true;
    return seen->named && seen->started_for <= seen->named && seen->named < facts->primary.epoch;
}

/* FENCED: nothing of an older epoch goes on; then say what is here. */
static enum member_step while_fenced(const struct cluster_state *facts, uint64_t self,
                                     const struct member_observed *seen)
{
    if (may_write(facts, seen))
        return MEMBER_STOP;
    if ((seen->source || seen->receiving) && !PLANTED(skip_freeze))
        return MEMBER_FREEZE;
    if (!seen->has_data)
        return seen->may_initialise ? MEMBER_INITIALISE : MEMBER_WAIT;
    if (seen->rewinding)
        return MEMBER_WAIT; /* until a primary serves: it has no position */
    if (is_data_voter(facts, self) && !seen->amnesia && seen->reported != facts->primary.epoch)
        return MEMBER_REPORT;
    if (!seen->running && !seen->amnesia)
        return MEMBER_START; /* so that a promote need not wait for it */
    return MEMBER_WAIT;
}

/* SET names this member: bring it up as a standby, promote it inside the lease, mark. An epoch has
 * one promote: who comes back after it, in whatever process, gives the epoch back. */
static enum member_step come_up(const struct cluster_primary *primary,
                                const struct member_observed *seen)
{
    bool ours = seen->promoted && seen->started_for == primary->epoch;
    if (seen->running && seen->promoted && (!ours || primary->declined))
        return MEMBER_STOP;
    if (primary->declined || (ours && !seen->running))
        return MEMBER_WAIT; /* the leader fences: it was given back, or its death is reported */
    if (!ours && seen->tried >= primary->epoch)
        return MEMBER_DECLINE;
    if (!ours) {
        if (seen->reported != primary->epoch || !seen->has_data || seen->amnesia || seen->rewinding)
            return MEMBER_DECLINE;
        if (!seen->running)
            return MEMBER_START;
        if (!seen->answers)
            return MEMBER_WAIT;
        /* It has heard of a timeline that begins past its end: PostgreSQL would name that one as
         * parent, and let others follow from records that this one never had. */
        if (seen->short_of && !PLANTED(promote_short))
            return MEMBER_STOP;
        if (seen->leased != primary->epoch && !PLANTED(promote_unleased))
            return MEMBER_LEASE;
        /* Looked at again immediately before the signal. */
        if (!seen->at_report || seen->source || seen->receiving || !seen->names_set)
            return MEMBER_DECLINE;
        return MEMBER_PROMOTE;
    }
    if (seen->leased != primary->epoch && !PLANTED(promote_unleased))
        return MEMBER_STOP;
    if (!seen->answers || seen->in_recovery)
        return MEMBER_WAIT;
    if (seen->timeline != primary->timeline)
        return MEMBER_STOP; /* another number than was reserved: nobody may ever follow it */
    return seen->marked || PLANTED(open_unmarked) ? MEMBER_SERVE : MEMBER_MARK;
}

static enum member_step stay_up(const struct cluster_primary *primary,
                                const struct member_observed *seen)
{
    if (!seen->running)
        return MEMBER_WAIT; /* its death is reported */
    if (!seen->promoted || seen->started_for != primary->epoch || seen->leased != primary->epoch)
        return MEMBER_STOP;
    return seen->open ? MEMBER_STEADY : MEMBER_OPEN;
}

/* Another one is named, or serves: be its standby. Its data is touched only once it serves. */
static enum member_step stand_by(const struct cluster_state *facts, uint64_t self,
                                 const struct member_observed *seen)
{
    const struct cluster_primary *primary = &facts->primary;
    bool serves = primary->phase == CLUSTER_SERVING;
    if (may_write(facts, seen))
        return MEMBER_STOP;
    if (seen->source && seen->source != primary->epoch && !PLANTED(follow_below_floor))
        return MEMBER_FREEZE;
    if (!seen->has_data || seen->amnesia || seen->must_clone) {
        if (!serves)
            return MEMBER_WAIT;
        if (seen->has_data && is_data_voter(facts, self))
            return MEMBER_ASK_OUT; /* with two voters it keeps its vote, and this, for ever */
        if (seen->running)
            return MEMBER_STOP;
        return is_data_voter(facts, self) ? MEMBER_ASK_OUT : MEMBER_CLONE;
    }
    /* Along a timeline that it never reached nobody else can be followed: recover anew first. */
    if (seen->short_of && seen->source != primary->epoch)
        return seen->running ? MEMBER_STOP : MEMBER_START;
    /* It was the primary of this very epoch that refused it, so that one holds all that was ever
     * acknowledged. Not to wait for SERVING: the marker may need this member. But until then only a
     * copy beside its data, which can still be reported when that primary does not last. */
    if (seen->diverged && seen->running)
        return MEMBER_STOP;
    if (seen->diverged)
        return serves ? MEMBER_REWIND : MEMBER_CLONE;
    if (seen->rewinding && !serves)
        return MEMBER_WAIT;
    if (seen->rewinding)
        return MEMBER_REWIND;
    if (!seen->running)
        return MEMBER_START;
    if (!seen->answers)
        return MEMBER_WAIT;
    if (seen->source != primary->epoch && !(PLANTED(follow_below_floor) && seen->source))
        return MEMBER_FOLLOW;
    return MEMBER_FOLLOWING;
}

enum member_step member_decide(const struct cluster_state *facts, uint64_t self,
                               const struct member_observed *seen)
{
    const struct cluster_primary *primary = &facts->primary;
    if (!facts->name[0] || !cluster_state_member(facts, self))
        return seen->running ? MEMBER_STOP : MEMBER_WAIT;
    if (primary->epoch < seen->floor)
        return MEMBER_WAIT; /* what it said and did is of later facts: they are to come yet */
    switch ((enum cluster_phase)primary->phase) {
    case CLUSTER_NEVER:
        return seen->running ? MEMBER_STOP : MEMBER_WAIT;
    case CLUSTER_FENCED:
        return while_fenced(facts, self, seen);
    case CLUSTER_SET:
        return primary->member == self ? come_up(primary, seen) : stand_by(facts, self, seen);
    case CLUSTER_SERVING:
        return primary->member == self ? stay_up(primary, seen) : stand_by(facts, self, seen);
    case CLUSTER_PHASES:
        break;
    }
    ASSERT(!"phase");
    return MEMBER_WAIT;
}
