/* Accepting TLS connections: see tls_listener.h. */
#include "src/wire/tls_listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/wire/gate.h"

struct tls_listener {
    struct gate gate; /* in its crowd are those whose certificate was not seen yet */
    struct loop *loop;
    struct tls_credentials *credentials;
    struct tls_listen listen;
    int streams, known; /* all, and those of them whose certificate is good */
    bool closing, closed;
};

static void free_if_unused(struct tls_listener *listener)
{
    if (listener->closed && !listener->streams)
        free(listener);
}

static void stream_spent(void *subject, uint64_t ns)
{
    struct tls_listener *listener = subject;
    crowd_spend(&listener->gate.crowd, ns);
}

static void stream_known(void *subject, struct tls_stream *stream)
{
    struct tls_listener *listener = subject;
    crowd_leave(&listener->gate.crowd, stream);
    if (++listener->known > listener->listen.streams_max)
        tls_stream_refuse(stream, "there are too many");
}

static void stream_gone(void *subject, struct tls_stream *stream, bool known)
{
    struct tls_listener *listener = subject;
    crowd_leave(&listener->gate.crowd, stream);
    listener->known -= known;
    listener->streams--;
    free_if_unused(listener);
}

/* The address without the port. */
static void name_host(const struct tls_stream *stream, char host[CROWD_CALLER])
{
    const char *address = tls_stream_address(stream), *port = strrchr(address, ':');
    snprintf(host, CROWD_CALLER, "%.*s", (int)(port - address), address);
}

static void take_one(struct gate *gate)
{
    struct tls_listener *listener = container_of(gate, struct tls_listener, gate);
    struct tls_accept take = {
        .uv_listening = &gate->tcp,
        .peer_role = listener->listen.peer_role,
        .timeout_ms = listener->listen.timeout_ms,
        .spent = stream_spent,
        .known = stream_known,
        .gone = stream_gone,
        .subject = listener,
    };
    struct tls_stream *stream = tls_stream_accept(listener->loop, &take);
    char host[CROWD_CALLER];
    void *out = NULL;
    listener->streams++;
    name_host(stream, host);
    if (listener->known >= listener->listen.streams_max ||
        !crowd_enter(&listener->gate.crowd, stream, host, &out)) {
        tls_stream_reset(stream);
        return;
    }
    if (out)
        tls_stream_refuse(out, "it is not known yet, and others wait");
    struct tls_events events = {0};
    void *owner = listener->listen.accepted(listener->listen.subject, stream, &events);
    tls_stream_own(stream, &events, owner);
    tls_stream_begin(stream, listener->credentials);
}

static void on_gate_closed(struct gate *gate)
{
    struct tls_listener *listener = container_of(gate, struct tls_listener, gate);
    listener->closed = true;
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
    return gate_listen(&listener->gate, &address.any);
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
    gate_init(&listener->gate, loop, take_one, on_gate_closed);
    int rv = bind_to(listener);
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
    if (uv_tcp_getsockname(&listener->gate.tcp, (struct sockaddr *)&address, &size))
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
    gate_close(&listener->gate);
}
