/* How commands change the replicated facts: see cluster_state.h. */
#include "raft/cluster_apply.h"

#include <stdio.h>
#include <string.h>

#include "src/base/address.h"

void cluster_state_init(struct cluster_state *facts)
{
    memset(facts, 0, sizeof(*facts));
}

static struct cluster_member *member_of(struct cluster_state *facts, uint64_t id)
{
    return (struct cluster_member *)cluster_state_member(facts, id);
}

static int count_acceptors(const struct cluster_state *facts)
{
    int count = 0;
    for (int i = 0; i < facts->members_count; i++)
        count += facts->members[i].acceptor;
    return count;
}

static bool is_fingerprint(const char *text)
{
    return strlen(text) == CLUSTER_FINGERPRINT - 1 && strspn(text, "0123456789abcdef") == 64;
}

static bool is_new_member(const struct cluster_member *member)
{
    ip4 address;
    if (!member->id || member->id >= CLUSTER_COUNT_END - 1) /* the last id has no next one */
        return false;
    return ip4_parse(member->address, &address) && member->ports[CLUSTER_PORT_RAFT] &&
           cluster_state_serial_ok(member) && !member->ever_had_data && !member->data_voter &&
           !member->acceptor;
}

static outcome apply_init(struct cluster_state *facts, const struct command_init *init)
{
    if (facts->name[0])
        return OUTCOME(CONFLICT, "the cluster was initialised before");
    if (strlen(init->cluster_id) != CLUSTER_ID - 1 || !is_fingerprint(init->ca_fingerprint))
        return OUTCOME(BAD_INPUT, "cluster id or CA fingerprint of the wrong length");
    if (!is_new_member(&init->member))
        return OUTCOME(BAD_INPUT,
                       "the first member needs an id, an IPv4 address, a raft port, a serial");
    for (int i = 0; i < CLUSTER_LEASES; i++)
        if (init->lease_ms[i] < CLUSTER_LEASE_MS_MIN || init->lease_ms[i] > CLUSTER_LEASE_MS_MAX)
            return OUTCOME(BAD_INPUT, "a lease duration is out of bounds");
    memcpy(facts->name, init->cluster_name, sizeof(facts->name));
    memcpy(facts->id, init->cluster_id, sizeof(facts->id));
    for (int i = 0; i < CLUSTER_LEASES; i++) {
        facts->lease_ms[i] = init->lease_ms[i];
        if (init->lease_ms[i] > facts->lease_ms_max)
            facts->lease_ms_max = init->lease_ms[i];
    }
    facts->members[0] = init->member;
    facts->members[0].data_voter = true; /* it makes the database of the first epoch */
    facts->members[0].acceptor = true;
    facts->members_count = 1;
    facts->member_next = init->member.id + 1;
    facts->voters_version = facts->acceptors_version = 1;
    facts->schema_level = 1;
    facts->primary.timeline_reserved = 1; /* initdb's own */
    memcpy(facts->trusted[0].fingerprint, init->ca_fingerprint, CLUSTER_FINGERPRINT);
    facts->trusted[0].add = true;
    facts->trusted_count = 1;
    return ACCEPTED;
}

static outcome apply_member_add(struct cluster_state *facts, const struct cluster_member *member)
{
    if (!is_new_member(member))
        return OUTCOME(BAD_INPUT,
                       "a new member needs an id, an IPv4 address, a raft port, a serial");
    struct cluster_member *known = member_of(facts, member->id);
    if (known && !strcmp(known->name, member->name) && !strcmp(known->address, member->address) &&
        known->key[0] && !strcmp(known->key, member->key)) { /* its answer was lost: signed anew */
        memcpy(known->serial, member->serial, sizeof(known->serial));
        memcpy(known->ports, member->ports, sizeof(known->ports));
        return ACCEPTED;
    }
    if (member->id != facts->member_next)
        return OUTCOME(CONFLICT, "the member's id is not the next one");
    if (cluster_state_member_named(facts, member->name))
        return OUTCOME(CONFLICT, "a member with this name exists");
    for (int i = 0; i < facts->members_count; i++)
        if (!strcmp(facts->members[i].address, member->address) &&
            facts->members[i].ports[CLUSTER_PORT_RAFT] == member->ports[CLUSTER_PORT_RAFT])
            return OUTCOME(CONFLICT, "a member with this address exists");
    if (facts->members_count == LIMIT_REGIONS)
        return OUTCOME(LIMIT, "there are as many members as there can be");
    facts->members[facts->members_count++] = *member;
    facts->member_next++;
    return ACCEPTED;
}

