/*
 * One mutual TLS 1.3 connection over TCP on the control loop: an SSL object between memory BIOs and
 * a libuv handle, so nothing ever blocks. Carries rack links and raft. Loop thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/loop.h"
#include "src/wire/certificate.h"
#include "src/wire/tls_credentials.h"

struct tls_stream;

enum {
    TLS_WRITE_QUEUE_BYTES = 1 << 20,    /* past this tls_stream_write refuses */
    TLS_WRITE_BYTES = (1 << 20) + 4096, /* the longest single write */
    TLS_ADDRESS_TEXT = 64,              /* "address:port", with the NUL */
    TLS_USER_TIMEOUT_MS = 3000,         /* unacknowledged bytes this old end the connection */
};

/**
 * What the owner hears. closed comes exactly once, never from within a call of the owner, also for
 * a connection that never was; the stream is gone when it returns. why->code is ERR_OK when the
 * owner closed it, GONE when the other end did in an orderly way. drained: a write was refused, and
 * the queue is below half its limit again. established, read, drained may be NULL.
 */
struct tls_events {
    void (*established)(struct tls_stream *stream, void *owner);
    void (*read)(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size);
    void (*drained)(struct tls_stream *stream, void *owner);
    void (*closed)(struct tls_stream *stream, void *owner, const struct error *why);
};

/** Whom to reach. Texts are copied. */
struct tls_target {
    const char *address; /* numeric IPv4 or IPv6 */
    int port;
    const char *peer_name; /* a name its certificate must carry (CN or DNS name); NULL = any */
    const char *peer_role; /* the OU it must carry; NULL = any */
    unsigned timeout_ms;   /* for TCP connect and handshake together */
};

/**
 * Connect. Never fails at once: what goes wrong is told by closed(), with
 * Errors: BAD_INPUT (no address), TIMEOUT, UNAVAILABLE (refused, reset), FORBIDDEN (certificate).
 */
struct tls_stream *tls_stream_connect(struct loop *loop, struct tls_credentials *credentials,
                                      const struct tls_target *target,
                                      const struct tls_events *events, void *owner);

/**
 * Queue bytes; they are copied. Errors: UNAVAILABLE (not established, or closing), LIMIT (the queue
 * is full: nothing was taken, wait for drained).
 */
enum error_code tls_stream_write(struct tls_stream *stream, const void *bytes, size_t size,
                                 struct error *err);

/** Bytes that were written and are not yet in the kernel's hands. */
size_t tls_stream_queued(const struct tls_stream *stream);

/** Stop or resume read(); while stopped the other end feels it through TCP. */
void tls_stream_pause(struct tls_stream *stream, bool paused);

/** Say goodbye, give what is queued a second to leave, then close. Only closed() follows. */
void tls_stream_close(struct tls_stream *stream);

/** As above without goodbye: what is queued is dropped and the other end sees a reset. */
void tls_stream_reset(struct tls_stream *stream);

/** The verified certificate of the other end, from established on; its "address:port". */
const struct certificate *tls_stream_peer(const struct tls_stream *stream);
const char *tls_stream_address(const struct tls_stream *stream);

/**
 * For tls_listener.c: take the connection that waits at the listening handle; nothing is read of it
 * before tls_stream_begin. spent() is told how long the loop was busy with it before its
 * certificate is known, known() when it is, gone() after closed().
 */
struct tls_accept {
    void *uv_listening;
    const char *peer_role;
    unsigned timeout_ms;
    void (*spent)(void *subject, uint64_t ns);
    void (*known)(void *subject, struct tls_stream *stream);
    void (*gone)(void *subject, struct tls_stream *stream, bool known);
    void *subject;
};
struct tls_stream *tls_stream_accept(struct loop *loop, const struct tls_accept *accept);
void tls_stream_begin(struct tls_stream *stream, struct tls_credentials *credentials);
void tls_stream_own(struct tls_stream *stream, const struct tls_events *events, void *owner);

/** For tls_listener.c: end it, its owner is told why; text is the end of a sentence. */
void tls_stream_refuse(struct tls_stream *stream, const char *text);
