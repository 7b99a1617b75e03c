/* Samples of commands: see sample_command.h. */
#include "test/lib/sample_command.h"

#include <stdio.h>
#include <string.h>

const int sample_command_kinds[] = {
#define X(name, number, member) number,
    COMMAND_TABLE(X)
#undef X
        0};

#define PUT(field, text) snprintf(field, sizeof(field), "%s", text)

static void fill_text(char *text, size_t size, char letter)
{
    memset(text, letter, size - 1);
    text[size - 1] = '\0';
}

static void fill_member(struct cluster_member *member, uint64_t id)
{
    static const uint32_t ports[CLUSTER_PORTS] = {5250, 5251, 5252, 5253, 5239, 5443};
    member->id = id;
    snprintf(member->name, sizeof(member->name), "region%u", (unsigned)id);
    snprintf(member->address, sizeof(member->address), "10.0.0.%u", (unsigned)id);
    memcpy(member->ports, ports, sizeof(ports));
    fill_text(member->key, sizeof(member->key), 'b');
    snprintf(member->serial, sizeof(member->serial), "a%u", (unsigned)id);
}

static void fill_token(struct cluster_token *token)
{
    PUT(token->id, "token1");
    memset(token->secret_hash, 0x5a, sizeof(token->secret_hash));
    token->role = CLUSTER_ROLE_RACK;
    token->expires_ms = 2000;
}

static void fill_small(int kind, struct command *command)
{
    switch (kind) {
    case COMMAND_TOKEN_EXPIRE:
        command->token_expire.now_ms = 5000;
        break;
    case COMMAND_RACK_REMOVE:
    case COMMAND_RACK_REVOKE:
        PUT(command->rack_remove.system_id, "abc123");
        break;
    case COMMAND_FENCE:
        command->fence.phase = CLUSTER_NEVER;
        break;
    case COMMAND_SET:
        command->set = (struct command_set){.epoch = 1, .member = 1, .timeline = 2};
        break;
    case COMMAND_SERVING:
        command->serving = (struct command_serving){1, 1, 2, 0x1741540, 7000000001};
        break;
    case COMMAND_DECLINE:
        command->decline = (struct command_decline){1, 1};
        break;
    case COMMAND_DURATION:
        command->duration = (struct command_duration){CLUSTER_LEASE_VIP, 400};
        break;
    case COMMAND_SCHEMA:
        command->schema.level = 2;
        break;
    case COMMAND_BLOCK_GRANT:
        command->block_grant = (struct command_block_grant){1, 0x0a4d006, 2, 1};
        break;
    case COMMAND_BLOCK_RETURN:
        command->block_return = (struct command_block_grant){1, 0x0a4d006, 1, 1};
        break;
    case COMMAND_BLOCK_EXPIRE:
        command->block_expire = (struct command_block_expire){1, 1};
        break;
    case COMMAND_DATA_VOTERS:
    case COMMAND_ACCEPTORS:
        command->data_voters = (struct command_voter){1, 1, 2, true};
        break;
    default:
        break;
    }
}

static void fill_large(int kind, struct command *command)
{
    switch (kind) {
    case COMMAND_INIT:
        PUT(command->init.cluster_name, "site");
        fill_text(command->init.cluster_id, CLUSTER_ID, 'a');
        fill_text(command->init.ca_fingerprint, CLUSTER_FINGERPRINT, 'b');
        fill_member(&command->init.member, 1);
        for (int i = 0; i < CLUSTER_LEASES; i++)
            command->init.lease_ms[i] = 800;
        break;
    case COMMAND_MEMBER_ADD:
        fill_member(&command->member_add, 2);
        break;
    case COMMAND_MEMBER_LEAVE:
        command->member_leave.id = 2;
        break;
    case COMMAND_MEMBER_REMOVE:
        command->member_remove.id = 2;
        break;
    case COMMAND_TOKEN_CREATE:
        fill_token(&command->token_create.token);
        command->token_create.now_ms = 1000;
        break;
    case COMMAND_TOKEN_USE:
        PUT(command->token_use.id, "token1");
        memset(command->token_use.secret_hash, 0x5a, CLUSTER_HASH);
        command->token_use.role = CLUSTER_ROLE_RACK;
        command->token_use.now_ms = 1500;
        fill_text(command->token_use.bearer, CLUSTER_FINGERPRINT, 'c');
        break;
    case COMMAND_RACK_ADD:
        PUT(command->rack_add.system_id, "abc123");
        PUT(command->rack_add.name, "rack1");
        PUT(command->rack_add.serial, "4F00");
        break;
    case COMMAND_VIP_DEFINE:
        PUT(command->vip_define.net, "10.0.0.100/24");
        PUT(command->vip_define.interface, "eth0");
        command->vip_define.http_port = 5240;
        command->vip_define.https_port = 5443;
        break;
    case COMMAND_VIP_REMOVE:
        PUT(command->vip_remove.net, "10.0.0.100/24");
        break;
    case COMMAND_VIP_ASSIGN:
        PUT(command->vip_assign.net, "10.0.0.100/24");
        command->vip_assign.holder = 1;
        break;
    case COMMAND_TRUST:
        fill_text(command->trust.fingerprint, CLUSTER_FINGERPRINT, 'd');
        command->trust.add = true;
        break;
    case COMMAND_BLOCK_OWN:
        PUT(command->block_own.rack, "abc123");
        fill_text(command->block_own.store, CLUSTER_ID, 'e');
        command->block_own.sequence = 7;
        command->block_own.term_s = 86400;
        command->block_own.longest_s = 600;
        break;
    case COMMAND_REVOKE:
        PUT(command->revoke.serial, "4F01");
        break;
    default:
        fill_small(kind, command);
        break;
    }
}

void sample_command(int kind, struct command *command)
{
    memset(command, 0, sizeof(*command));
    command->kind = (enum command_kind)kind;
    fill_large(kind, command);
}
