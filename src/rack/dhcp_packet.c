/* DHCPv4 messages: see dhcp_packet.h. */
#include "src/rack/dhcp_packet.h"

#include <string.h>

#include "src/base/container.h"

/* Offsets of the fixed part, RFC 2131 figure 1. */
enum {
    AT_XID = 4,
    AT_SECS = 8,
    AT_FLAGS = 10,
    AT_CIADDR = 12,
    AT_YIADDR = 16,
    AT_SIADDR = 20,
    AT_GIADDR = 24,
    AT_CHADDR = 28,
    AT_SNAME = 44,
    AT_FILE = 108,
    AT_COOKIE = 236,
};
enum { ETHERNET = 1, OPTION_PAD = 0, OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2, PARTS_MAX = 512 };

static const uint8_t cookie[4] = {99, 130, 83, 99};

/* Lengths that the RFCs give to the options this program reads. */
static const struct {
    uint8_t option, least, most;
} lengths[] = {
    {DHCP_OPTION_ADDRESS, 4, 4},  {DHCP_OPTION_LEASE, 4, 4},          {DHCP_OPTION_OVERLOAD, 1, 1},
    {DHCP_OPTION_TYPE, 1, 1},     {DHCP_OPTION_SERVER, 4, 4},         {DHCP_OPTION_WANTED, 1, 255},
    {DHCP_OPTION_MAX_SIZE, 2, 2}, {DHCP_OPTION_ARCHITECTURE, 2, 254},
};

/* The pieces of options in the order RFC 3396 5 joins them. */
struct parts {
    int count;
    struct part {
        uint8_t option, size;
        const uint8_t *value;
    } part[PARTS_MAX];
};

static uint16_t get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)get_u16(bytes) << 16 | get_u16(bytes + 2);
}

static void put_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void put_u32(uint8_t *bytes, uint32_t value)
{
    put_u16(bytes, (uint16_t)(value >> 16));
    put_u16(bytes + 2, (uint16_t)value);
}

/* One field that holds options: up to its end option, or exactly to its end. */
static enum error_code collect(struct parts *parts, const uint8_t *bytes, size_t size,
                               struct error *err)
{
    size_t at = 0;
    while (at < size && bytes[at] != DHCP_OPTION_END) {
        uint8_t option = bytes[at++];
        if (option == OPTION_PAD)
            continue;
        if (at == size || bytes[at] > size - at - 1)
            return error_set(err, ERR_BAD_INPUT, "option %u reaches past the end of its field",
                             option);
        if (parts->count == PARTS_MAX)
            return error_set(err, ERR_BAD_INPUT, "more than %d options", PARTS_MAX);
        parts->part[parts->count++] = (struct part){option, bytes[at], bytes + at + 1};
        at += 1u + bytes[at];
    }
    return ERR_OK;
}

/* Option 52, which may only stand in the options field itself. */
static uint8_t find_overload(const struct parts *parts)
{
    for (int i = 0; i < parts->count; i++)
        if (parts->part[i].option == DHCP_OPTION_OVERLOAD && parts->part[i].size == 1)
            return parts->part[i].value[0];
    return 0;
}

static enum error_code collect_all(struct parts *parts, const uint8_t *bytes, size_t size,
                                   uint8_t *overload, struct error *err)
{
    enum error_code code =
        collect(parts, bytes + DHCP_PACKET_HEADER, size - DHCP_PACKET_HEADER, err);
    if (code)
        return code;
    *overload = find_overload(parts);
    if (*overload > (OVERLOAD_FILE | OVERLOAD_SNAME))
        return error_set(err, ERR_BAD_INPUT, "option overload %u: expected 1, 2 or 3", *overload);
    if (*overload & OVERLOAD_FILE)
        code = collect(parts, bytes + AT_FILE, DHCP_FILE_BYTES, err);
    if (!code && *overload & OVERLOAD_SNAME)
        code = collect(parts, bytes + AT_SNAME, DHCP_SNAME_BYTES, err);
    return code;
}