static outcome apply_revoke(struct cluster_state *facts, const char *serial)
{
    if (cluster_state_revoked(facts, serial))
        return ACCEPTED;
    if (facts->revoked_count == CLUSTER_REVOKED)
        return OUTCOME(LIMIT, "too many certificates are revoked: renew the CA");
    memcpy(facts->revoked[facts->revoked_count++].serial, serial, CLUSTER_SERIAL);
    return ACCEPTED;
}

static outcome apply_member_remove(struct cluster_state *facts,
                                   const struct command_member_remove *remove)
{
    struct cluster_member *member = member_of(facts, remove->id);
    if (!member)
        return OUTCOME(NOT_FOUND, "no such member");
    if (member->data_voter)
        return OUTCOME(CONFLICT, "the member is a data voter: take its vote first");
    if (member->acceptor)
        return OUTCOME(CONFLICT, "the member grants leases: take it out of the acceptors first");
    for (int i = 0; i < facts->vips_count; i++)
        if (facts->vips[i].holder == remove->id)
            return OUTCOME(CONFLICT, "the member holds a virtual IP: move it first");
    if (facts->members_count == 1)
        return OUTCOME(CONFLICT, "the last member stays");
    outcome revoked = member->serial[0] ? apply_revoke(facts, member->serial) : ACCEPTED;
    if (revoked->code)
        return revoked;
    int index = (int)(member - facts->members);
    REMOVE_AT(facts->members, facts->members_count, index);
    if (facts->primary.served_member == remove->id)
        facts->primary.served_member = 0;
    if (facts->leaving == remove->id)
        facts->leaving = 0;
    return ACCEPTED;
}

static outcome apply_member_leave(struct cluster_state *facts,
                                  const struct command_member_leave *leave)
{
    if (leave->id && !member_of(facts, leave->id))
        return OUTCOME(NOT_FOUND, "no such member");
    if (leave->id && facts->leaving && facts->leaving != leave->id)
        return OUTCOME(CONFLICT, "another member is on its way out");
    if (leave->id && facts->primary.member == leave->id)
        return OUTCOME(CONFLICT, "the primary stays: move it first");
    facts->leaving = leave->id;
    return ACCEPTED;
}

static void forget_tokens(struct cluster_state *facts, uint64_t now_ms)
{
    for (int i = facts->tokens_count - 1; i >= 0; i--)
        if (facts->tokens[i].expires_ms <= now_ms)
            REMOVE_AT(facts->tokens, facts->tokens_count, i);
}

static outcome apply_token_create(struct cluster_state *facts,
                                  const struct command_token_create *create)
{
    if (create->token.used_by[0] || create->token.expires_ms <= create->now_ms)
        return OUTCOME(BAD_INPUT, "a new token is unused and ends in the future");
    if (cluster_state_token(facts, create->token.id))
        return OUTCOME(CONFLICT, "a token with this id exists");
    forget_tokens(facts, create->now_ms);
    if (facts->tokens_count == CLUSTER_TOKENS)
        return OUTCOME(LIMIT, "too many tokens are open: wait until some expire");
    facts->tokens[facts->tokens_count++] = create->token;
    return ACCEPTED;
}

