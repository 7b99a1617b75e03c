/* Any bytes as messages of another member: refused, or the message that encodes to these bytes. */
// rooms: raft
#include <string.h>

#include "raft/member_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct member_message message;
    size_t taken;
    while (!member_message_decode(bytes, size, &message, &taken, NULL) && taken) {
        struct record_out out = {0};
        member_message_encode(&message, &out);
        ASSERT(out.size == taken && !memcmp(out.bytes, bytes, taken));
        record_out_free(&out);
        bytes += taken;
        size -= taken;
    }
    return 0;
}
