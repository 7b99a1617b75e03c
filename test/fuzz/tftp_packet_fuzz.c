/* Any bytes as a TFTP packet; a name that is let through stays below the folder. */
// rooms: rack
#include <stdint.h>
#include <string.h>

#include "src/rack/boot_path.h"
#include "src/rack/tftp_packet.h"
#include "src/rack/tftp_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tftp_packet packet;
    struct tftp_session session;
    struct boot_path path;
    struct error err;
    uint8_t answer[TFTP_PACKET_REQUEST];
    if (tftp_packet_read(bytes, size, &packet, &err))
        return 0;
    if (packet.type == TFTP_PACKET_DATA || packet.type == TFTP_PACKET_ERROR)
        ASSERT(packet.payload + packet.payload_size <= bytes + size);
    if (packet.type != TFTP_PACKET_RRQ)
        return 0;
    if (!boot_path_read(packet.name, strlen(packet.name), &path, &err))
        ASSERT(path.path[0] && path.path[0] != '/' && !strstr(path.path, ".."));
    tftp_session_start(&session, &packet.options, 1 << 20, 1468, 0);
    ASSERT(session.blksize >= TFTP_PACKET_BLKSIZE_MIN && session.blksize <= 1468);
    ASSERT(session.window >= 1 && session.window <= TFTP_PACKET_WINDOW_MAX);
    if (session.oack_due)
        ASSERT(tftp_packet_write_oack(&session.answer, answer) <= sizeof(answer));
    return 0;
}