/* Compares all bytes, so that the time taken says nothing about where they differ. */
static bool same_hash(const uint8_t *a, const uint8_t *b)
{
    uint8_t difference = 0;
    for (int i = 0; i < CLUSTER_HASH; i++)
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    return !difference;
}

static outcome apply_token_use(struct cluster_state *facts, const struct command_token_use *use)
{
    struct cluster_token *token = (struct cluster_token *)cluster_state_token(facts, use->id);
    if (!token || !same_hash(token->secret_hash, use->secret_hash))
        return OUTCOME(UNAUTHORIZED, "no such token, or a wrong secret");
    if (token->expires_ms <= use->now_ms)
        return OUTCOME(GONE, "the token has expired: make a new one");
    if (token->role != use->role)
        return OUTCOME(FORBIDDEN, "the token is for another role");
    if (token->used_by[0] && strcmp(token->used_by, use->bearer))
        return OUTCOME(GONE, "the token was used already: make a new one");
    memcpy(token->used_by, use->bearer, sizeof(token->used_by));
    return ACCEPTED;
}

static outcome apply_token_expire(struct cluster_state *facts,
                                  const struct command_token_expire *expire)
{
    forget_tokens(facts, expire->now_ms);
    return ACCEPTED;
}

static outcome apply_rack_add(struct cluster_state *facts, const struct cluster_rack *rack)
{
    struct cluster_rack *known = (struct cluster_rack *)cluster_state_rack(facts, rack->system_id);
    const struct cluster_rack *namesake = cluster_state_rack_named(facts, rack->name);
    if (rack->revoked || cluster_state_revoked(facts, rack->serial))
        return OUTCOME(BAD_INPUT, "a rack is not added with a revoked certificate");
    if (known && known->revoked)
        return OUTCOME(FORBIDDEN, "the rack was revoked: remove it first");
    if (namesake && namesake != known)
        return OUTCOME(CONFLICT, "another rack has this name");
    if (!known && facts->racks_count == LIMIT_RACKS)
        return OUTCOME(LIMIT, "there are as many racks as there can be");
    if (!known)
        known = &facts->racks[facts->racks_count++];
    *known = *rack;
    return ACCEPTED;
}

static outcome apply_rack_remove(struct cluster_state *facts, const struct command_rack_name *name,
                                 bool keep)
{
    struct cluster_rack *rack = (struct cluster_rack *)cluster_state_rack(facts, name->system_id);
    if (!rack)
        return OUTCOME(NOT_FOUND, "no such rack");
    outcome revoked = apply_revoke(facts, rack->serial);
    if (revoked->code)
        return revoked;
    rack->revoked = true;
    if (!keep)
        REMOVE_AT(facts->racks, facts->racks_count, (int)(rack - facts->racks));
    return ACCEPTED;
}

static outcome apply_fence(struct cluster_state *facts, const struct command_fence *fence)
{
    struct cluster_primary *primary = &facts->primary;
    if (fence->epoch != primary->epoch || fence->phase != primary->phase)
        return OUTCOME(CONFLICT, "the epoch or its phase is another by now");
    const struct cluster_member *prefer = cluster_state_member(facts, fence->prefer);
    if (fence->prefer && (!prefer || !prefer->data_voter))
        return OUTCOME(BAD_INPUT, "the preferred member is no data voter");
    primary->epoch++;
    primary->phase = CLUSTER_FENCED;
    primary->member = 0;
    primary->timeline = 0;
    primary->switch_lsn = 0;
    primary->declined = false;
    primary->prefer = fence->prefer;
    primary->lease_ms = facts->lease_ms[CLUSTER_LEASE_PRIMARY];
    memset(primary->standby_names, 0, sizeof(primary->standby_names));
    return ACCEPTED;
}

