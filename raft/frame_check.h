/*
 * The frames of libraft's own wire format, checked before libraft sees them: it trusts lengths and
 * counts, and its assertions end the program. Pure; any thread.
 * Source: libraft 0.22.1, src/uv_encoding.c, src/configuration.c. names: frame_
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum {
    FRAME_PREAMBLE = 16,
    FRAME_ENTRIES = 1024,          /* most entries of one AppendEntries */
    FRAME_PAYLOAD_BYTES = 1 << 20, /* entries or snapshot of one frame */
    FRAME_BYTES = FRAME_PREAMBLE + 64 + 16 * FRAME_ENTRIES + 4096 + FRAME_PAYLOAD_BYTES,
    FRAME_SERVERS = 16, /* members in a configuration */
    FRAME_SERVER_ADDRESS = 160,
    FRAME_TERM_BYTES = FRAME_PREAMBLE + 40, /* what frame_term writes */
};

/**
 * Judge the first have bytes of a frame. *need: how many it takes to judge further; equal to have
 * when the frame is whole and good. Never give more than was needed last (16 at first).
 * Errors: CORRUPT (type, version, length or count that libraft does not send).
 */
enum error_code frame_check(const uint8_t *bytes, size_t have, size_t *need, struct error *err);

/** Judge a configuration as libraft writes it: in frames, and with snapshots. Errors: CORRUPT. */
enum error_code frame_check_configuration(const uint8_t *bytes, size_t size, struct error *err);

/**
 * A good frame that asks for a pre-vote tells the asker's term, which libraft 0.22 does not learn
 * from it: a member with the longer log in an older term and one with the shorter log in a newer
 * term then refuse each other for ever. Write the vote request that carries the term alone (its log
 * is empty, so nobody with a log grants it) to go before the frame. Returns its size, 0 = none is
 * needed. Source: libraft src/recv_request_vote.c, Raft dissertation 3.3 (terms), 9.6 (pre-vote).
 */
size_t frame_term(const uint8_t *frame, size_t size, uint8_t out[FRAME_TERM_BYTES]);

/** Does a good frame ask for a vote, or for a pre-vote? */
bool frame_asks_vote(const uint8_t *frame);

/**
 * A good frame by which a leader says that it has committed an entry of its own term, which the
 * receiver holds: index of that entry and *term, so that who applied it is as fresh as that leader;
 * else 0. Whether it still leads the frame cannot tell.
 */
uint64_t frame_commit(const uint8_t *frame, size_t size, uint64_t *term);
