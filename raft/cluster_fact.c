/* The tables of the cluster's facts: see cluster_fact.h. */
#include "raft/cluster_fact.h"

#define PORT(index, label)                                                                      \
    {                                                                                           \
        label, RECORD_U32, offsetof(struct cluster_member, ports) + 4 * (index), 4, 65535, NULL \
    }

static const struct record_field member_fields[] = {
    RECORD_OF(cluster_member, id, RECORD_U64),
    RECORD_OF(cluster_member, name, RECORD_NAME),
    RECORD_OF(cluster_member, address, RECORD_TEXT),
    PORT(CLUSTER_PORT_RAFT, "raft port"),
    PORT(CLUSTER_PORT_RACK, "rack port"),
    PORT(CLUSTER_PORT_HOP, "hop port"),
    PORT(CLUSTER_PORT_POSTGRES, "postgres port"),
    PORT(CLUSTER_PORT_HEALTH, "health port"),
    PORT(CLUSTER_PORT_HTTPS, "https port"),
    RECORD_OF(cluster_member, key, RECORD_TEXT),
    RECORD_OF(cluster_member, serial, RECORD_TEXT),
    RECORD_OF(cluster_member, data_voter, RECORD_FLAG),
    RECORD_OF(cluster_member, acceptor, RECORD_FLAG),
    RECORD_OF(cluster_member, ever_had_data, RECORD_FLAG),
};
const struct record_table cluster_member_table = RECORD_TABLE(member_fields);

static const struct record_field primary_fields[] = {
    RECORD_OF(cluster_primary, epoch, RECORD_U64),
    RECORD_UP_TO(cluster_primary, phase, RECORD_CHOICE, CLUSTER_PHASES - 1),
    RECORD_OF(cluster_primary, member, RECORD_U64),
    RECORD_OF(cluster_primary, timeline, RECORD_U32),
    RECORD_OF(cluster_primary, declined, RECORD_FLAG),
    RECORD_OF(cluster_primary, lease_ms, RECORD_U32),
    RECORD_OF(cluster_primary, standby_names, RECORD_TEXT),
    RECORD_OF(cluster_primary, prefer, RECORD_U64),
    RECORD_OF(cluster_primary, switch_lsn, RECORD_U64),
    RECORD_OF(cluster_primary, served_epoch, RECORD_U64),
    RECORD_OF(cluster_primary, served_member, RECORD_U64),
    RECORD_OF(cluster_primary, served_timeline, RECORD_U32),
    RECORD_OF(cluster_primary, timeline_reserved, RECORD_U32),
    RECORD_OF(cluster_primary, system_id, RECORD_U64),
};
const struct record_table cluster_primary_table = RECORD_TABLE(primary_fields);

static const struct record_field vip_fields[] = {
    RECORD_OF(cluster_vip, net, RECORD_TEXT),
    RECORD_OF(cluster_vip, interface, RECORD_NAME),
    RECORD_UP_TO(cluster_vip, http_port, RECORD_U32, 65535),
    RECORD_UP_TO(cluster_vip, https_port, RECORD_U32, 65535),
    RECORD_OF(cluster_vip, holder, RECORD_U64),
    RECORD_OF(cluster_vip, epoch, RECORD_U64),
    RECORD_OF(cluster_vip, lease_ms, RECORD_U32),
};
const struct record_table cluster_vip_table = RECORD_TABLE(vip_fields);

static const struct record_field rack_fields[] = {
    RECORD_OF(cluster_rack, system_id, RECORD_NAME),
    RECORD_OF(cluster_rack, name, RECORD_NAME),
    RECORD_OF(cluster_rack, serial, RECORD_NAME),
    RECORD_OF(cluster_rack, revoked, RECORD_FLAG),
};
const struct record_table cluster_rack_table = RECORD_TABLE(rack_fields);

static const struct record_field block_owner_fields[] = {
    RECORD_OF(cluster_block_owner, id, RECORD_U32),
    RECORD_OF(cluster_block_owner, rack, RECORD_NAME),
    RECORD_OF(cluster_block_owner, store, RECORD_NAME),
    RECORD_OF(cluster_block_owner, sequence, RECORD_U64),
    RECORD_OF(cluster_block_owner, renewals, RECORD_U64),
    RECORD_UP_TO(cluster_block_owner, term_s, RECORD_U32, CLUSTER_BLOCK_TERM_MAX_S),
    RECORD_UP_TO(cluster_block_owner, longest_s, RECORD_U32, CLUSTER_BLOCK_TERM_MAX_S),
};
const struct record_table cluster_block_owner_table = RECORD_TABLE(block_owner_fields);

static const struct record_field block_fields[] = {
    RECORD_UP_TO(cluster_block, number, RECORD_U32, UINT32_MAX / CLUSTER_BLOCK_SIZE),
    RECORD_OF(cluster_block, owner, RECORD_U32),
};
const struct record_table cluster_block_table = RECORD_TABLE(block_fields);

static const struct record_field token_fields[] = {
    RECORD_OF(cluster_token, id, RECORD_NAME),
    RECORD_OF(cluster_token, secret_hash, RECORD_BYTES),
    RECORD_UP_TO(cluster_token, role, RECORD_CHOICE, CLUSTER_ROLES - 1),
    RECORD_OF(cluster_token, expires_ms, RECORD_U64),
    RECORD_OF(cluster_token, used_by, RECORD_TEXT),
};
const struct record_table cluster_token_table = RECORD_TABLE(token_fields);

const char *cluster_phase_word(int phase)
{
    static const char *const words[CLUSTER_PHASES] = {"never", "fenced", "set", "serving"};
    ASSERT(phase >= 0 && phase < CLUSTER_PHASES);
    return words[phase];
}

const char *cluster_role_word(int role)
{
    static const char *const words[CLUSTER_ROLES] = {"region", "rack"};
    ASSERT(role >= 0 && role < CLUSTER_ROLES);
    return words[role];
}

const char *cluster_lease_word(int lease)
{
    static const char *const words[CLUSTER_LEASES] = {"primary", "vip", "duty"};
    ASSERT(lease >= 0 && lease < CLUSTER_LEASES);
    return words[lease];
}
