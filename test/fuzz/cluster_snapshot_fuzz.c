/*
 * Snapshots of the facts, from a leader or a disk: a size of two bytes, as many bytes, with the
 * hash in the last eight made right; then commands as in raft_command. What is taken is sound: it
 * is written and read again as the same, and commands in any order leave it so (cluster_state_apply
 * asserts it).
 */
// rooms: raft
#include <stdlib.h>
#include <string.h>

#include "raft/cluster_state.h"
#include "src/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_again(const struct cluster_state *facts)
{
    static struct cluster_state seen;
    struct record_out out = {0};
    cluster_state_encode(facts, &out);
    ASSERT(cluster_state_decode(out.bytes, out.size, &seen, NULL) == ERR_OK);
    ASSERT(cluster_state_hash(&seen) == cluster_state_hash(facts));
    record_out_free(&out);
}

static void apply_all(struct cluster_state *facts, const uint8_t *bytes, size_t size)
{
    while (size >= 2) {
        struct command command;
        size_t length = (size_t)(bytes[0] | bytes[1] << 8);
        bytes += 2;
        size -= 2;
        length = length < size ? length : size;
        if (command_decode(bytes, length, &command, NULL) == ERR_OK)
            cluster_state_apply(facts, &command);
        bytes += length;
        size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct cluster_state facts;
    struct error err = {0};
    if (size < 2)
        return 0;
    size_t length = (size_t)(bytes[0] | bytes[1] << 8);
    length = length < size - 2 ? length : size - 2;
    uint8_t *snapshot = malloc(length + 1); /* so that ASan sees a read past the end */
    ASSERT(snapshot);
    memcpy(snapshot, bytes + 2, length);
    uint64_t hash = length < 8 ? 0 : hash_bytes(snapshot, length - 8);
    for (size_t i = 0; i < 8 && length >= 8; i++)
        snapshot[length - 8 + i] = (uint8_t)(hash >> (8 * i));
    enum error_code code = cluster_state_decode(snapshot, length, &facts, &err);
    free(snapshot);
    if (code) {
        ASSERT((code == ERR_CORRUPT || code == ERR_CONFLICT) && err.text[0]);
        return 0;
    }
    check_again(&facts);
    apply_all(&facts, bytes + 2 + length, size - 2 - length);
    check_again(&facts);
    return 0;
}
