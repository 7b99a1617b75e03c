/* Any bytes as what a member says first: refused, or written again it says the same of the same. */
// rooms: raft
#include <string.h>

#include "raft/peer_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t first[PEER_HELLO_BYTES] = {0}, second[PEER_HELLO_BYTES];
    struct peer_hello hello, again;
    struct peer_address address, same;
    char text[PEER_ADDRESS];
    memcpy(first, bytes, size < sizeof(first) ? size : sizeof(first));
    if (!peer_hello_read(first, &hello, &address))
        return 0;
    ASSERT(hello.from && hello.purpose >= PEER_RAFT && hello.purpose <= PEER_CALLS);
    ASSERT(*address.name && !strchr(address.name, '@'));
    ASSERT(
        !strcmp(peer_address_format(address.name, address.ip, address.port, text), hello.address));
    peer_hello_write(&hello, second);
    ASSERT(peer_hello_read(second, &again, &same));
    ASSERT(!memcmp(&hello, &again, sizeof(hello)) && !memcmp(&address, &same, sizeof(same)));
    return 0;
}
