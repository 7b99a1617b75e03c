/* Accepting TLS connections: see tls_listener.h. */
#include "src/wire/tls_listener.h"

#include <stdlib.h>

#include "src/base/container.h"

enum { LISTEN_BACKLOG = 128 };

struct tls_listener {
    uv_tcp_t tcp;
    struct loop *loop;
    struct tls_credentials *credentials;
    struct tls_listen listen;
    int streams;
    bool closing, handle_gone;
};

static void free_if_unused(struct tls_listener *listener)
{
    if (listener->handle_gone && !listener->streams)
        free(listener);
}

static void stream_gone(void *subject)
{
    struct tls_listener *listener = subject;
    listener->streams--;
    free_if_unused(listener);
}

static void on_connection(uv_stream_t *handle, int status)
{
    struct tls_listener *listener = container_of((uv_tcp_t *)handle, struct tls_listener, tcp);
    if (status < 0)
        return;
    struct tls_accept take = {&listener->tcp, listener->listen.peer_role,
                              listener->listen.timeout_ms, stream_gone, listener};
    struct tls_stream *stream = tls_stream_accept(listener->loop, listener->credentials, &take);
    listener->streams++;
    if (listener->streams > listener->listen.streams_max) {
        tls_stream_reset(stream);
        return;
    }
    struct tls_events events = {0};
    void *owner = listener->listen.accepted(listener->listen.subject, stream, &events);
    tls_stream_own(stream, &events, owner);
}

static void on_closed(uv_handle_t *handle)
{
    struct tls_listener *listener = container_of((uv_tcp_t *)handle, struct tls_listener, tcp);
    listener->handle_gone = true;
    free_if_unused(listener);
}

static int bind_to(struct tls_listener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
    int port = listener->listen.port;
    if (uv_ip4_addr(listener->listen.address, port, &address.in) &&
        uv_ip6_addr(listener->listen.address, port, &address.in6))
        return UV_EINVAL;
    int rv = uv_tcp_bind(&listener->tcp, &address.any, 0);
    return rv ? rv : uv_listen((uv_stream_t *)&listener->tcp, LISTEN_BACKLOG, on_connection);
}

enum error_code tls_listener_open(struct loop *loop, struct tls_credentials *credentials,
                                  const struct tls_listen *listen, struct tls_listener **result,
                                  struct error *err)
{
    struct tls_listener *listener = calloc(1, sizeof(*listener));
    ASSERT(listener);
    listener->loop = loop;
    listener->credentials = credentials;
    listener->listen = *listen;
    int rv = uv_tcp_init(&loop->uv, &listener->tcp);
    ASSERT(rv == 0);
    rv = bind_to(listener);
    listener->listen.address = NULL; /* the caller's */
    if (rv == 0) {
        *result = listener;
        return ERR_OK;
    }
    *result = NULL;
    error_set(err, rv == UV_EINVAL ? ERR_BAD_INPUT : ERR_IO, "listen on %s port %d: %s",
              listen->address, listen->port, uv_strerror(rv));
    tls_listener_close(listener);
    return rv == UV_EINVAL ? ERR_BAD_INPUT : ERR_IO;
}

int tls_listener_port(const struct tls_listener *listener)
{
    struct sockaddr_storage address;
    int size = sizeof(address);
    if (uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&address, &size))
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

void tls_listener_renew(struct tls_listener *listener, struct tls_credentials *credentials)
{
    listener->credentials = credentials;
}

void tls_listener_close(struct tls_listener *listener)
{
    if (!listener || listener->closing)
        return;
    listener->closing = true;
    uv_close((uv_handle_t *)&listener->tcp, on_closed);
}
