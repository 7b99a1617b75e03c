/* Any bytes as an ARP frame, and as a frame that is one but for these bytes: who is said to have an
 * address is who the frame says it is, by a reading of RFC 826 that looks at bytes alone. */
// rooms: fence
#include <string.h>

#include "src/fence/arp.h"

enum { FRAME_BYTES = 42 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool shows(const uint8_t *frame, size_t size, const struct mac *own)
{
    static const uint8_t sender[4] = {10, 0, 0, 5};
    return size >= FRAME_BYTES && frame[12] == 0x08 && frame[13] == 0x06 && frame[14] == 0 &&
           (frame[15] == 1 || frame[15] == 6) && frame[16] == 0x08 && frame[17] == 0 &&
           frame[18] == 6 && frame[19] == 4 && frame[20] == 0 &&
           (frame[21] == 1 || frame[21] == 2) && !memcmp(frame + 28, sender, 4) &&
           memcmp(frame + 22, own->bytes, 6) != 0;
}

static void check(const uint8_t *frame, size_t size)
{
    static const struct mac own = {{2, 0, 0, 0, 0, 1}};
    struct mac mac;
    bool used = arp_read(frame, size, 0x0a000005, &own, &mac);
    ASSERT(used == shows(frame, size, &own));
    ASSERT(!used || !memcmp(mac.bytes, frame + 22, 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t sound[FRAME_BYTES] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 7, 8, 6, 0, 1, 8, 0,  6, 4, 0,
        1,    2,    0,    0,    0,    0,    7, 10, 0, 0, 5, 0, 0, 0, 0, 0, 0, 10, 0, 0, 5};
    uint8_t frame[FRAME_BYTES];
    check(bytes, size);
    memcpy(frame, sound, sizeof(sound));
    for (size_t i = 0; i + 1 < size; i += 2)
        frame[bytes[i] % FRAME_BYTES] = bytes[i + 1];
    check(frame, sizeof(frame));
    return 0;
}
