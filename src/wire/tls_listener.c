/* Accepting TLS connections: see tls_listener.h. */
#include "src/wire/tls_listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/wire/crowd.h"

enum { LISTEN_BACKLOG = 128 };

struct tls_listener {
    uv_tcp_t tcp;
    struct loop_timer pause; /* while more may not be taken */
    struct loop *loop;
    struct tls_credentials *credentials;
    struct tls_listen listen;
    struct crowd strangers;
    int streams, known; /* all, and those of them whose certificate is good */
    int handles;        /* not yet closed */
    bool closing;
};

static void free_if_unused(struct tls_listener *listener)
{
    if (!listener->handles && !listener->streams)
        free(listener);
}

static void stream_spent(void *subject, uint64_t ns)
{
    struct tls_listener *listener = subject;
    crowd_spend(&listener->strangers, ns);
}

static void stream_known(void *subject, struct tls_stream *stream)
{
    struct tls_listener *listener = subject;
    crowd_leave(&listener->strangers, stream);
    if (++listener->known > listener->listen.streams_max)
        tls_stream_refuse(stream, "there are too many");
}

static void stream_gone(void *subject, struct tls_stream *stream, bool known)
{
    struct tls_listener *listener = subject;
    crowd_leave(&listener->strangers, stream);
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

static void take_one(struct tls_listener *listener)
{
    struct tls_accept take = {
        .uv_listening = &listener->tcp,
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
        !crowd_enter(&listener->strangers, stream, host, &out)) {
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

/* What is not accepted waits with the kernel, and libuv tells of no more. */
static void on_connection(uv_stream_t *handle, int status)
{
    struct tls_listener *listener = container_of((uv_tcp_t *)handle, struct tls_listener, tcp);
    if (status < 0)
        return;
    uint64_t begin_ns = clock_boot_ns();
    if (!crowd_may_take(&listener->strangers, begin_ns)) {
        loop_timer_start(&listener->pause, CROWD_PAUSE_MS, 0);
        return;
    }
    take_one(listener);
    crowd_spend(&listener->strangers, clock_boot_ns() - begin_ns);
}

static void on_pause_over(struct loop_timer *timer)
{
    struct tls_listener *listener = container_of(timer, struct tls_listener, pause);
    on_connection((uv_stream_t *)&listener->tcp, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct tls_listener *listener = container_of((uv_tcp_t *)handle, struct tls_listener, tcp);
    listener->handles--;
    free_if_unused(listener);
}

static void on_pause_closed(struct loop_timer *timer)
{
    struct tls_listener *listener = container_of(timer, struct tls_listener, pause);
    listener->handles--;
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
    uv_tcp_simultaneous_accepts(&listener->tcp, 1); /* else libuv sleeps after each */
    loop_timer_init(loop, &listener->pause, on_pause_over);
    listener->handles = 2;
    crowd_init(&listener->strangers, clock_boot_ns());
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
    loop_timer_close(&listener->pause, on_pause_closed);
}
