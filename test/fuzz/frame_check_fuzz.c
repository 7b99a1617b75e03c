/* Any bytes as frames of libraft, in pieces as the network gives them. */
// rooms: raft
#include <stdlib.h>
#include <string.h>

#include "raft/frame_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t term[FRAME_TERM_BYTES];
    size_t need = FRAME_PREAMBLE, have = 0;
    while (size >= need) {
        have = need;
        uint8_t *exact = malloc(have); /* so that ASan sees a read past what is there */
        ASSERT(exact);
        memcpy(exact, bytes, have);
        enum error_code code = frame_check(exact, have, &need, NULL);
        bool whole = !code && need == have;
        size_t again = 0;
        if (whole && frame_term(exact, have, term)) /* what we make up is as good */
            ASSERT(!frame_check(term, sizeof(term), &again, NULL) && again == sizeof(term));
        free(exact);
        if (code)
            return 0;
        ASSERT(need >= have && need <= FRAME_BYTES);
        if (whole) {
            bytes += have;
            size -= have;
            have = 0;
            need = FRAME_PREAMBLE;
        }
    }
    return 0;
}
