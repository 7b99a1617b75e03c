/* The replicated facts as bytes, for snapshots and for comparing members: see cluster_state.h. */
#include <string.h>

#include "raft/cluster_state.h"
#include "src/base/container.h"
#include "src/base/hash.h"

enum { SNAPSHOT_MAGIC = 0x53434e47 }; /* "GNCS" */

#define NUMBER_AT(index, label)                                                       \
    {                                                                                 \
        label, RECORD_U32, offsetof(struct cluster_state, lease_ms) + 4 * (index), 4, \
            CLUSTER_LEASE_MS_MAX, NULL                                                \
    }

static const struct record_field head_fields[] = {
    RECORD_OF(cluster_state, name, RECORD_TEXT),
    RECORD_OF(cluster_state, id, RECORD_TEXT),
    RECORD_OF(cluster_state, member_next, RECORD_U64),
    RECORD_OF(cluster_state, voters_version, RECORD_U64),
    RECORD_OF(cluster_state, acceptors_version, RECORD_U64),
    RECORD_OF(cluster_state, vip_epoch, RECORD_U64),
    RECORD_OF(cluster_state, schema_level, RECORD_U32),
    NUMBER_AT(CLUSTER_LEASE_PRIMARY, "primary lease"),
    NUMBER_AT(CLUSTER_LEASE_VIP, "vip lease"),
    NUMBER_AT(CLUSTER_LEASE_DUTY, "duty lease"),
    RECORD_UP_TO(cluster_state, lease_ms_max, RECORD_U32, CLUSTER_LEASE_MS_MAX),
    RECORD_IN(cluster_state, primary, &cluster_primary_table),
    RECORD_OF(cluster_state, block_owner_next, RECORD_U32), /* from version 2 on */
    RECORD_OF(cluster_state, leaving, RECORD_U64),          /* from version 3 on */
};
static const struct record_table head_table = RECORD_TABLE(head_fields);
static const struct record_table head_tables_of_old[] = {
    {head_fields, (int)COUNT_OF(head_fields) - 2},
    {head_fields, (int)COUNT_OF(head_fields) - 1},
};

static const struct record_field trusted_fields[] = {
    RECORD_OF(command_trust, fingerprint, RECORD_NAME),
    RECORD_OF(command_trust, add, RECORD_FLAG),
};
static const struct record_table trusted_table = RECORD_TABLE(trusted_fields);

static const struct record_field revoked_fields[] = {
    RECORD_OF(command_revoke, serial, RECORD_NAME),
};
static const struct record_table revoked_table = RECORD_TABLE(revoked_fields);

/* The arrays of the state, in the order they are written. */
struct list {
    const char *name;
    size_t count_offset, offset, size;
    int limit;
    const struct record_table *table;
};

#define LIST(member, most, row_table)                                       \
    {                                                                       \
#member, offsetof(struct cluster_state, member##_count),            \
            offsetof(struct cluster_state, member),                         \
            sizeof(((struct cluster_state *)0)->member[0]), most, row_table \
    }
static const struct list lists[] = {
    LIST(members, LIMIT_REGIONS, &cluster_member_table),
    LIST(vips, LIMIT_VIPS, &cluster_vip_table),
    LIST(racks, LIMIT_RACKS, &cluster_rack_table),
    LIST(tokens, CLUSTER_TOKENS, &cluster_token_table),
    LIST(trusted, CLUSTER_TRUSTED, &trusted_table),
    LIST(revoked, CLUSTER_REVOKED, &revoked_table),
    LIST(block_owners, CLUSTER_BLOCK_OWNERS, &cluster_block_owner_table),
    LIST(blocks, CLUSTER_BLOCKS, &cluster_block_table),
};
enum { LISTS_1 = 6 }; /* that version 1 had */

/* The newest form that the slowest member reads: what it lacks is proposed at no lower level. */
static int form_of(const struct cluster_state *facts)
{
    return facts->schema_level < 2 && !facts->leaving ? 2 : CLUSTER_SNAPSHOT_VERSION;
}

void cluster_state_encode(const struct cluster_state *facts, struct record_out *out)
{
    size_t start = out->size;
    int form = form_of(facts);
    record_put_number(out, SNAPSHOT_MAGIC, 4);
    record_put_number(out, (uint64_t)form, 4);
    record_put(out, form < CLUSTER_SNAPSHOT_VERSION ? &head_tables_of_old[form - 1] : &head_table,
               facts);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        int count = *(const int *)((const char *)facts + lists[i].count_offset);
        const char *row = (const char *)facts + lists[i].offset;
        record_put_number(out, (uint64_t)count, 2);
        for (int k = 0; k < count; k++, row += lists[i].size)
            record_put(out, lists[i].table, row);
    }
    record_put_number(out, hash_bytes(out->bytes + start, out->size - start), 8);
    ASSERT(out->size - start <= CLUSTER_SNAPSHOT_BYTES);
}

static void take_list(struct record_in *in, const struct list *list, struct cluster_state *facts)
{
    int count = (int)record_take_number(in, 2, list->name);
    if (in->wrong || count > list->limit) {
        in->wrong = list->name;
        return;
    }
    *(int *)((char *)facts + list->count_offset) = count;
    char *row = (char *)facts + list->offset;
    for (int k = 0; k < count && !in->wrong; k++, row += list->size)
        record_take(in, list->table, row);
}

enum error_code cluster_state_decode(const void *bytes, size_t size, struct cluster_state *facts,
                                     struct error *err)
{
    struct record_in in = {bytes, size, NULL};
    const char *why = NULL;
    cluster_state_init(facts);
    if (size < 16 || size > CLUSTER_SNAPSHOT_BYTES)
        return error_set(err, ERR_CORRUPT, "a snapshot of %zu bytes", size);
    if (record_take_number(&in, 4, "magic") != SNAPSHOT_MAGIC)
        return error_set(err, ERR_CORRUPT, "no snapshot of a cluster");
    uint64_t version = record_take_number(&in, 4, "version");
    if (version > CLUSTER_SNAPSHOT_VERSION)
        return error_set(err, ERR_CONFLICT,
                         "the snapshot was written by a newer version of this program");
    bool old = version && version < CLUSTER_SNAPSHOT_VERSION;
    record_take(&in, old ? &head_tables_of_old[version - 1] : &head_table, facts);
    for (size_t i = 0; i < (version == 1 ? LISTS_1 : COUNT_OF(lists)) && !in.wrong; i++)
        take_list(&in, &lists[i], facts);
    uint64_t hash = record_take_number(&in, 8, "hash");
    if (in.wrong || version == 0)
        return error_set(err, ERR_CORRUPT, "snapshot: %s is malformed",
                         in.wrong ? in.wrong : "version");
    if (in.left || hash != hash_bytes(bytes, size - 8))
        return error_set(err, ERR_CORRUPT, "snapshot: its hash does not fit its bytes");
    if (!cluster_state_valid(facts, &why))
        return error_set(err, ERR_CORRUPT, "snapshot: %s", why);
    return ERR_OK;
}

uint64_t cluster_state_hash(const struct cluster_state *facts)
{
    struct record_out out = {0};
    cluster_state_encode(facts, &out);
    uint64_t hash = hash_bytes(out.bytes, out.size);
    record_out_free(&out);
    return hash;
}