static outcome apply_set(struct cluster_state *facts, const struct command_set *set)
{
    struct cluster_primary *primary = &facts->primary;
    if (set->epoch != primary->epoch || primary->phase != CLUSTER_FENCED)
        return OUTCOME(CONFLICT, "the epoch or its phase is another by now");
    struct cluster_member *member = member_of(facts, set->member);
    if (!member || !member->data_voter)
        return OUTCOME(BAD_INPUT, "only a data voter can become primary");
    if (set->timeline <= primary->timeline_reserved)
        return OUTCOME(CONFLICT, "the timeline was reserved before");
    char names[CLUSTER_STANDBY_NAMES];
    if (strcmp(set->standby_names, cluster_state_standby_names(facts, set->member, names)))
        return OUTCOME(CONFLICT, "the standby names are not those of the data voters");
    primary->phase = CLUSTER_SET;
    primary->member = set->member;
    primary->timeline = primary->timeline_reserved = set->timeline;
    memcpy(primary->standby_names, set->standby_names, sizeof(primary->standby_names));
    member->ever_had_data = true;
    return ACCEPTED;
}

static outcome apply_serving(struct cluster_state *facts, const struct command_serving *serving)
{
    struct cluster_primary *primary = &facts->primary;
    if (serving->epoch != primary->epoch || primary->phase != CLUSTER_SET || primary->declined)
        return OUTCOME(CONFLICT, "the epoch or its phase is another by now");
    if (serving->member != primary->member)
        return OUTCOME(CONFLICT, "another member was named");
    if (serving->timeline != primary->timeline)
        return OUTCOME(CONFLICT, "another timeline was reserved");
    if (!serving->system_id || (primary->system_id && serving->system_id != primary->system_id))
        return OUTCOME(CONFLICT, "the database is not the cluster's");
    primary->phase = CLUSTER_SERVING;
    primary->switch_lsn = serving->switch_lsn;
    primary->system_id = serving->system_id;
    primary->served_epoch = serving->epoch;
    primary->served_member = serving->member;
    primary->served_timeline = serving->timeline;
    return ACCEPTED;
}

static outcome apply_decline(struct cluster_state *facts, const struct command_decline *decline)
{
    struct cluster_primary *primary = &facts->primary;
    if (decline->epoch != primary->epoch || primary->phase != CLUSTER_SET)
        return OUTCOME(CONFLICT, "the epoch or its phase is another by now");
    if (decline->member != primary->member)
        return OUTCOME(CONFLICT, "another member was named");
    primary->declined = true;
    return ACCEPTED;
}

static outcome apply_vip_define(struct cluster_state *facts, const struct cluster_vip *vip)
{
    struct ip4_net net, other;
    char text[IP4_NET_TEXT];
    if (!ip4_net_parse(vip->net, &net) || strcmp(ip4_net_format(net, text), vip->net))
        return OUTCOME(BAD_INPUT, "a virtual IP is written as address/prefix");
    if (vip->holder || vip->epoch || vip->lease_ms || !vip->http_port || !vip->https_port)
        return OUTCOME(BAD_INPUT, "a new virtual IP has ports and no holder");
    for (int i = 0; i < facts->vips_count; i++) {
        bool parsed = ip4_net_parse(facts->vips[i].net, &other);
        ASSERT(parsed);
        if (other.address == net.address)
            return OUTCOME(CONFLICT, "this virtual IP exists");
    }
    if (facts->vips_count == LIMIT_VIPS)
        return OUTCOME(LIMIT, "there are as many virtual IPs as there can be");
    facts->vips[facts->vips_count++] = *vip;
    return ACCEPTED;
}

static outcome apply_vip_remove(struct cluster_state *facts,
                                const struct command_vip_remove *remove)
{
    const struct cluster_vip *vip = cluster_state_vip(facts, remove->net);
    if (!vip)
        return OUTCOME(NOT_FOUND, "no such virtual IP");
    REMOVE_AT(facts->vips, facts->vips_count, (int)(vip - facts->vips));
    return ACCEPTED;
}

