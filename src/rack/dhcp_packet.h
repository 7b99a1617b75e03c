/*
 * DHCPv4 messages: bytes to struct and back. Pure; any thread.
 * Source: RFC 2131, 2132, 3396 (long options), 4578 (PXE).
 * names: dhcp_packet_ dhcp_writer_
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/address.h"
#include "src/base/error.h"

enum {
    DHCP_PACKET_MAX = 1472,   /* what one Ethernet frame carries behind IP and UDP */
    DHCP_PACKET_LEAST = 300,  /* a reply is padded to a BOOTP message: some firmware drops less */
    DHCP_PACKET_SAFE = 548,   /* what every client takes (RFC 2131 2: 576 with IP and UDP) */
    DHCP_PACKET_HEADER = 240, /* fixed part and magic cookie */
    DHCP_FILE_BYTES = 128,
    DHCP_SNAME_BYTES = 64,
};

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER,
    DHCP_REQUEST,
    DHCP_DECLINE,
    DHCP_ACK,
    DHCP_NAK,
    DHCP_RELEASE,
    DHCP_INFORM,
    DHCP_TYPES,
};

enum dhcp_option {
    DHCP_OPTION_MASK = 1,
    DHCP_OPTION_ROUTER = 3,
    DHCP_OPTION_DNS = 6,
    DHCP_OPTION_HOSTNAME = 12,
    DHCP_OPTION_DOMAIN = 15,
    DHCP_OPTION_MTU = 26,
    DHCP_OPTION_BROADCAST = 28,
    DHCP_OPTION_NTP = 42,
    DHCP_OPTION_ADDRESS = 50,
    DHCP_OPTION_LEASE = 51,
    DHCP_OPTION_OVERLOAD = 52,
    DHCP_OPTION_TYPE = 53,
    DHCP_OPTION_SERVER = 54,
    DHCP_OPTION_WANTED = 55,
    DHCP_OPTION_MESSAGE = 56,
    DHCP_OPTION_MAX_SIZE = 57,
    DHCP_OPTION_RENEW = 58,
    DHCP_OPTION_REBIND = 59,
    DHCP_OPTION_VENDOR_CLASS = 60,
    DHCP_OPTION_CLIENT_ID = 61,
    DHCP_OPTION_TFTP_NAME = 66,
    DHCP_OPTION_BOOT_FILE = 67,
    DHCP_OPTION_USER_CLASS = 77,
    DHCP_OPTION_RELAY = 82,
    DHCP_OPTION_ARCHITECTURE = 93,
    DHCP_OPTION_IPXE = 175,
    DHCP_OPTION_PATH_PREFIX = 210,
    DHCP_OPTION_END = 255,
};

enum { DHCP_FLAG_BROADCAST = 0x8000 };

/** A decoded message. Options that came in parts are joined; see dhcp_packet_option. */
struct dhcp_packet {
    uint8_t op, hops; /* op: 1 from a client, 2 from a server */
    uint8_t type;     /* enum dhcp_type */
    uint32_t xid;
    uint16_t secs, flags;
    ip4 ciaddr, yiaddr, siaddr, giaddr;
    struct mac mac;
    char file[DHCP_FILE_BYTES + 1]; /* "" when the field holds options */
    uint16_t at[256], size[256];    /* of each option in bytes; at is 0 for one that is not there */
    uint8_t bytes[DHCP_PACKET_MAX + 1];
};

/**
 * Decode one datagram. Only Ethernet clients, only DHCP (BOOTP without a message type is refused).
 * Options that this program reads must have the length their RFC gives; padding behind the end
 * option is not looked at. Errors: BAD_INPUT with the reason.
 */
enum error_code dhcp_packet_decode(const void *bytes, size_t size, struct dhcp_packet *packet,
                                   struct error *err);

/** The value of an option, *size bytes, or NULL when it is not there. size may be NULL. */
const uint8_t *dhcp_packet_option(const struct dhcp_packet *packet, uint8_t option, size_t *size);

/** Numbers in options: 0 when the option is not there or shorter. */
uint16_t dhcp_packet_u16(const struct dhcp_packet *packet, uint8_t option);
uint32_t dhcp_packet_u32(const struct dhcp_packet *packet, uint8_t option);

/** The client asks for this option in its parameter request list. */
bool dhcp_packet_wants(const struct dhcp_packet *packet, uint8_t option);

/** "DHCPDISCOVER"... for a number of enum dhcp_type; "unknown" for another. */
const char *dhcp_packet_type_name(unsigned type);

/** A message that is being written. */
struct dhcp_writer {
    size_t limit, used;
    uint8_t bytes[DHCP_PACKET_MAX];
};

/**
 * Begin with the fixed part of packet (op, hops, xid, secs, flags, addresses, mac, file; its type
 * and options are not looked at); the message will have at most limit bytes (cut to
 * DHCP_PACKET_SAFE..DHCP_PACKET_MAX).
 */
void dhcp_writer_start(struct dhcp_writer *writer, const struct dhcp_packet *packet, size_t limit);

/** Add an option, in parts when it is long; false when it does not fit, nothing is added then. */
bool dhcp_writer_option(struct dhcp_writer *writer, uint8_t option, const void *value, size_t size);
bool dhcp_writer_u8(struct dhcp_writer *writer, uint8_t option, uint8_t value);
bool dhcp_writer_u16(struct dhcp_writer *writer, uint8_t option, uint16_t value);
bool dhcp_writer_u32(struct dhcp_writer *writer, uint8_t option, uint32_t value);
bool dhcp_writer_text(struct dhcp_writer *writer, uint8_t option, const char *text);

/** End option and padding; the size of the message. */
size_t dhcp_writer_end(struct dhcp_writer *writer);
