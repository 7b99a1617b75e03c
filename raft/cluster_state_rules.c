/* Look-ups in the replicated facts, and the rules that hold between them: see cluster_state.h. */
#include <stdio.h>
#include <string.h>

#include "raft/cluster_state.h"

const struct cluster_member *cluster_state_member(const struct cluster_state *state, uint64_t id)
{
    for (int i = 0; i < state->members_count; i++)
        if (state->members[i].id == id)
            return &state->members[i];
    return NULL;
}

const struct cluster_member *cluster_state_member_named(const struct cluster_state *state,
                                                        const char *name)
{
    for (int i = 0; i < state->members_count; i++)
        if (!strcmp(state->members[i].name, name))
            return &state->members[i];
    return NULL;
}

const struct cluster_vip *cluster_state_vip(const struct cluster_state *state, const char *net)
{
    for (int i = 0; i < state->vips_count; i++)
        if (!strcmp(state->vips[i].net, net))
            return &state->vips[i];
    return NULL;
}

const struct cluster_rack *cluster_state_rack(const struct cluster_state *state,
                                              const char *system_id)
{
    for (int i = 0; i < state->racks_count; i++)
        if (!strcmp(state->racks[i].system_id, system_id))
            return &state->racks[i];
    return NULL;
}

const struct cluster_rack *cluster_state_rack_named(const struct cluster_state *state,
                                                    const char *name)
{
    for (int i = 0; i < state->racks_count; i++)
        if (!strcmp(state->racks[i].name, name))
            return &state->racks[i];
    return NULL;
}

const struct cluster_token *cluster_state_token(const struct cluster_state *state, const char *id)
{
    for (int i = 0; i < state->tokens_count; i++)
        if (!strcmp(state->tokens[i].id, id))
            return &state->tokens[i];
    return NULL;
}

bool cluster_state_revoked(const struct cluster_state *state, const char *serial)
{
    for (int i = 0; i < state->revoked_count; i++)
        if (!strcmp(state->revoked[i].serial, serial))
            return true;
    return false;
}

const char *cluster_state_repl_name(uint64_t member, char text[CLUSTER_REPL_NAME])
{
    snprintf(text, CLUSTER_REPL_NAME, "repl_%llu", (unsigned long long)member);
    return text;
}

const char *cluster_state_standby_names(const struct cluster_state *state, uint64_t member,
                                        char text[CLUSTER_STANDBY_NAMES])
{
    char names[CLUSTER_STANDBY_NAMES] = "", name[CLUSTER_REPL_NAME];
    size_t used = 0;
    int voters = 1; /* itself */
    for (int i = 0; i < state->members_count; i++) {
        if (!state->members[i].data_voter || state->members[i].id == member)
            continue;
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", voters > 1 ? ", " : "",
                                 cluster_state_repl_name(state->members[i].id, name));
        ASSERT(used < sizeof(names) - 16);
        voters++;
    }
    memset(text, 0, CLUSTER_STANDBY_NAMES);
    if (voters > 1) /* "ANY 0" is an error in PostgreSQL */
        snprintf(text, CLUSTER_STANDBY_NAMES, "ANY %d (%.*s)", voters / 2, (int)used, names);
    return text;
}

static bool members_agree(const struct cluster_state *state)
{
    int voters = 0, acceptors = 0;
    for (int i = 0; i < state->members_count; i++) {
        const struct cluster_member *member = &state->members[i];
        if (!member->id || member->id >= state->member_next)
            return false;
        if (cluster_state_member(state, member->id) != member ||
            cluster_state_member_named(state, member->name) != member)
            return false;
        voters += member->data_voter;
        acceptors += member->acceptor;
    }
    return voters > 0 && acceptors > 0;
}

static bool primary_agrees(const struct cluster_state *state)
{
    const struct cluster_primary *primary = &state->primary;
    const struct cluster_member *member = cluster_state_member(state, primary->member);
    bool named = primary->phase == CLUSTER_SET || primary->phase == CLUSTER_SERVING;
    bool serving = primary->phase == CLUSTER_SERVING;
    if ((primary->phase == CLUSTER_NEVER) != (primary->epoch == 0))
        return false;
    if (named != (primary->member != 0) || named != (primary->timeline != 0))
        return false;
    if (named && (!member || !member->data_voter || !member->ever_had_data))
        return false; /* only a data voter is primary */
    if (primary->timeline > primary->timeline_reserved || primary->timeline_reserved == 0)
        return false;
    if (primary->declined && primary->phase != CLUSTER_SET)
        return false;
    if (serving != (primary->epoch && primary->served_epoch == primary->epoch))
        return false;
    if (serving && (primary->served_member != primary->member || !primary->system_id ||
                    primary->served_timeline != primary->timeline))
        return false;
    return primary->served_epoch <= primary->epoch &&
           primary->served_timeline <= primary->timeline_reserved;
}

static bool vips_agree(const struct cluster_state *state)
{
    for (int i = 0; i < state->vips_count; i++) {
        const struct cluster_vip *vip = &state->vips[i];
        if (cluster_state_vip(state, vip->net) != vip || vip->epoch > state->vip_epoch)
            return false;
        if ((vip->holder != 0) != (vip->epoch != 0))
            return false;
        if (vip->holder && !cluster_state_member(state, vip->holder))
            return false;
        for (int k = 0; k < i; k++)
            if (vip->epoch && state->vips[k].epoch == vip->epoch)
                return false;
    }
    return true;
}

static bool racks_agree(const struct cluster_state *state)
{
    for (int i = 0; i < state->racks_count; i++) {
        const struct cluster_rack *rack = &state->racks[i];
        if (cluster_state_rack(state, rack->system_id) != rack ||
            cluster_state_rack_named(state, rack->name) != rack)
            return false;
        if (rack->revoked && !cluster_state_revoked(state, rack->serial))
            return false;
    }
    for (int i = 0; i < state->tokens_count; i++)
        if (cluster_state_token(state, state->tokens[i].id) != &state->tokens[i])
            return false;
    return true;
}

static bool leases_agree(const struct cluster_state *state)
{
    for (int i = 0; i < CLUSTER_LEASES; i++)
        if (state->lease_ms[i] < CLUSTER_LEASE_MS_MIN || state->lease_ms[i] > state->lease_ms_max)
            return false;
    return state->lease_ms_max <= CLUSTER_LEASE_MS_MAX;
}

bool cluster_state_valid(const struct cluster_state *state, const char **why)
{
    static const struct cluster_state empty;
    const char *broken = NULL;
    if (!state->name[0])
        broken = memcmp(state, &empty, sizeof(empty)) ? "facts before INIT" : NULL;
    else if (!members_agree(state))
        broken = "members: ids and names are single, somebody votes and somebody grants";
    else if (!primary_agrees(state))
        broken = "primary: epoch, phase, member and timeline belong together";
    else if (!vips_agree(state))
        broken = "virtual IPs: each has one holder and an epoch of its own";
    else if (!racks_agree(state))
        broken = "racks and tokens: names are single, a revoked one is on the list";
    else if (!leases_agree(state))
        broken = "leases: durations stay below the largest there ever was";
    else if (state->trusted_count < 1)
        broken = "trust: a CA is trusted";
    if (why)
        *why = broken;
    return !broken;
}
