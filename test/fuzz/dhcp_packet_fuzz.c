/*
 * Any datagram as a DHCP message: refused with a reason, or options that lie inside the packet;
 * what was read and is written again reads the same.
 */
// rooms: rack
#include <stdint.h>
#include <string.h>

#include "src/rack/dhcp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct dhcp_packet packet, again;
    static struct dhcp_writer writer;
    struct error err = {0};
    if (dhcp_packet_decode(bytes, size, &packet, &err)) {
        ASSERT(err.text[0]);
        return 0;
    }
    ASSERT(packet.type >= DHCP_DISCOVER && packet.type < DHCP_TYPES);
    dhcp_writer_start(&writer, &packet, DHCP_PACKET_MAX);
    bool fits = true;
    for (unsigned option = 1; option < DHCP_OPTION_END; option++) {
        size_t length;
        const uint8_t *value = dhcp_packet_option(&packet, (uint8_t)option, &length);
        if (!value || option == DHCP_OPTION_OVERLOAD)
            continue;
        ASSERT(value + length <= packet.bytes + sizeof(packet.bytes));
        fits = dhcp_writer_option(&writer, (uint8_t)option, value, length) && fits;
    }
    size_t written = dhcp_writer_end(&writer);
    ASSERT(written <= sizeof(writer.bytes));
    if (!fits)
        return 0;
    ASSERT(dhcp_packet_decode(writer.bytes, written, &again, &err) == ERR_OK);
    for (unsigned option = 1; option < DHCP_OPTION_END; option++) {
        size_t length, other;
        const uint8_t *a = dhcp_packet_option(&packet, (uint8_t)option, &length);
        const uint8_t *b = dhcp_packet_option(&again, (uint8_t)option, &other);
        if (option != DHCP_OPTION_OVERLOAD)
            ASSERT(!a == !b && (!a || (length == other && !memcmp(a, b, length))));
    }
    return 0;
}
