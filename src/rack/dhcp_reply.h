/*
 * A verdict as bytes, and where they go. Pure; any thread.
 * Source: RFC 2131 4.1 and table 3, RFC 3046 2.2 (relay option), RFC 6842 (client identifier).
 */
#pragma once

#include "src/rack/dhcp_decide.h"

enum dhcp_way {
    DHCP_WAY_RELAY,     /* UDP to port 67 of target.to */
    DHCP_WAY_UNICAST,   /* UDP to port 68 of target.to */
    DHCP_WAY_BROADCAST, /* UDP to port 68 of everybody on the wire */
    DHCP_WAY_FRAME,     /* an Ethernet frame to target.mac: the client cannot answer ARP yet */
};

struct dhcp_target {
    enum dhcp_way way;
    ip4 from, to;
    struct mac mac;
};

enum { DHCP_FRAME_MAX = 14 + 20 + 8 + DHCP_PACKET_MAX };

/**
 * Write the reply of a verdict that has one; returns its size, all in writer->bytes. Options that
 * do not fit into what the client takes are left out, the least important first to go.
 */
size_t dhcp_reply_write(const struct dhcp_question *question, const struct dhcp_verdict *verdict,
                        struct dhcp_writer *writer, struct dhcp_target *target);

/** The message as an Ethernet frame with IP and UDP headers; frame holds DHCP_FRAME_MAX. */
size_t dhcp_reply_frame(const struct dhcp_target *target, struct mac from, const void *message,
                        size_t size, uint8_t *frame);
