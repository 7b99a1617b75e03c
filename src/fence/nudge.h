/*
 * A TCP segment that makes a client speak which waits for an earlier holder of a virtual address:
 * it has sent its request and has nothing to send, so it would never notice. An acknowledgement
 * that fits nothing is answered by one of the client's own, which this host's kernel knows no
 * connection for and resets. Source: RFC 9293 3.10.7.4, 3.5.2.
 */
#pragma once

#include "src/base/address.h"
#include "src/base/error.h"

struct nudge_end {
    ip4 address;
    uint16_t port;
};

/** A socket that sends only. Errors: IO. */
enum error_code nudge_open(int *fd, struct error *err);

/** Best effort, does not block: what is lost is sent again by who asked for it. */
void nudge_send(int fd, struct nudge_end from, struct nudge_end to);

/** The segment with its IPv4 header, of NUDGE_BYTES; for nudge_send and tests. */
enum { NUDGE_BYTES = 40 };
void nudge_write(struct nudge_end from, struct nudge_end to, uint8_t packet[NUDGE_BYTES]);
