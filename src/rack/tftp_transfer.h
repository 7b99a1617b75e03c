/*
 * One TFTP transfer of the server: its socket, what it sends and hears, from the request to the
 * end; and what those of one loop have in common. That loop's thread. Source: RFC 1350, 2347-2349,
 * 7440. names: tftp_transfer_ tftp_transfers tftp_tally
 */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>

#include "src/base/address.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/rack/tftp.h"
#include "src/rack/tftp_read.h"
#include "src/rack/tftp_session.h"

enum tftp_transfer_phase {
    TFTP_TRANSFER_FREE,
    TFTP_TRANSFER_OPENING,
    TFTP_TRANSFER_RUNNING,
    TFTP_TRANSFER_CLOSING,
};

struct tftp_transfer {
    struct tftp_transfers *all;
    enum tftp_transfer_phase phase;
    struct sockaddr_in client, local;
    char name[TFTP_PACKET_NAME];
    struct tftp_packet_options asked;
    struct tftp_session session;
    struct tftp_read reading;
    int fd;
    uv_poll_t poll;
    bool poll_open, wants_write;
    bool left; /* its client asked for something else before it began */
    struct loop_timer timer;
    uint64_t armed_ms; /* when the timer fires, 0 = it does not */
    uint64_t started_ms;
    uint64_t heard_ms; /* the first block was acknowledged, 0 = not yet */
};

/* As struct tftp_counts; read from other threads. */
struct tftp_tally {
    atomic_uint_fast64_t requests, completed, bytes, resent, not_found, refused, malformed, limited;
    atomic_uint_fast64_t failed, aborted, timed_out;
    atomic_int running;
};

struct tftp_transfers {
    struct loop *loop;
    struct tftp_tally counts;
    int handles; /* open at the loop */
    bool closing;
    /** Find what is asked for; tftp_transfer_opened follows, not from within. */
    void (*open)(struct tftp_transfer *transfer, const struct boot_ask *ask);
    void (*ended)(struct tftp_transfers *all); /* a transfer or a handle is gone */
    struct log_gate malformed_gate;
    uint8_t headers[TFTP_PACKET_WINDOW_MAX][TFTP_PACKET_HEADER];
    uint8_t bytes[TFTP_SESSION_WINDOW_BYTES]; /* of the batch that is being sent */
    struct tftp_transfer row[LIMIT_TFTP_SESSIONS];
};

/** At the start; at the end, when a running one is ended: all->ended follows. */
void tftp_transfer_init(struct tftp_transfer *transfer, struct tftp_transfers *all);
void tftp_transfer_close(struct tftp_transfer *transfer);

/** Begin in a free place what the packet asks for. */
struct tftp_ends {
    struct sockaddr_in client, local;
    struct boot_path path;
};
void tftp_transfer_begin(struct tftp_transfer *transfer, const struct tftp_ends *ends,
                         const struct tftp_packet *packet);

/** A running one that was never acknowledged ends: somebody else wants its place. */
void tftp_transfer_give_way(struct tftp_transfer *transfer);

/** What all->open found: content, which is the transfer's then, or NULL and the error. */
void tftp_transfer_opened(struct tftp_transfer *transfer, struct boot_content *content,
                          const struct error *err);

/** A request for name from the port of this transfer: true = it is the same one once more, false =
 * another one, and this transfer is over. */
bool tftp_transfer_is_repeated(struct tftp_transfer *transfer, const char *name);

/** Say no, without a transfer. */
void tftp_transfer_refuse(const struct sockaddr_in *local, const struct sockaddr_in *client,
                          enum tftp_packet_error error, const char *text);

/** Count a packet that is not TFTP, and log it now and then. */
void tftp_transfer_malformed(struct tftp_transfers *all, const struct sockaddr_in *client,
                             const char *why);

/** The client's address, for logs. */
const char *tftp_transfer_client(const struct sockaddr_in *client, char text[IP4_TEXT]);