static outcome apply_vip_assign(struct cluster_state *facts,
                                const struct command_vip_assign *assign)
{
    struct cluster_vip *vip = (struct cluster_vip *)cluster_state_vip(facts, assign->net);
    if (!vip)
        return OUTCOME(NOT_FOUND, "no such virtual IP");
    if (vip->epoch != assign->epoch)
        return OUTCOME(CONFLICT, "the virtual IP's epoch is another by now");
    if (!cluster_state_member(facts, assign->holder))
        return OUTCOME(BAD_INPUT, "the holder is no member");
    vip->holder = assign->holder;
    vip->epoch = ++facts->vip_epoch;
    vip->lease_ms = facts->lease_ms[CLUSTER_LEASE_VIP];
    return ACCEPTED;
}

static outcome apply_duration(struct cluster_state *facts, const struct command_duration *duration)
{
    if (duration->ms < CLUSTER_LEASE_MS_MIN || duration->ms > CLUSTER_LEASE_MS_MAX)
        return OUTCOME(BAD_INPUT, "the lease duration is out of bounds");
    facts->lease_ms[duration->lease] = duration->ms; /* takes effect with the next epoch */
    if (duration->ms > facts->lease_ms_max)
        facts->lease_ms_max = duration->ms;
    return ACCEPTED;
}

static outcome apply_schema(struct cluster_state *facts, const struct command_schema *schema)
{
    if (schema->level <= facts->schema_level)
        return OUTCOME(CONFLICT, "the schema level only rises");
    facts->schema_level = schema->level;
    return ACCEPTED;
}

/* One member at a time, in the set's version and under a serving primary. */
static outcome apply_voter(struct cluster_state *facts, const struct command_voter *voter,
                           bool acceptors)
{
    uint64_t *version = acceptors ? &facts->acceptors_version : &facts->voters_version;
    struct cluster_member *member = member_of(facts, voter->member);
    if (voter->version != *version)
        return OUTCOME(CONFLICT, "the set's version is another by now");
    if (voter->epoch != facts->primary.epoch || facts->primary.phase != CLUSTER_SERVING)
        return OUTCOME(CONFLICT, "the set changes only under the serving primary it was meant for");
    if (!member)
        return OUTCOME(NOT_FOUND, "no such member");
    bool *flag = acceptors ? &member->acceptor : &member->data_voter;
    if (*flag == voter->add)
        return OUTCOME(CONFLICT, "the member is in (or out of) the set already");
    if (!voter->add && !acceptors && member->id == facts->primary.member)
        return OUTCOME(CONFLICT, "the primary keeps its data vote: switch over first");
    if (!voter->add && acceptors && count_acceptors(facts) == 1)
        return OUTCOME(CONFLICT, "the last acceptor stays");
    *flag = voter->add;
    if (voter->add && !acceptors)
        member->ever_had_data = true;
    (*version)++;
    return ACCEPTED;
}

static outcome apply_trust(struct cluster_state *facts, const struct command_trust *trust)
{
    int at = 0;
    if (!is_fingerprint(trust->fingerprint))
        return OUTCOME(BAD_INPUT, "not a fingerprint");
    while (at < facts->trusted_count &&
           strcmp(facts->trusted[at].fingerprint, trust->fingerprint) != 0)
        at++;
    if ((at < facts->trusted_count) == trust->add)
        return OUTCOME(CONFLICT, "the CA is trusted (or not trusted) already");
    if (trust->add && facts->trusted_count == CLUSTER_TRUSTED)
        return OUTCOME(LIMIT, "too many CAs are trusted: remove an old one");
    if (!trust->add && facts->trusted_count == 1)
        return OUTCOME(CONFLICT, "the last trusted CA stays");
    if (trust->add)
        facts->trusted[facts->trusted_count++] = *trust;
    else
        REMOVE_AT(facts->trusted, facts->trusted_count, at);
    return ACCEPTED;
}

