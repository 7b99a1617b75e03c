/*
 * The TFTP server: port 69 of each provisioning interface, a socket of its own for each transfer, a
 * fixed number of transfers. Serves what boot_source has; writes nothing. Loop thread only; what is
 * sent and heard is the work of threads of its own, at most 4, each with a share of the clients.
 * Source: RFC 1350, 2347-2349, 7440; RFC 1123 4.2.3.
 */
#pragma once

#include "src/base/loop.h"
#include "src/rack/boot_source.h"

struct tftp;
struct tftp_listener;

enum { TFTP_PER_CLIENT = 32 }; /* transfers of one address at a time */

/** What happened so far; running is now. */
struct tftp_counts {
    uint64_t requests, completed, bytes, resent;
    uint64_t not_found;
    uint64_t refused;   /* names, modes, options and writes that are not served */
    uint64_t malformed; /* packets that are not TFTP */
    uint64_t limited;   /* too many transfers, of all or of one client */
    uint64_t failed;    /* a file could not be given */
    uint64_t aborted;   /* ended by the client */
    uint64_t timed_out; /* the client fell silent */
    int running;
};

struct tftp *tftp_new(struct loop *loop, struct boot_source *source);

/** Close listeners and transfers; it is gone when the loop comes round. */
void tftp_free(struct tftp *tftp);

/** Serve a UDP socket with IP_PKTINFO set, taken over. */
struct tftp_listener *tftp_listen(struct tftp *tftp, int fd);

/** No new transfers from here; those that run go on. */
void tftp_listener_close(struct tftp_listener *listener);

struct tftp_counts tftp_counts(const struct tftp *tftp);
