/* Any bytes as messages of another member: refused, or a message that survives its own encoding. Of
 * another version, and where fields are missing, that has other bytes. */
// rooms: raft
#include <string.h>

#include "raft/member_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct member_message message, again;
    size_t taken;
    while (!member_message_decode(bytes, size, &message, &taken, NULL) && taken) {
        struct record_out out = {0};
        size_t encoded;
        if (message.kind) {
            member_message_encode(&message, &out);
            enum error_code code =
                member_message_decode(out.bytes, out.size, &again, &encoded, NULL);
            ASSERT(!code && encoded == out.size && !memcmp(&message, &again, sizeof(again)));
        }
        record_out_free(&out);
        bytes += taken;
        size -= taken;
    }
    return 0;
}
