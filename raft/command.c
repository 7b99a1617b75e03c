/* Replicated commands and their form in the log: see command.h. */
#include "raft/command.h"

#include <string.h>

#define LEASE_MS(index, label)                                                       \
    {                                                                                \
        label, RECORD_U32, offsetof(struct command_init, lease_ms) + 4 * (index), 4, \
            CLUSTER_LEASE_MS_MAX, NULL                                               \
    }
#define FIELDS(kind) static const struct record_field kind##_fields[]

FIELDS(init) = {
    RECORD_OF(command_init, cluster_name, RECORD_NAME),
    RECORD_OF(command_init, cluster_id, RECORD_NAME),
    RECORD_OF(command_init, ca_fingerprint, RECORD_NAME),
    RECORD_IN(command_init, member, &cluster_member_table),
    LEASE_MS(CLUSTER_LEASE_PRIMARY, "primary lease"),
    LEASE_MS(CLUSTER_LEASE_VIP, "vip lease"),
    LEASE_MS(CLUSTER_LEASE_DUTY, "duty lease"),
};
FIELDS(member_remove) = {RECORD_OF(command_member_remove, id, RECORD_U64)};
FIELDS(member_leave) = {RECORD_OF(command_member_leave, id, RECORD_U64)};
FIELDS(token_create) = {
    RECORD_IN(command_token_create, token, &cluster_token_table),
    RECORD_OF(command_token_create, now_ms, RECORD_U64),
};
FIELDS(token_use) = {
    RECORD_OF(command_token_use, id, RECORD_NAME),
    RECORD_OF(command_token_use, secret_hash, RECORD_BYTES),
    RECORD_UP_TO(command_token_use, role, RECORD_CHOICE, CLUSTER_ROLES - 1),
    RECORD_OF(command_token_use, now_ms, RECORD_U64),
    RECORD_OF(command_token_use, bearer, RECORD_NAME),
};
FIELDS(token_expire) = {RECORD_OF(command_token_expire, now_ms, RECORD_U64)};
FIELDS(rack_name) = {RECORD_OF(command_rack_name, system_id, RECORD_NAME)};
FIELDS(fence) = {
    RECORD_OF(command_fence, epoch, RECORD_U64),
    RECORD_UP_TO(command_fence, phase, RECORD_CHOICE, CLUSTER_PHASES - 1),
    RECORD_OF(command_fence, prefer, RECORD_U64),
};
FIELDS(set) = {
    RECORD_OF(command_set, epoch, RECORD_U64),
    RECORD_OF(command_set, member, RECORD_U64),
    RECORD_OF(command_set, timeline, RECORD_U32),
    RECORD_OF(command_set, standby_names, RECORD_TEXT),
};
FIELDS(serving) = {
    RECORD_OF(command_serving, epoch, RECORD_U64),
    RECORD_OF(command_serving, member, RECORD_U64),
    RECORD_OF(command_serving, timeline, RECORD_U32),
    RECORD_OF(command_serving, switch_lsn, RECORD_U64),
    RECORD_OF(command_serving, system_id, RECORD_U64),
};
FIELDS(decline) = {
    RECORD_OF(command_decline, epoch, RECORD_U64),
    RECORD_OF(command_decline, member, RECORD_U64),
};
FIELDS(vip_remove) = {RECORD_OF(command_vip_remove, net, RECORD_TEXT)};
FIELDS(vip_assign) = {
    RECORD_OF(command_vip_assign, net, RECORD_TEXT),
    RECORD_OF(command_vip_assign, epoch, RECORD_U64),
    RECORD_OF(command_vip_assign, holder, RECORD_U64),
};
FIELDS(duration) = {
    RECORD_UP_TO(command_duration, lease, RECORD_CHOICE, CLUSTER_LEASES - 1),
    RECORD_UP_TO(command_duration, ms, RECORD_U32, CLUSTER_LEASE_MS_MAX),
};
FIELDS(schema) = {RECORD_OF(command_schema, level, RECORD_U32)};
FIELDS(voter) = {
    RECORD_OF(command_voter, version, RECORD_U64),
    RECORD_OF(command_voter, epoch, RECORD_U64),
    RECORD_OF(command_voter, member, RECORD_U64),
    RECORD_OF(command_voter, add, RECORD_FLAG),
};
FIELDS(trust) = {
    RECORD_OF(command_trust, fingerprint, RECORD_NAME),
    RECORD_OF(command_trust, add, RECORD_FLAG),
};
FIELDS(revoke) = {RECORD_OF(command_revoke, serial, RECORD_NAME)};
FIELDS(block_own) = {
    RECORD_OF(command_block_own, rack, RECORD_NAME),
    RECORD_OF(command_block_own, store, RECORD_NAME),
    RECORD_OF(command_block_own, sequence, RECORD_U64),
    RECORD_OF(command_block_own, renewals, RECORD_U64),
    RECORD_OF(command_block_own, owner, RECORD_U32),
    RECORD_UP_TO(command_block_own, term_s, RECORD_U32, CLUSTER_BLOCK_TERM_MAX_S),
    RECORD_UP_TO(command_block_own, longest_s, RECORD_U32, CLUSTER_BLOCK_TERM_MAX_S),
};
FIELDS(block_grant) = {
    RECORD_OF(command_block_grant, owner, RECORD_U32),
    RECORD_UP_TO(command_block_grant, number, RECORD_U32, UINT32_MAX / CLUSTER_BLOCK_SIZE),
    RECORD_UP_TO(command_block_grant, count, RECORD_U32, CLUSTER_BLOCK_RUN),
    RECORD_OF(command_block_grant, renewals, RECORD_U64),
};
FIELDS(block_expire) = {
    RECORD_OF(command_block_expire, owner, RECORD_U32),
    RECORD_OF(command_block_expire, renewals, RECORD_U64),
};