/* Parts of one option come together, in their order (RFC 3396 5). */
static void join(const struct parts *parts, struct dhcp_packet *packet)
{
    uint16_t filled[256] = {0};
    uint16_t used = 1; /* at 0 means that the option is not there */
    for (int i = 0; i < parts->count; i++) {
        const struct part *part = &parts->part[i];
        packet->size[part->option] = (uint16_t)(packet->size[part->option] + part->size);
    }
    for (int i = 0; i < parts->count; i++) {
        const struct part *part = &parts->part[i];
        if (!packet->at[part->option]) {
            packet->at[part->option] = used;
            used = (uint16_t)(used + packet->size[part->option]);
        }
        memcpy(packet->bytes + packet->at[part->option] + filled[part->option], part->value,
               part->size);
        filled[part->option] = (uint16_t)(filled[part->option] + part->size);
    }
}

static enum error_code check_options(const struct dhcp_packet *packet, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        size_t size = packet->size[lengths[i].option];
        if (packet->at[lengths[i].option] && (size < lengths[i].least || size > lengths[i].most))
            return error_set(err, ERR_BAD_INPUT, "option %u of %zu bytes: expected %u",
                             lengths[i].option, size, lengths[i].least);
    }
    if (packet->size[DHCP_OPTION_ARCHITECTURE] % 2)
        return error_set(err, ERR_BAD_INPUT, "option 93 of %u bytes: expected pairs",
                         packet->size[DHCP_OPTION_ARCHITECTURE]);
    if (!packet->at[DHCP_OPTION_TYPE])
        return error_set(err, ERR_BAD_INPUT, "no message type: BOOTP is not served");
    if (packet->type < DHCP_DISCOVER || packet->type >= DHCP_TYPES)
        return error_set(err, ERR_BAD_INPUT, "unknown message type %u", packet->type);
    return ERR_OK;
}

static enum error_code check_fixed(const uint8_t *bytes, size_t size, struct error *err)
{
    if (size < DHCP_PACKET_HEADER || size > DHCP_PACKET_MAX)
        return error_set(err, ERR_BAD_INPUT, "message of %zu bytes: expected %d to %d", size,
                         DHCP_PACKET_HEADER, DHCP_PACKET_MAX);
    if (memcmp(bytes + AT_COOKIE, cookie, sizeof(cookie)) != 0)
        return error_set(err, ERR_BAD_INPUT, "no DHCP magic cookie");
    if (bytes[0] != 1 && bytes[0] != 2)
        return error_set(err, ERR_BAD_INPUT, "op %u: expected 1 or 2", bytes[0]);
    if (bytes[1] != ETHERNET || bytes[2] != sizeof(struct mac))
        return error_set(err, ERR_BAD_INPUT, "hardware type %u with %u bytes: expected Ethernet",
                         bytes[1], bytes[2]);
    return ERR_OK;
}

enum error_code dhcp_packet_decode(const void *datagram, size_t size, struct dhcp_packet *packet,
                                   struct error *err)
{
    const uint8_t *bytes = datagram;
    struct parts parts = {.count = 0};
    uint8_t overload = 0;
    memset(packet, 0, sizeof(*packet));
    enum error_code code = check_fixed(bytes, size, err);
    if (code || (code = collect_all(&parts, bytes, size, &overload, err)))
        return code;
    packet->op = bytes[0];
    packet->hops = bytes[3];
    packet->xid = get_u32(bytes + AT_XID);
    packet->secs = get_u16(bytes + AT_SECS);
    packet->flags = get_u16(bytes + AT_FLAGS);
    packet->ciaddr = get_u32(bytes + AT_CIADDR);
    packet->yiaddr = get_u32(bytes + AT_YIADDR);
    packet->siaddr = get_u32(bytes + AT_SIADDR);
    packet->giaddr = get_u32(bytes + AT_GIADDR);
    memcpy(packet->mac.bytes, bytes + AT_CHADDR, sizeof(packet->mac.bytes));
    if (!(overload & OVERLOAD_FILE))
        memcpy(packet->file, bytes + AT_FILE, DHCP_FILE_BYTES);
    join(&parts, packet);
    if (packet->at[DHCP_OPTION_TYPE])
        packet->type = packet->bytes[packet->at[DHCP_OPTION_TYPE]];
    return check_options(packet, err);
}

const uint8_t *dhcp_packet_option(const struct dhcp_packet *packet, uint8_t option, size_t *size)
{
    if (size)
        *size = packet->size[option];
    return packet->at[option] ? packet->bytes + packet->at[option] : NULL;
}

