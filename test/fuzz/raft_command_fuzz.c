/*
 * Commands of the log, from whatever wrote it: a run of them (a size of two bytes, then the bytes).
 * What is decoded has exactly one form, and applied in any order it leaves facts that agree
 * (cluster_state_apply asserts it) and that survive a snapshot.
 */
// rooms: raft
#include <stdint.h>
#include <string.h>

#include "raft/cluster_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_snapshot(const struct cluster_state *facts)
{
    static struct cluster_state seen;
    struct record_out out = {0};
    cluster_state_encode(facts, &out);
    ASSERT(cluster_state_decode(out.bytes, out.size, &seen, NULL) == ERR_OK);
    ASSERT(cluster_state_hash(&seen) == cluster_state_hash(facts));
    record_out_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct cluster_state facts;
    cluster_state_init(&facts);
    while (size >= 2) {
        struct command command;
        size_t length = (size_t)(bytes[0] | bytes[1] << 8);
        bytes += 2;
        size -= 2;
        if (length > size)
            length = size;
        if (command_decode(bytes, length, &command, NULL) == ERR_OK) {
            struct record_out out = {0};
            ASSERT(command_encode(&command, &out, NULL) == ERR_OK);
            ASSERT(out.size == length && !memcmp(out.bytes, bytes, length));
            record_out_free(&out);
            cluster_state_apply(&facts, &command);
        }
        bytes += length;
        size -= length;
    }
    check_snapshot(&facts);
    return 0;
}
