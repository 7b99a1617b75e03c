/* Messages between members: see member_message.h. Length (2 bytes), version of the sender, kind,
 * body: records, each with its length (1 byte) before it. */
#include "raft/member_message.h"

#include <string.h>

enum { HEAD_BYTES = 4, VERSION_LEAST = 2, MEMBER_KINDS = MEMBER_CALLERS };
#define FIELDS(kind) static const struct record_field kind##_fields[]
#define TABLE(kind)  static const struct record_table kind##_table = RECORD_TABLE(kind##_fields)

FIELDS(resource) = {
    RECORD_UP_TO(lease_resource, kind, RECORD_CHOICE, CLUSTER_LEASES - 1),
    RECORD_OF(lease_resource, key, RECORD_U32),
};
TABLE(resource);
FIELDS(claim) = {
    RECORD_IN(lease_claim, resource, &resource_table),
    RECORD_OF(lease_claim, epoch, RECORD_U64),
    RECORD_OF(lease_claim, version, RECORD_U64),
    RECORD_OF(lease_claim, incarnation, RECORD_U64),
    RECORD_OF(lease_claim, number, RECORD_U64),
    RECORD_UP_TO(lease_claim, lease_ms, RECORD_U32, CLUSTER_LEASE_MS_MAX),
};
TABLE(claim);
FIELDS(release) = {
    RECORD_IN(lease_release, resource, &resource_table),
    RECORD_OF(lease_release, epoch, RECORD_U64),
    RECORD_OF(lease_release, incarnation, RECORD_U64),
};
TABLE(release);
FIELDS(promised) = {
    RECORD_IN(lease_promised, resource, &resource_table),
    RECORD_OF(lease_promised, epoch, RECORD_U64),
    RECORD_OF(lease_promised, live, RECORD_FLAG),
};
TABLE(promised);
FIELDS(pg) = {
    RECORD_OF(pg_status, reported, RECORD_U64),    RECORD_OF(pg_status, timeline, RECORD_U32),
    RECORD_OF(pg_status, lsn, RECORD_U64),         RECORD_OF(pg_status, priority, RECORD_U32),
    RECORD_OF(pg_status, serves, RECORD_U64),      RECORD_OF(pg_status, died, RECORD_U64),
    RECORD_OF(pg_status, failed, RECORD_U64),      RECORD_OF(pg_status, in_force, RECORD_U64),
    RECORD_OF(pg_status, ready_voter, RECORD_U64), RECORD_OF(pg_status, asks_out, RECORD_FLAG),
    RECORD_OF(pg_status, copies, RECORD_U64),      RECORD_OF(pg_status, system_id, RECORD_U64),
};
TABLE(pg);
FIELDS(status) = {
    RECORD_OF(member_status, incarnation, RECORD_U64),
    RECORD_OF(member_status, applied, RECORD_U64),
    RECORD_OF(member_status, acceptors, RECORD_U64),
    RECORD_OF(member_status, fit, RECORD_FLAG),
    RECORD_UP_TO(member_status, promised_count, RECORD_CHOICE, MEMBER_MESSAGE_PROMISES),
    RECORD_OF(member_status, level, RECORD_U32),
};
TABLE(status);
FIELDS(epoch) = {
    RECORD_OF(epoch_word, number, RECORD_U64),
    RECORD_OF(epoch_word, epoch, RECORD_U64),
};
TABLE(epoch);
FIELDS(change) = {
    RECORD_OF(switch_word, epoch, RECORD_U64),
    RECORD_OF(switch_word, to, RECORD_U64),
};
TABLE(change);
FIELDS(callers) = {
    RECORD_UP_TO(caller_list, count, RECORD_CHOICE, MEMBER_MESSAGE_CALLERS),
};
TABLE(callers);
FIELDS(caller) = {
    RECORD_OF(caller, vip, RECORD_U32),
    RECORD_OF(caller, peer, RECORD_U32),
    RECORD_UP_TO(caller, vip_port, RECORD_U32, UINT16_MAX),
    RECORD_UP_TO(caller, peer_port, RECORD_U32, UINT16_MAX),
};
TABLE(caller);

bool lease_resource_equal(struct lease_resource a, struct lease_resource b)
{
    return a.kind == b.kind && a.key == b.key;
}

static void put_sized(struct record_out *out, const struct record_table *table, const void *record)
{
    size_t start = out->size;
    record_put_number(out, 0, 1);
    record_put(out, table, record);
    size_t size = out->size - start - 1;
    ASSERT(size <= UINT8_MAX);
    out->bytes[start] = (uint8_t)size;
}

