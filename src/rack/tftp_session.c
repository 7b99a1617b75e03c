/* One TFTP transfer: see tftp_session.h. */
#include "src/rack/tftp_session.h"

#include <string.h>

enum {
    WAIT_FIRST_MS = 1000, /* before a round trip was measured */
    WAIT_LOW_MS = 100,
    WAIT_HIGH_MS = 5000,
    GIVE_UP_MS = 60000, /* without progress: a client may wait for its disk, and asks no more */
    TRIES_LEAST = 2,    /* but so often, when it wants long waits */
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Back-off doubles the wait with each try, up to a bound that a longer timeout option lifts. */
static uint64_t patience_ms(const struct tftp_session *session)
{
    uint64_t wait = session->wait_ms;
    uint64_t high = wait > WAIT_HIGH_MS ? wait : WAIT_HIGH_MS;
    for (unsigned i = 0; i < session->tries && wait < high; i++)
        wait *= 2;
    return wait < high ? wait : high;
}

void tftp_session_start(struct tftp_session *session, const struct tftp_packet_options *asked,
                        uint64_t size, uint32_t blksize_max, uint64_t now_ms)
{
    memset(session, 0, sizeof(*session));
    session->blksize = TFTP_PACKET_BLKSIZE;
    session->window = 1;
    if (asked->blksize)
        session->answer.blksize = session->blksize = smaller(asked->blksize, blksize_max);
    if (asked->windowsize) {
        uint32_t fit = TFTP_SESSION_WINDOW_BYTES / session->blksize;
        session->window = smaller(smaller(asked->windowsize, TFTP_PACKET_WINDOW_MAX), fit);
        session->answer.windowsize = session->window;
    }
    session->wait_ms = WAIT_FIRST_MS;
    if (asked->timeout_s) {
        session->answer.timeout_s = asked->timeout_s;
        session->wait_ms = asked->timeout_s * 1000;
        session->wait_fixed = true;
    }
    if (asked->tsize_given) {
        session->answer.tsize_given = true;
        session->answer.tsize = size;
    }
    session->size = size;
    session->blocks = size / session->blksize + 1;
    session->oack_due = session->oack_open =
        asked->blksize || asked->windowsize || asked->timeout_s || asked->tsize_given;
    session->progress_ms = now_ms;
    session->deadline_ms = now_ms + session->wait_ms;
}

/* RFC 6298 2, in milliseconds. */
static void measure(struct tftp_session *session, uint64_t now_ms)
{
    if (!session->timed || session->acked < session->timed || session->wait_fixed)
        return;
    int32_t trip = (int32_t)(now_ms - session->timed_ms);
    if (session->trip_ms) {
        int32_t off = trip > session->trip_ms ? trip - session->trip_ms : session->trip_ms - trip;
        session->spread_ms += (off - session->spread_ms) / 4;
        session->trip_ms += (trip - session->trip_ms) / 8;
    } else {
        session->trip_ms = trip ? trip : 1;
        session->spread_ms = trip / 2;
    }
    uint32_t wait = (uint32_t)(session->trip_ms + 4 * session->spread_ms);
    session->wait_ms = wait < WAIT_LOW_MS ? WAIT_LOW_MS : smaller(wait, WAIT_HIGH_MS);
    session->timed = 0;
}

static enum tftp_session_step progress(struct tftp_session *session, uint64_t now_ms)
{
    session->tries = 0;
    session->rewound = false;
    session->progress_ms = now_ms;
    session->deadline_ms = now_ms + patience_ms(session);
    return session->acked == session->blocks ? TFTP_SESSION_DONE : TFTP_SESSION_SEND;
}

/* Send again what was sent after the last acknowledged block. */
static void rewind_to_acked(struct tftp_session *session)
{
    session->resent += session->sent - session->acked;
    session->sent = session->acked;
    session->timed = 0; /* Karn: a repeated block measures nothing */
}

enum tftp_session_step tftp_session_ack(struct tftp_session *session, uint16_t block,
                                        uint64_t now_ms)
{
    if (session->oack_open) {
        if (block != 0 || session->oack_due)
            return TFTP_SESSION_WAIT;
        session->oack_open = false;
        return progress(session, now_ms);
    }
    uint16_t ahead = (uint16_t)(block - (uint16_t)session->acked);
    if (ahead > session->highest - session->acked)
        return TFTP_SESSION_WAIT; /* an old one */
    if (ahead) {
        session->acked += ahead;
        measure(session, now_ms);
        if (session->sent > session->acked) /* RFC 7440 4: a gap; go on behind what was received */
            rewind_to_acked(session);
        session->sent = session->acked;
        return progress(session, now_ms);
    }
    /* The same again. With a window it can mean that its first block was lost, once; without one
     * an answer would double every packet to the end of the file (RFC 1123 4.2.3.1). */
    if (session->window == 1 || session->rewound || session->sent == session->acked)
        return TFTP_SESSION_WAIT;
    session->rewound = true;
    rewind_to_acked(session);
    return TFTP_SESSION_SEND;
}

enum tftp_session_step tftp_session_tick(struct tftp_session *session, uint64_t now_ms)
{
    if (now_ms < session->deadline_ms)
        return TFTP_SESSION_WAIT;
    session->tries++;
    bool long_ago = now_ms - session->progress_ms >= GIVE_UP_MS;
    if (long_ago && session->tries > TRIES_LEAST)
        return TFTP_SESSION_FAILED;
    session->deadline_ms = now_ms + patience_ms(session);
    if (session->oack_open)
        session->oack_due = true;
    else
        rewind_to_acked(session);
    return TFTP_SESSION_SEND;
}

bool tftp_session_next(struct tftp_session *session, uint64_t now_ms,
                       struct tftp_session_block *block)
{
    if (session->oack_due) {
        session->oack_due = false;
        *block = (struct tftp_session_block){.oack = true};
        return true;
    }
    uint64_t end = session->acked + session->window;
    if (session->oack_open || session->sent == session->blocks || session->sent >= end)
        return false;
    uint64_t number = ++session->sent, offset = (number - 1) * session->blksize;
    uint64_t left = session->size - offset;
    *block = (struct tftp_session_block){
        .number = (uint16_t)number, /* past 65535 it goes on with 0 */
        .offset = offset,
        .size = left < session->blksize ? (uint32_t)left : session->blksize,
    };
    bool first_time = number > session->highest;
    if (first_time)
        session->highest = number;
    if (first_time && !session->timed && (number == end || number == session->blocks)) {
        session->timed = number;
        session->timed_ms = now_ms;
    }
    return true;
}

void tftp_session_unsent(struct tftp_session *session, const struct tftp_session_block *block)
{
    if (block->oack) {
        session->oack_due = true;
        return;
    }
    if (session->timed == session->sent)
        session->timed = 0;
    if (session->sent > session->acked)
        session->sent--;
}
