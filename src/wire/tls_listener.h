/*
 * A port that accepts mutual TLS 1.3 connections. Those whose certificate is not known yet are a
 * crowd with bounds (crowd.h): a flood of them keeps the loop free. Loop thread only.
 */
#pragma once

#include "src/wire/tls_stream.h"

struct tls_listener;

struct tls_listen {
    const char *address;   /* numeric */
    int port;              /* 0 = any free one: see tls_listener_port */
    const char *peer_role; /* the OU callers must carry; NULL = any; must outlive the listener */
    int streams_max;       /* of known callers; more are closed at once */
    unsigned timeout_ms;   /* for the handshake */
    /* A TCP connection came in: fill *events for it and return its owner. */
    void *(*accepted)(void *subject, struct tls_stream *stream, struct tls_events *events);
    void *subject;
};

/** Errors: BAD_INPUT (address), IO (port in use...). */
enum error_code tls_listener_open(struct loop *loop, struct tls_credentials *credentials,
                                  const struct tls_listen *listen, struct tls_listener **listener,
                                  struct error *err);
int tls_listener_port(const struct tls_listener *listener);

/** New connections use these from now on (renewed certificate); the old ones may be freed. */
void tls_listener_renew(struct tls_listener *listener, struct tls_credentials *credentials);

/** Accept no more. Streams live on. */
void tls_listener_close(struct tls_listener *listener);