static void put_body(const struct member_message *message, struct record_out *out)
{
    switch (message->kind) {
    case MEMBER_NOTHING:
        break;
    case MEMBER_LEASE_REQUEST:
    case MEMBER_LEASE_GRANT:
        put_sized(out, &claim_table, &message->claim);
        break;
    case MEMBER_LEASE_RELEASE:
        put_sized(out, &release_table, &message->release);
        break;
    case MEMBER_STATUS:
        put_sized(out, &status_table, &message->status);
        put_sized(out, &pg_table, &message->status.pg);
        for (int i = 0; i < message->status.promised_count; i++)
            put_sized(out, &promised_table, &message->status.promised[i]);
        break;
    case MEMBER_PROPOSE: {
        enum error_code code = command_encode(&message->proposal, out, NULL);
        ASSERT(!code); /* it is made of facts */
        break;
    }
    case MEMBER_EPOCH_ASK:
    case MEMBER_EPOCH_ANSWER:
        put_sized(out, &epoch_table, &message->epoch);
        break;
    case MEMBER_SWITCH_ASK:
    case MEMBER_SWITCH_READY:
        put_sized(out, &change_table, &message->change);
        break;
    case MEMBER_CALLERS:
        put_sized(out, &callers_table, &message->callers);
        for (int i = 0; i < message->callers.count; i++)
            put_sized(out, &caller_table, &message->callers.callers[i]);
        break;
    }
}

void member_message_encode(const struct member_message *message, struct record_out *out)
{
    size_t start = out->size;
    record_put_number(out, 0, 2); /* the length, known below */
    record_put_number(out, MEMBER_MESSAGE_VERSION, 1);
    record_put_number(out, (uint64_t)message->kind, 1);
    put_body(message, out);
    size_t size = out->size - start;
    ASSERT(size <= MEMBER_MESSAGE_BYTES);
    out->bytes[start] = (uint8_t)size;
    out->bytes[start + 1] = (uint8_t)(size >> 8);
}

/* What a member may have proposed in its own name. */
static bool take_proposal(struct record_in *in, struct command *command)
{
    if (command_decode(in->bytes, in->left, command, NULL))
        in->wrong = "proposal";
    else if (command->kind != COMMAND_SERVING && command->kind != COMMAND_DECLINE &&
             command->kind != COMMAND_VIP_ASSIGN)
        in->wrong = "kind of the proposal";
    in->left = 0; /* it is all there is */
    return !in->wrong;
}

/* As many fields as there are, and no more than are known. */
static bool take_sized(struct record_in *in, const struct record_table *table, void *record)
{
    size_t size = (size_t)record_take_number(in, 1, "length of a record");
    if (!in->wrong && size > in->left)
        in->wrong = "length of a record";
    if (in->wrong)
        return false;
    struct record_in part = {in->bytes, size, NULL};
    record_take_known(&part, table, record);
    in->wrong = part.wrong;
    in->bytes += size;
    in->left -= size;
    return !in->wrong;
}

static bool take_body(struct record_in *in, struct member_message *message)
{
    switch (message->kind) {
    case MEMBER_NOTHING:
        break;
    case MEMBER_LEASE_REQUEST:
    case MEMBER_LEASE_GRANT:
        return take_sized(in, &claim_table, &message->claim);
    case MEMBER_LEASE_RELEASE:
        return take_sized(in, &release_table, &message->release);
    case MEMBER_STATUS:
        if (!take_sized(in, &status_table, &message->status) ||
            !take_sized(in, &pg_table, &message->status.pg))
            return false;
        for (int i = 0; i < message->status.promised_count; i++)
            if (!take_sized(in, &promised_table, &message->status.promised[i]))
                return false;
        return true;
    case MEMBER_PROPOSE:
        return take_proposal(in, &message->proposal);
    case MEMBER_EPOCH_ASK:
    case MEMBER_EPOCH_ANSWER:
        return take_sized(in, &epoch_table, &message->epoch);
    case MEMBER_SWITCH_ASK:
    case MEMBER_SWITCH_READY:
        return take_sized(in, &change_table, &message->change);
    case MEMBER_CALLERS:
        if (!take_sized(in, &callers_table, &message->callers))
            return false;
        for (int i = 0; i < message->callers.count; i++)
            if (!take_sized(in, &caller_table, &message->callers.callers[i]))
                return false;
        return true;
    }
    in->wrong = "kind";
    return false;
}

enum error_code member_message_decode(const uint8_t *bytes, size_t size,
                                      struct member_message *message, size_t *taken,
                                      struct error *err)
{
    *taken = 0;
    if (size < HEAD_BYTES)
        return ERR_OK;
    size_t length = (size_t)(bytes[0] | bytes[1] << 8);
    if (length < HEAD_BYTES || length > MEMBER_MESSAGE_BYTES)
        return error_set(err, ERR_CORRUPT, "a message of %zu bytes", length);
    if (bytes[2] < VERSION_LEAST)
        return error_set(err, ERR_CORRUPT, "a message of version %d", bytes[2]);
    if (size < length)
        return ERR_OK;
    struct record_in in = {bytes + HEAD_BYTES, length - HEAD_BYTES, NULL};
    bool newer = bytes[2] > MEMBER_MESSAGE_VERSION;
    memset(message, 0, sizeof(*message));
    if (newer && bytes[3] > MEMBER_KINDS) {
        *taken = length;
        return ERR_OK;
    }
    message->kind = (enum member_message_kind)bytes[3];
    if (!message->kind)
        in.wrong = "kind";
    if (in.wrong || !take_body(&in, message) || (in.left && !newer))
        return error_set(err, ERR_CORRUPT, "a message of kind %d: %s is malformed", bytes[3],
                         in.wrong ? in.wrong : "its length");
    *taken = length;
    return ERR_OK;
}
