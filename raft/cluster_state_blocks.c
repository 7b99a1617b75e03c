/*
 * Which rack may give which addresses: how commands change owners and blocks. Rules: docs/ha.md,
 * "DHCP". Applying knows no clock: who proposes an expiry has waited for it.
 */
#include <string.h>

#include "raft/cluster_apply.h"

/* Owners stand in the order of their ids, for a new one has the highest. */
const struct cluster_block_owner *cluster_state_block_owner(const struct cluster_state *facts,
                                                            uint32_t id)
{
    int low = 0, high = facts->block_owners_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (facts->block_owners[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < facts->block_owners_count && facts->block_owners[low].id == id;
    return found ? &facts->block_owners[low] : NULL;
}

const struct cluster_block_owner *cluster_state_block_store(const struct cluster_state *facts,
                                                            const char *rack, const char *store)
{
    for (int i = 0; i < facts->block_owners_count; i++)
        if (!strcmp(facts->block_owners[i].rack, rack) &&
            !strcmp(facts->block_owners[i].store, store))
            return &facts->block_owners[i];
    return NULL;
}

int cluster_state_block_at(const struct cluster_state *facts, uint32_t number, bool *found)
{
    int low = 0, high = facts->blocks_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (facts->blocks[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < facts->blocks_count && facts->blocks[low].number == number;
    return low;
}

static outcome add_owner(struct cluster_state *facts, const struct command_block_own *own)
{
    if (cluster_state_block_store(facts, own->rack, own->store))
        return OUTCOME(CONFLICT, "this store of the rack is an owner already");
    if (facts->block_owners_count == CLUSTER_BLOCK_OWNERS || facts->block_owner_next == UINT32_MAX)
        return OUTCOME(LIMIT, "as many stores of racks own DHCP blocks as can: wait for terms");
    struct cluster_block_owner *owner = &facts->block_owners[facts->block_owners_count++];
    owner->id = facts->block_owner_next ? facts->block_owner_next : 1;
    facts->block_owner_next = owner->id + 1;
    memcpy(owner->rack, own->rack, sizeof(owner->rack));
    memcpy(owner->store, own->store, sizeof(owner->store));
    owner->sequence = own->sequence;
    owner->renewals = 1;
    owner->term_s = own->term_s;
    owner->longest_s = own->longest_s;
    return ACCEPTED;
}

outcome cluster_state_block_own(struct cluster_state *facts, const struct command_block_own *own)
{
    const struct cluster_rack *rack = cluster_state_rack(facts, own->rack);
    if (own->term_s < CLUSTER_BLOCK_TERM_MIN_S)
        return OUTCOME(BAD_INPUT, "the term of DHCP blocks is out of bounds");
    if (!rack || rack->revoked)
        return OUTCOME(FORBIDDEN, "not a rack of the cluster: it owns no DHCP blocks");
    if (!own->owner)
        return add_owner(facts, own);
    struct cluster_block_owner *owner =
        (struct cluster_block_owner *)cluster_state_block_owner(facts, own->owner);
    if (!owner || strcmp(owner->rack, own->rack) != 0 || strcmp(owner->store, own->store) != 0)
        return OUTCOME(CONFLICT, "the owner of DHCP blocks is another by now");
    if (owner->renewals != own->renewals)
        return OUTCOME(CONFLICT, "the term of the DHCP blocks was renewed meanwhile");
    if (own->sequence < owner->sequence)
        return OUTCOME(GONE, "the store lacks leases that it had confirmed: it owns nothing");
    owner->sequence = own->sequence;
    owner->renewals++;
    if (own->term_s > owner->term_s)
        owner->term_s = own->term_s; /* what was once told may still run */
    if (own->longest_s > owner->longest_s)
        owner->longest_s = own->longest_s;
    return ACCEPTED;
}

outcome cluster_state_block_grant(struct cluster_state *facts,
                                  const struct command_block_grant *grant)
{
    const struct cluster_block_owner *owner = cluster_state_block_owner(facts, grant->owner);
    bool found = false;
    if (!owner || owner->renewals != grant->renewals)
        return OUTCOME(CONFLICT, "the owner of DHCP blocks or its term is another by now");
    if (!grant->count || grant->number > UINT32_MAX / CLUSTER_BLOCK_SIZE - (grant->count - 1))
        return OUTCOME(BAD_INPUT, "not a run of DHCP blocks");
    if (facts->blocks_count + (int)grant->count > CLUSTER_BLOCKS)
        return OUTCOME(LIMIT, "as many DHCP blocks have owners as can");
    int at = cluster_state_block_at(facts, grant->number, &found);
    if (found ||
        (at < facts->blocks_count && facts->blocks[at].number < grant->number + grant->count))
        return OUTCOME(CONFLICT, "a DHCP block has an owner already");
    memmove(&facts->blocks[at + (int)grant->count], &facts->blocks[at],
            sizeof(facts->blocks[0]) * (size_t)(facts->blocks_count - at));
    for (uint32_t i = 0; i < grant->count; i++)
        facts->blocks[at + (int)i] = (struct cluster_block){grant->number + i, grant->owner};
    facts->blocks_count += (int)grant->count;
    return ACCEPTED;
}

outcome cluster_state_block_return(struct cluster_state *facts,
                                   const struct command_block_grant *given)
{
    const struct cluster_block_owner *owner = cluster_state_block_owner(facts, given->owner);
    bool found = false;
    if (!owner || owner->renewals != given->renewals)
        return OUTCOME(CONFLICT, "the owner of DHCP blocks or its term is another by now");
    if (!given->count || given->number > UINT32_MAX / CLUSTER_BLOCK_SIZE - (given->count - 1))
        return OUTCOME(BAD_INPUT, "not a run of DHCP blocks");
    int at = cluster_state_block_at(facts, given->number, &found), count = (int)given->count;
    if (!found || facts->blocks_count - at < count)
        return OUTCOME(CONFLICT, "a DHCP block is not this owner's");
    for (int i = at; i < at + count; i++)
        if (facts->blocks[i].number != given->number + (uint32_t)(i - at) ||
            facts->blocks[i].owner != given->owner)
            return OUTCOME(CONFLICT, "a DHCP block is not this owner's");
    memmove(&facts->blocks[at], &facts->blocks[at + count],
            sizeof(facts->blocks[0]) * (size_t)(facts->blocks_count - at - count));
    facts->blocks_count -= count;
    memset(&facts->blocks[facts->blocks_count], 0, sizeof(facts->blocks[0]) * (size_t)count);
    return ACCEPTED;
}

outcome cluster_state_block_expire(struct cluster_state *facts,
                                   const struct command_block_expire *expire)
{
    const struct cluster_block_owner *owner = cluster_state_block_owner(facts, expire->owner);
    int kept = 0;
    if (!owner || owner->renewals != expire->renewals)
        return OUTCOME(CONFLICT, "the owner of DHCP blocks or its term is another by now");
    for (int i = 0; i < facts->blocks_count; i++)
        if (facts->blocks[i].owner != expire->owner)
            facts->blocks[kept++] = facts->blocks[i];
    memset(&facts->blocks[kept], 0,
           sizeof(facts->blocks[0]) * (size_t)(facts->blocks_count - kept));
    facts->blocks_count = kept;
    REMOVE_AT(facts->block_owners, facts->block_owners_count, (int)(owner - facts->block_owners));
    return ACCEPTED;
}

bool cluster_state_blocks_agree(const struct cluster_state *facts)
{
    for (int i = 0; i < facts->block_owners_count; i++) {
        const struct cluster_block_owner *owner = &facts->block_owners[i];
        if (!owner->id || owner->id >= facts->block_owner_next || !owner->renewals ||
            owner->term_s < CLUSTER_BLOCK_TERM_MIN_S)
            return false;
        if (i && owner->id <= facts->block_owners[i - 1].id)
            return false;
        if (cluster_state_block_store(facts, owner->rack, owner->store) != owner)
            return false;
    }
    for (int i = 0; i < facts->blocks_count; i++) {
        const struct cluster_block *block = &facts->blocks[i];
        if ((i && block->number <= facts->blocks[i - 1].number) ||
            !cluster_state_block_owner(facts, block->owner))
            return false;
    }
    return true;
}
