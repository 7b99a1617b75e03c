/* Look-ups in the replicated facts, and the rules that hold between them: see cluster_state.h. */
#include <stdio.h>
#include <string.h>

#include "raft/cluster_apply.h"
#include "src/base/container.h"

const struct cluster_member *cluster_state_member(const struct cluster_state *facts, uint64_t id)
{
    for (int i = 0; i < facts->members_count; i++)
        if (facts->members[i].id == id)
            return &facts->members[i];
    return NULL;
}

const struct cluster_member *cluster_state_member_named(const struct cluster_state *facts,
                                                        const char *name)
{
    for (int i = 0; i < facts->members_count; i++)
        if (!strcmp(facts->members[i].name, name))
            return &facts->members[i];
    return NULL;
}

const struct cluster_vip *cluster_state_vip(const struct cluster_state *facts, const char *net)
{
    for (int i = 0; i < facts->vips_count; i++)
        if (!strcmp(facts->vips[i].net, net))
            return &facts->vips[i];
    return NULL;
}

const struct cluster_rack *cluster_state_rack(const struct cluster_state *facts,
                                              const char *system_id)
{
    for (int i = 0; i < facts->racks_count; i++)
        if (!strcmp(facts->racks[i].system_id, system_id))
            return &facts->racks[i];
    return NULL;
}

const struct cluster_rack *cluster_state_rack_named(const struct cluster_state *facts,
                                                    const char *name)
{
    for (int i = 0; i < facts->racks_count; i++)
        if (!strcmp(facts->racks[i].name, name))
            return &facts->racks[i];
    return NULL;
}

const struct cluster_token *cluster_state_token(const struct cluster_state *facts, const char *id)
{
    for (int i = 0; i < facts->tokens_count; i++)
        if (!strcmp(facts->tokens[i].id, id))
            return &facts->tokens[i];
    return NULL;
}

bool cluster_state_revoked(const struct cluster_state *facts, const char *serial)
{
    for (int i = 0; i < facts->revoked_count; i++)
        if (!strcmp(facts->revoked[i].serial, serial))
            return true;
    return false;
}

const char *cluster_state_repl_name(uint64_t member, char text[CLUSTER_REPL_NAME])
{
    snprintf(text, CLUSTER_REPL_NAME, "repl_%llu", (unsigned long long)member);
    return text;
}

const char *cluster_state_standby_names(const struct cluster_state *facts, uint64_t member,
                                        char text[CLUSTER_STANDBY_NAMES])
{
    char names[CLUSTER_STANDBY_NAMES] = "", name[CLUSTER_REPL_NAME];
    size_t used = 0;
    int voters = 1; /* itself */
    for (int i = 0; i < facts->members_count; i++) {
        if (!facts->members[i].data_voter || facts->members[i].id == member)
            continue;
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", voters > 1 ? ", " : "",
                                 cluster_state_repl_name(facts->members[i].id, name));
        ASSERT(used < sizeof(names) - 16);
        voters++;
    }
    memset(text, 0, CLUSTER_STANDBY_NAMES);
    if (voters > 1) /* "ANY 0" is an error in PostgreSQL */
        snprintf(text, CLUSTER_STANDBY_NAMES, "ANY %d (%.*s)", voters / 2, (int)used, names);
    return text;
}

int cluster_state_voters(const struct cluster_state *facts)
{
    int voters = 0;
    for (int i = 0; i < facts->members_count; i++)
        voters += facts->members[i].data_voter;
    return voters;
}

bool cluster_state_serial_ok(const struct cluster_member *member)
{
    return !member->serial[0] || record_is_name(member->serial, sizeof(member->serial));
}

static bool members_agree(const struct cluster_state *facts)
{
    int acceptors = 0;
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        if (!member->id || member->id >= facts->member_next || !cluster_state_serial_ok(member))
            return false;
        if (cluster_state_member(facts, member->id) != member ||
            cluster_state_member_named(facts, member->name) != member)
            return false;
        acceptors += member->acceptor;
    }
    if (facts->leaving && !cluster_state_member(facts, facts->leaving))
        return false;
    return cluster_state_voters(facts) > 0 && acceptors > 0;
}

static bool primary_agrees(const struct cluster_state *facts)
{
    const struct cluster_primary *primary = &facts->primary;
    const struct cluster_member *member = cluster_state_member(facts, primary->member);
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

static bool vips_agree(const struct cluster_state *facts)
{
    for (int i = 0; i < facts->vips_count; i++) {
        const struct cluster_vip *vip = &facts->vips[i];
        if (cluster_state_vip(facts, vip->net) != vip || vip->epoch > facts->vip_epoch)
            return false;
        if ((vip->holder != 0) != (vip->epoch != 0))
            return false;
        if (vip->holder && !cluster_state_member(facts, vip->holder))
            return false;
        for (int k = 0; k < i; k++)
            if (vip->epoch && facts->vips[k].epoch == vip->epoch)
                return false;
    }
    return true;
}

static bool racks_agree(const struct cluster_state *facts)
{
    for (int i = 0; i < facts->racks_count; i++) {
        const struct cluster_rack *rack = &facts->racks[i];
        if (cluster_state_rack(facts, rack->system_id) != rack ||
            cluster_state_rack_named(facts, rack->name) != rack)
            return false;
        if (rack->revoked && !cluster_state_revoked(facts, rack->serial))
            return false;
    }
    for (int i = 0; i < facts->tokens_count; i++)
        if (cluster_state_token(facts, facts->tokens[i].id) != &facts->tokens[i])
            return false;
    return true;
}

static bool leases_agree(const struct cluster_state *facts)
{
    for (int i = 0; i < CLUSTER_LEASES; i++)
        if (facts->lease_ms[i] < CLUSTER_LEASE_MS_MIN || facts->lease_ms[i] > facts->lease_ms_max)
            return false;
    return facts->lease_ms_max <= CLUSTER_LEASE_MS_MAX;
}

uint64_t cluster_state_counted(const struct cluster_state *facts)
{
    const uint64_t counters[] = {facts->member_next, facts->voters_version,
                                 facts->acceptors_version, facts->vip_epoch, facts->primary.epoch};
    uint64_t largest = 0;
    for (size_t i = 0; i < COUNT_OF(counters); i++)
        if (counters[i] > largest)
            largest = counters[i];
    return largest;
}

bool cluster_state_valid(const struct cluster_state *facts, const char **why)
{
    static const struct cluster_state empty;
    const char *broken = NULL;
    if (!facts->name[0])
        broken =
            cluster_state_hash(facts) != cluster_state_hash(&empty) ? "facts before INIT" : NULL;
    else if (cluster_state_counted(facts) >= CLUSTER_COUNT_END)
        broken = "a counter that nobody reaches";
    else if (!members_agree(facts))
        broken = "members: ids, names single, serials sound, some vote, some grant, one leaves";
    else if (!primary_agrees(facts))
        broken = "primary: epoch, phase, member and timeline belong together";
    else if (!vips_agree(facts))
        broken = "virtual IPs: each has one holder and an epoch of its own";
    else if (!racks_agree(facts))
        broken = "racks and tokens: names are single, a revoked one is on the list";
    else if (!leases_agree(facts))
        broken = "leases: durations stay below the largest there ever was";
    else if (!cluster_state_blocks_agree(facts))
        broken = "DHCP blocks: each has one owner, each store of a rack is one owner";
    else if (facts->trusted_count < 1)
        broken = "trust: a CA is trusted";
    if (why)
        *why = broken;
    return !broken;
}
