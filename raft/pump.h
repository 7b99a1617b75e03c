/*
 * Carries libraft's frames between a TLS stream and the socket pair whose other end libraft reads
 * or writes as a pipe. Inward every frame is checked first; outward the pipe fills when the network
 * does not take more. Loop thread only.
 */
#pragma once

#include <uv.h>

#include "src/wire/tls_stream.h"

enum { PUMP_QUEUE_BYTES = 1 << 20 }; /* waiting in either direction; then the source is paused */

struct pump;

/** OUT: libraft writes, we send. IN: we receive, libraft reads. */
enum pump_way { PUMP_OUT, PUMP_IN };

/* What the owner hears: the end, once, not from within, and the pump is gone then; IN: an entry
 * that a leader has committed in its own term and this member holds; that a vote is asked for,
 * before libraft sees it. */
struct pump_events {
    void (*closed)(void *owner, struct pump *pump);
    void (*committed)(void *owner, uint64_t term, uint64_t index);
    void (*asked)(void *owner);
};

/**
 * Takes the stream over. *library_end is a block of raft_malloc that libraft closes and frees.
 * Errors: IO (no descriptors left): the stream is closed, closed() is not called.
 */
struct pump_setup {
    struct loop *loop;
    struct tls_stream *stream;
    enum pump_way way;
    struct pump_events events;
    void *owner;
};
enum error_code pump_open(const struct pump_setup *setup, struct pump **pump,
                          struct uv_stream_s **library_end, struct error *err);

/** End it, dropping what is under way. */
void pump_close(struct pump *pump);