static outcome apply_one(struct cluster_state *facts, const struct command *command)
{
    if (command->kind == COMMAND_INIT)
        return apply_init(facts, &command->init);
    if (!facts->name[0])
        return OUTCOME(CONFLICT, "the cluster is not initialised");
    switch (command->kind) {
    case COMMAND_MEMBER_ADD:
        return apply_member_add(facts, &command->member_add);
    case COMMAND_MEMBER_REMOVE:
        return apply_member_remove(facts, &command->member_remove);
    case COMMAND_MEMBER_LEAVE:
        return apply_member_leave(facts, &command->member_leave);
    case COMMAND_TOKEN_CREATE:
        return apply_token_create(facts, &command->token_create);
    case COMMAND_TOKEN_USE:
        return apply_token_use(facts, &command->token_use);
    case COMMAND_TOKEN_EXPIRE:
        return apply_token_expire(facts, &command->token_expire);
    case COMMAND_RACK_ADD:
        return apply_rack_add(facts, &command->rack_add);
    case COMMAND_RACK_REMOVE:
        return apply_rack_remove(facts, &command->rack_remove, false);
    case COMMAND_RACK_REVOKE:
        return apply_rack_remove(facts, &command->rack_revoke, true);
    case COMMAND_FENCE:
        return apply_fence(facts, &command->fence);
    case COMMAND_SET:
        return apply_set(facts, &command->set);
    case COMMAND_SERVING:
        return apply_serving(facts, &command->serving);
    case COMMAND_DECLINE:
        return apply_decline(facts, &command->decline);
    case COMMAND_VIP_DEFINE:
        return apply_vip_define(facts, &command->vip_define);
    case COMMAND_VIP_REMOVE:
        return apply_vip_remove(facts, &command->vip_remove);
    case COMMAND_VIP_ASSIGN:
        return apply_vip_assign(facts, &command->vip_assign);
    case COMMAND_DURATION:
        return apply_duration(facts, &command->duration);
    case COMMAND_SCHEMA:
        return apply_schema(facts, &command->schema);
    case COMMAND_DATA_VOTERS:
        return apply_voter(facts, &command->data_voters, false);
    case COMMAND_ACCEPTORS:
        return apply_voter(facts, &command->acceptors, true);
    case COMMAND_TRUST:
        return apply_trust(facts, &command->trust);
    case COMMAND_REVOKE:
        return apply_revoke(facts, command->revoke.serial);
    case COMMAND_BLOCK_OWN:
        return cluster_state_block_own(facts, &command->block_own);
    case COMMAND_BLOCK_GRANT:
        return cluster_state_block_grant(facts, &command->block_grant);
    case COMMAND_BLOCK_EXPIRE:
        return cluster_state_block_expire(facts, &command->block_expire);
    case COMMAND_BLOCK_RETURN:
        return cluster_state_block_return(facts, &command->block_return);
    default:
        return OUTCOME(BAD_INPUT, "no such command");
    }
}

const struct cluster_outcome *cluster_state_apply(struct cluster_state *facts,
                                                  const struct command *command)
{
    uint64_t epoch = facts->primary.epoch, vip_epoch = facts->vip_epoch;
    uint32_t timeline = facts->primary.timeline_reserved;
    outcome result = cluster_state_counted(facts) < CLUSTER_COUNT_END - 1
                         ? apply_one(facts, command) /* it counts one further at most */
                         : OUTCOME(LIMIT, "a counter is at its end");
    const char *why = NULL;
    if (!cluster_state_valid(facts, &why))
        error_assert_failed(why, __FILE__, __LINE__, command_name((int)command->kind));
    /* Fencing tokens and timelines never go back. */
    ASSERT(facts->primary.epoch >= epoch && facts->vip_epoch >= vip_epoch);
    ASSERT(facts->primary.timeline_reserved >= timeline);
    ASSERT(!facts->name[0] || cluster_state_voters(facts) > 0);
    return result;
}