#define TABLE(kind) static const struct record_table kind##_table = RECORD_TABLE(kind##_fields)
TABLE(init);
TABLE(member_remove);
TABLE(member_leave);
TABLE(token_create);
TABLE(token_use);
TABLE(token_expire);
TABLE(rack_name);
TABLE(fence);
TABLE(set);
TABLE(serving);
TABLE(decline);
TABLE(vip_remove);
TABLE(vip_assign);
TABLE(duration);
TABLE(schema);
TABLE(voter);
TABLE(trust);
TABLE(revoke);
TABLE(block_own);
TABLE(block_grant);
TABLE(block_expire);

/* The body of each kind; every body begins at the same place of the union. */
static const struct record_table *body_of(int kind)
{
    switch (kind) {
    case COMMAND_INIT:
        return &init_table;
    case COMMAND_MEMBER_ADD:
        return &cluster_member_table;
    case COMMAND_MEMBER_REMOVE:
        return &member_remove_table;
    case COMMAND_MEMBER_LEAVE:
        return &member_leave_table;
    case COMMAND_TOKEN_CREATE:
        return &token_create_table;
    case COMMAND_TOKEN_USE:
        return &token_use_table;
    case COMMAND_TOKEN_EXPIRE:
        return &token_expire_table;
    case COMMAND_RACK_ADD:
        return &cluster_rack_table;
    case COMMAND_RACK_REMOVE:
    case COMMAND_RACK_REVOKE:
        return &rack_name_table;
    case COMMAND_FENCE:
        return &fence_table;
    case COMMAND_SET:
        return &set_table;
    case COMMAND_SERVING:
        return &serving_table;
    case COMMAND_DECLINE:
        return &decline_table;
    case COMMAND_VIP_DEFINE:
        return &cluster_vip_table;
    case COMMAND_VIP_REMOVE:
        return &vip_remove_table;
    case COMMAND_VIP_ASSIGN:
        return &vip_assign_table;
    case COMMAND_DURATION:
        return &duration_table;
    case COMMAND_SCHEMA:
        return &schema_table;
    case COMMAND_DATA_VOTERS:
    case COMMAND_ACCEPTORS:
        return &voter_table;
    case COMMAND_TRUST:
        return &trust_table;
    case COMMAND_REVOKE:
        return &revoke_table;
    case COMMAND_BLOCK_OWN:
        return &block_own_table;
    case COMMAND_BLOCK_GRANT:
    case COMMAND_BLOCK_RETURN:
        return &block_grant_table;
    case COMMAND_BLOCK_EXPIRE:
        return &block_expire_table;
    default:
        return NULL;
    }
}

const char *command_name(int kind)
{
    switch (kind) {
#define X(name, number, member) \
    case number:                \
        return #name;
        COMMAND_TABLE(X)
#undef X
    default:
        return "?";
    }
}

uint32_t command_level(int kind)
{
    switch (kind) {
    case COMMAND_BLOCK_RETURN:
    case COMMAND_MEMBER_LEAVE:
        return 2;
    default:
        return 1;
    }
}

enum error_code command_encode(const struct command *command, struct record_out *out,
                               struct error *err)
{
    const struct record_table *body = body_of((int)command->kind);
    ASSERT(body);
    if (record_check(body, &command->init, err))
        return error_wrap(err, "%s", command_name((int)command->kind));
    record_put_number(out, COMMAND_VERSION, 1);
    record_put_number(out, (uint64_t)command->kind, 1);
    record_put(out, body, &command->init);
    ASSERT(out->size <= COMMAND_BYTES);
    return ERR_OK;
}

enum error_code command_decode(const void *bytes, size_t size, struct command *command,
                               struct error *err)
{
    struct record_in in = {bytes, size, NULL};
    memset(command, 0, sizeof(*command));
    if (size > COMMAND_BYTES)
        return error_set(err, ERR_CORRUPT, "a command of %zu bytes", size);
    int version = (int)record_take_number(&in, 1, "version");
    int kind = (int)record_take_number(&in, 1, "kind");
    if (in.wrong || version == 0 || kind == 0)
        return error_set(err, ERR_CORRUPT, "a command without version or kind");
    const struct record_table *body = body_of(kind);
    if (version > COMMAND_VERSION || !body)
        return error_set(err, ERR_CONFLICT,
                         "command %d of version %d was written by a newer version of this program",
                         kind, version);
    command->kind = (enum command_kind)kind;
    if (!record_take(&in, body, &command->init))
        return error_set(err, ERR_CORRUPT, "%s: %s is malformed", command_name(kind), in.wrong);
    if (in.left)
        return error_set(err, ERR_CORRUPT, "%s: %zu bytes too many", command_name(kind), in.left);
    return ERR_OK;
}
