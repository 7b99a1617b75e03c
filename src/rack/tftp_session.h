/*
 * One TFTP transfer from us to a client: which block to send when. Pure: packets and time in,
 * steps out. Source: RFC 1350, 2347-2349, 7440.
 */
#pragma once

#include "src/rack/tftp_packet.h"

enum { TFTP_SESSION_WINDOW_BYTES = 128 << 10 }; /* most that is under way at a time */

enum tftp_session_step {
    TFTP_SESSION_WAIT,   /* for the client, until deadline_ms */
    TFTP_SESSION_SEND,   /* take blocks from tftp_session_next until there is none */
    TFTP_SESSION_DONE,   /* the client has all of it */
    TFTP_SESSION_FAILED, /* the client does not answer any more */
};

struct tftp_session {
    struct tftp_packet_options answer; /* what the OACK says */
    uint64_t size, blocks;             /* of the file; the last block is short or empty */
    uint32_t blksize, window;
    bool oack_due, oack_open; /* to be sent; not acknowledged yet */
    uint64_t acked, sent;     /* last block acknowledged; last one sent in this run. From 1 */
    uint64_t highest;         /* ever sent: what may be acknowledged */
    bool rewound;             /* this window was sent again because of a repeated ACK */
    uint64_t deadline_ms, progress_ms;
    uint32_t wait_ms;           /* for an answer, before back-off */
    unsigned tries;             /* without progress */
    bool wait_fixed;            /* by the timeout option */
    uint64_t timed;             /* the block whose round trip is measured, 0 = none */
    uint64_t timed_ms;          /* when it was sent */
    int32_t trip_ms, spread_ms; /* smoothed, RFC 6298 */
    uint64_t resent;            /* blocks sent again */
};

/** What to send: the acknowledgement of options, or size bytes of the file at offset. */
struct tftp_session_block {
    bool oack;
    uint16_t number;
    uint64_t offset;
    uint32_t size;
};

/**
 * Begin: asked are the request's options, blksize_max what the path carries in one packet. There
 * is something to send afterwards.
 */
void tftp_session_start(struct tftp_session *session, const struct tftp_packet_options *asked,
                        uint64_t size, uint32_t blksize_max, uint64_t now_ms);

/** The client acknowledged a block. */
enum tftp_session_step tftp_session_ack(struct tftp_session *session, uint16_t block,
                                        uint64_t now_ms);

/** deadline_ms is past (or not: then WAIT). */
enum tftp_session_step tftp_session_tick(struct tftp_session *session, uint64_t now_ms);

/** The next packet of this window; false: nothing now, wait until deadline_ms. */
bool tftp_session_next(struct tftp_session *session, uint64_t now_ms,
                       struct tftp_session_block *block);

/** The packet that tftp_session_next gave last could not be sent: it comes again. */
void tftp_session_unsent(struct tftp_session *session, const struct tftp_session_block *block);
