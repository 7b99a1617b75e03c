/*
 * Calls both ways over one TLS stream: each side calls methods of the other, answers come in any
 * order, notes need none. Loop thread only. Contract: docs/rack-protocol.md, Frames.
 */
#pragma once

#include <jansson.h>

#include "src/wire/tls_stream.h"

struct call_link;
struct call_link_request; /* a call of the other end that waits for our answer */

enum {
    CALL_LINK_CALLS = 256,           /* that wait for their answers, in one direction */
    CALL_LINK_QUEUE_BYTES = 4 << 20, /* waiting to be sent; an end that reads so slowly is ended */
};

/**
 * What the owner hears. params are borrowed. called must answer the request once, then or later.
 * closed comes exactly once, never from within a call of the owner, after all its own calls have
 * ended with UNKNOWN_OUTCOME; the link is gone when it returns. why as in tls_stream.h, CORRUPT
 * when the other end broke the contract. All but closed may be NULL: then calls are refused with
 * NOT_FOUND and notes dropped.
 */
struct call_link_events {
    void (*established)(void *owner);
    void (*called)(void *owner, const char *method, json_t *params,
                   struct call_link_request *request);
    void (*noted)(void *owner, const char *method, json_t *params);
    void (*closed)(void *owner, const struct error *why);
};

/** Connect; what goes wrong is told by closed(). */
struct call_link *call_link_connect(struct loop *loop, struct tls_credentials *credentials,
                                    const struct tls_target *target,
                                    const struct call_link_events *events, void *owner);

/** Take a stream that a listener accepted: to be returned from its accepted() with *tls filled. */
struct call_link *call_link_accept(struct loop *loop, struct tls_stream *stream,
                                   struct tls_events *tls, const struct call_link_events *events,
                                   void *owner);

/** Take over a stream that is established already; established() is not called. */
struct call_link *call_link_adopt(struct loop *loop, struct tls_stream *stream,
                                  const struct call_link_events *events, void *owner);

/** The answer to one call: why->code ERR_OK with its result (borrowed), or what went wrong. */
typedef void call_link_done(void *subject, json_t *result, const struct error *why);

/**
 * Call a method; params (NULL = none) are borrowed. done is called once, not from within.
 * Errors told by done: those of the other end; UNAVAILABLE (no link), LIMIT (too many calls or
 * bytes are waiting), TOO_LARGE: it was not sent; TIMEOUT, UNKNOWN_OUTCOME (the link broke): it may
 * have been done.
 */
struct call_link_call {
    const char *method;
    json_t *params;
    unsigned timeout_ms;
};
void call_link_call(struct call_link *link, const struct call_link_call *call, call_link_done *done,
                    void *subject);

/** Send a note. Errors: UNAVAILABLE, LIMIT, TOO_LARGE: it was not sent. */
enum error_code call_link_note(struct call_link *link, const char *method, json_t *params,
                               struct error *err);

/**
 * Answer a request: with a result (borrowed; NULL = an empty object) or a refusal. The request is
 * gone then. When its link has closed meanwhile nobody hears it.
 */
void call_link_answer(struct call_link_request *request, json_t *result);
void call_link_refuse(struct call_link_request *request, const struct error *why);

/** The other end: verified certificate (from established on), "address:port"; ms since it was last
 * heard of. */
const struct certificate *call_link_peer(const struct call_link *link);
const char *call_link_address(const struct call_link *link);
uint64_t call_link_silent_ms(const struct call_link *link);

/** End it, with a goodbye or at once (the other end is silent); closed() follows. why may be NULL:
 * then closed() says ERR_OK. */
void call_link_close(struct call_link *link);
void call_link_reset(struct call_link *link, const struct error *why);