uint16_t dhcp_packet_u16(const struct dhcp_packet *packet, uint8_t option)
{
    return packet->size[option] < 2 ? 0 : get_u16(packet->bytes + packet->at[option]);
}

uint32_t dhcp_packet_u32(const struct dhcp_packet *packet, uint8_t option)
{
    return packet->size[option] < 4 ? 0 : get_u32(packet->bytes + packet->at[option]);
}

bool dhcp_packet_wants(const struct dhcp_packet *packet, uint8_t option)
{
    size_t size;
    const uint8_t *wanted = dhcp_packet_option(packet, DHCP_OPTION_WANTED, &size);
    return wanted && memchr(wanted, option, size);
}

const char *dhcp_packet_type_name(unsigned type)
{
    static const char *const names[DHCP_TYPES] = {
        "unknown", "DHCPDISCOVER", "DHCPOFFER",   "DHCPREQUEST", "DHCPDECLINE",
        "DHCPACK", "DHCPNAK",      "DHCPRELEASE", "DHCPINFORM",
    };
    return names[type < DHCP_TYPES ? type : 0];
}

void dhcp_writer_start(struct dhcp_writer *writer, const struct dhcp_packet *packet, size_t limit)
{
    memset(writer, 0, sizeof(*writer));
    writer->limit = limit < DHCP_PACKET_SAFE  ? DHCP_PACKET_SAFE
                    : limit > DHCP_PACKET_MAX ? DHCP_PACKET_MAX
                                              : limit;
    uint8_t *bytes = writer->bytes;
    bytes[0] = packet->op;
    bytes[1] = ETHERNET;
    bytes[2] = sizeof(packet->mac.bytes);
    bytes[3] = packet->hops;
    put_u32(bytes + AT_XID, packet->xid);
    put_u16(bytes + AT_SECS, packet->secs);
    put_u16(bytes + AT_FLAGS, packet->flags);
    put_u32(bytes + AT_CIADDR, packet->ciaddr);
    put_u32(bytes + AT_YIADDR, packet->yiaddr);
    put_u32(bytes + AT_SIADDR, packet->siaddr);
    put_u32(bytes + AT_GIADDR, packet->giaddr);
    memcpy(bytes + AT_CHADDR, packet->mac.bytes, sizeof(packet->mac.bytes));
    memcpy(bytes + AT_FILE, packet->file, strnlen(packet->file, DHCP_FILE_BYTES));
    memcpy(bytes + AT_COOKIE, cookie, sizeof(cookie));
    writer->used = DHCP_PACKET_HEADER;
}

bool dhcp_writer_option(struct dhcp_writer *writer, uint8_t option, const void *value, size_t size)
{
    size_t pieces = size ? (size + 254) / 255 : 1;
    if (writer->used + size + 2 * pieces + 1 > writer->limit) /* one is kept for the end option */
        return false;
    const uint8_t *from = value;
    do {
        uint8_t piece = (uint8_t)(size < 255 ? size : 255);
        writer->bytes[writer->used++] = option;
        writer->bytes[writer->used++] = piece;
        if (piece)
            memcpy(writer->bytes + writer->used, from, piece);
        writer->used += piece;
        from += piece;
        size -= piece;
    } while (size);
    return true;
}

bool dhcp_writer_u8(struct dhcp_writer *writer, uint8_t option, uint8_t value)
{
    return dhcp_writer_option(writer, option, &value, sizeof(value));
}

bool dhcp_writer_u16(struct dhcp_writer *writer, uint8_t option, uint16_t value)
{
    uint8_t bytes[2];
    put_u16(bytes, value);
    return dhcp_writer_option(writer, option, bytes, sizeof(bytes));
}

bool dhcp_writer_u32(struct dhcp_writer *writer, uint8_t option, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    return dhcp_writer_option(writer, option, bytes, sizeof(bytes));
}

bool dhcp_writer_text(struct dhcp_writer *writer, uint8_t option, const char *text)
{
    return dhcp_writer_option(writer, option, text, strlen(text));
}

size_t dhcp_writer_end(struct dhcp_writer *writer)
{
    writer->bytes[writer->used++] = DHCP_OPTION_END;
    if (writer->used < DHCP_PACKET_LEAST)
        writer->used = DHCP_PACKET_LEAST;
    return writer->used;
}
