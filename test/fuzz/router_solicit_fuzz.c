/* Any ICMPv6 message as a router solicitation: the first bytes are hop limit and sender. */
// rooms: rack
#include <stdint.h>
#include <string.h>

#include "src/rack/router_advert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct in6_addr from;
    if (size < 1 + sizeof(from))
        return 0;
    memcpy(&from, bytes + 1, sizeof(from));
    if (router_advert_is_solicit(bytes + 17, size - 17, bytes[0], &from))
        ASSERT(bytes[0] == 255 && size >= 17 + 8 && bytes[17] == 133 && bytes[18] == 0);
    return 0;
}
