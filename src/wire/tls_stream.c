/*
 * One TLS connection on the loop: see tls_stream.h. Bytes go socket -> incoming BIO -> SSL -> owner
 * and owner -> SSL -> outgoing BIO -> one uv_write in flight -> socket.
 */
#include "src/wire/tls_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "src/base/clock.h"
#include "src/base/container.h"

enum {
    TLS_CHUNK = 16 << 10,     /* one read, and one TLS record */
    TLS_FLIGHT = 256 << 10,   /* most bytes of one uv_write */
    TLS_QUEUE_HARD = 4 << 20, /* answers a peer provoked but does not read: end it */
    TLS_GOODBYE_MS = 1000,
};

enum phase { CONNECTING, SHAKING, OPEN, LEAVING, ENDED };

struct tls_stream {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct loop_timer timer; /* until OPEN: limit; OPEN: resume of read; LEAVING: limit */
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct tls_events events;
    void *owner;
    enum phase phase;
    bool paused, write_refused, shut;
    char *flight;
    size_t flight_size;
    int handles; /* not yet closed */
    struct error why;
    struct certificate peer;
    char address[TLS_ADDRESS_TEXT], peer_name[CERTIFICATE_NAME], peer_role[CERTIFICATE_ROLE];
    struct tls_accept accept; /* of one that was called */
    bool known;               /* its certificate is good */
    char cipher[TLS_CHUNK];
    uint8_t plain[TLS_CHUNK];
};

static void flush(struct tls_stream *stream);
static void work(struct tls_stream *stream);

static void free_stream(struct tls_stream *stream)
{
    if (--stream->handles)
        return;
    if (stream->events.closed)
        stream->events.closed(stream, stream->owner, &stream->why);
    if (stream->accept.gone)
        stream->accept.gone(stream->accept.subject, stream, stream->known);
    SSL_free(stream->ssl);
    free(stream->flight);
    free(stream);
}

static void on_tcp_closed(uv_handle_t *handle)
{
    free_stream(container_of((uv_tcp_t *)handle, struct tls_stream, tcp));
}

static void on_timer_closed(struct loop_timer *timer)
{
    free_stream(container_of(timer, struct tls_stream, timer));
}

/* The end, whatever the reason: stream->why says it. */
static void end(struct tls_stream *stream, bool reset)
{
    if (stream->phase == ENDED)
        return;
    stream->phase = ENDED;
    if (!reset || uv_tcp_close_reset(&stream->tcp, on_tcp_closed))
        uv_close((uv_handle_t *)&stream->tcp, on_tcp_closed);
    loop_timer_close(&stream->timer, on_timer_closed);
}

static void end_because(struct tls_stream *stream, enum error_code code, const char *what)
{
    if (stream->phase < LEAVING)
        error_set(&stream->why, code, "%s: %s", stream->address, what);
    end(stream, false);
}

/* An alert about our certificate, of those the peer may send (RFC 8446 section 6.2). */
static bool alert_about_certificate(int reason)
{
    int alert = reason - SSL_AD_REASON_OFFSET;
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
           alert == SSL_AD_CERTIFICATE_REQUIRED;
}

static void end_by_tls(struct tls_stream *stream)
{
    unsigned long number = ERR_peek_error();
    long verdict = SSL_get_verify_result(stream->ssl);
    char text[200];
    enum error_code code = ERR_UNAVAILABLE;
    if (verdict != X509_V_OK) {
        code = ERR_FORBIDDEN;
        snprintf(text, sizeof(text), "its certificate: %s", X509_verify_cert_error_string(verdict));
    } else {
        const char *reason = number ? ERR_reason_error_string(number) : NULL;
        if (number && alert_about_certificate(ERR_GET_REASON(number)))
            code = ERR_FORBIDDEN;
        snprintf(text, sizeof(text), "TLS: %s", reason ? reason : "protocol error");
    }
    ERR_clear_error();
    char alert[512]; /* let the peer know why, if the socket takes it at once */
    int size = stream->flight ? 0 : BIO_read(stream->out, alert, sizeof(alert));
    if (size > 0) {
        uv_buf_t buf = uv_buf_init(alert, (unsigned)size);
        uv_try_write((uv_stream_t *)&stream->tcp, &buf, 1);
    }
    end_because(stream, code, text);
}

/* SSL's answer to a call that did not succeed; true = it only waits for more bytes. */
static bool waits(struct tls_stream *stream, int rv)
{
    int reason = SSL_get_error(stream->ssl, rv);
    if (reason == SSL_ERROR_WANT_READ)
        return true;
    if (reason == SSL_ERROR_ZERO_RETURN)
        end_because(stream, ERR_GONE, "closed by the other end");
    else
        end_by_tls(stream);
    return false;
}

static void on_written(uv_write_t *request, int status)
{
    struct tls_stream *stream = container_of(request, struct tls_stream, write);
    free(stream->flight);
    stream->flight = NULL;
    stream->flight_size = 0;
    if (stream->phase == ENDED)
        return;
    if (status < 0) {
        end_because(stream, ERR_UNAVAILABLE, uv_strerror(status));
        return;
    }
    flush(stream);
    if (stream->phase == OPEN && stream->write_refused &&
        tls_stream_queued(stream) < TLS_WRITE_QUEUE_BYTES / 2) {
        stream->write_refused = false;
        if (stream->events.drained)
            stream->events.drained(stream, stream->owner);
    }
}

static void on_shut(uv_shutdown_t *request, int status)
{
    struct tls_stream *stream = container_of(request, struct tls_stream, shutdown);
    if (status < 0)
        end(stream, false);
}

/* Hand what SSL produced to the kernel: one write in flight at a time. */
static void flush(struct tls_stream *stream)
{
    if (stream->flight || stream->phase == ENDED || stream->phase == CONNECTING)
        return;
    size_t pending = BIO_ctrl_pending(stream->out);
    if (pending > TLS_QUEUE_HARD) {
        end_because(stream, ERR_LIMIT, "provokes more than it reads");
        return;
    }
    if (!pending) {
        if (stream->phase == LEAVING && !stream->shut) {
            stream->shut = true;
            if (uv_shutdown(&stream->shutdown, (uv_stream_t *)&stream->tcp, on_shut))
                end(stream, false);
        }
        return;
    }
    size_t size = pending < TLS_FLIGHT ? pending : TLS_FLIGHT;
    stream->flight = malloc(size);
    ASSERT(stream->flight);
    int got = BIO_read(stream->out, stream->flight, (int)size);
    ASSERT(got == (int)size);
    stream->flight_size = size;
    uv_buf_t buf = uv_buf_init(stream->flight, (unsigned)size);
    int rv = uv_write(&stream->write, (uv_stream_t *)&stream->tcp, &buf, 1, on_written);
    if (rv < 0) {
        free(stream->flight);
        stream->flight = NULL;
        end_because(stream, ERR_UNAVAILABLE, uv_strerror(rv));
    }
}

/* The handshake is done: is it whom we want? */
static void establish(struct tls_stream *stream)
{
    X509 *x509 = SSL_get0_peer_certificate(stream->ssl);
    struct error err;
    char text[400];
    if (!x509 || certificate_describe(x509, &stream->peer, &err)) {
        end_because(stream, ERR_FORBIDDEN, x509 ? err.text : "no certificate");
        return;
    }
    if (stream->peer_name[0] && !certificate_names(x509, stream->peer_name)) {
        snprintf(text, sizeof(text), "its certificate is for %s, wanted is %s", stream->peer.name,
                 stream->peer_name);
        end_because(stream, ERR_FORBIDDEN, text);
        return;
    }
    if (stream->peer_role[0] && strcmp(stream->peer.role, stream->peer_role) != 0) {
        snprintf(text, sizeof(text), "its certificate has the role '%s', wanted is '%s'",
                 stream->peer.role, stream->peer_role);
        end_because(stream, ERR_FORBIDDEN, text);
        return;
    }
    stream->phase = OPEN;
    stream->known = true;
    loop_timer_stop(&stream->timer);
    if (stream->accept.known)
        stream->accept.known(stream->accept.subject, stream);
    if (stream->phase != OPEN)
        return;
    if (stream->events.established)
        stream->events.established(stream, stream->owner);
}

static void deliver(struct tls_stream *stream)
{
    while (stream->phase == OPEN && !stream->paused) {
        ERR_clear_error();
        int size = SSL_read(stream->ssl, stream->plain, sizeof(stream->plain));
        if (size <= 0) {
            waits(stream, size);
            return;
        }
        if (stream->events.read)
            stream->events.read(stream, stream->owner, stream->plain, (size_t)size);
    }
}

static void shake_hands(struct tls_stream *stream)
{
    uint64_t begin_ns = clock_boot_ns();
    ERR_clear_error();
    int rv = SSL_do_handshake(stream->ssl);
    if (stream->accept.spent)
        stream->accept.spent(stream->accept.subject, clock_boot_ns() - begin_ns);
    if (rv != 1) {
        waits(stream, rv);
        return;
    }
    flush(stream);
    if (stream->phase == SHAKING)
        establish(stream);
}

/* Take the connection as far as the bytes that are here allow. */
static void work(struct tls_stream *stream)
{
    if (stream->phase == SHAKING)
        shake_hands(stream);
    deliver(stream);
    flush(stream);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct tls_stream *stream = container_of((uv_tcp_t *)handle, struct tls_stream, tcp);
    *buf = uv_buf_init(stream->cipher, sizeof(stream->cipher));
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buf)
{
    struct tls_stream *stream = container_of((uv_tcp_t *)handle, struct tls_stream, tcp);
    (void)buf;
    if (size < 0) {
        end_because(stream, ERR_UNAVAILABLE,
                    size == UV_EOF ? "closed without a goodbye" : uv_strerror((int)size));
    } else if (size > 0 && stream->phase < LEAVING) {
        int rv = BIO_write(stream->in, stream->cipher, (int)size);
        ASSERT(rv == (int)size);
        work(stream);
    }
}

static void fire(struct loop_timer *timer)
{
    struct tls_stream *stream = container_of(timer, struct tls_stream, timer);
    if (stream->phase == OPEN)
        work(stream);
    else if (stream->phase == LEAVING)
        end(stream, true);
    else
        end_because(stream, ERR_TIMEOUT,
                    stream->phase == CONNECTING ? "no connection in time"
                                                : "no TLS handshake in time");
}

static struct tls_stream *make(struct loop *loop)
{
    struct tls_stream *stream = calloc(1, sizeof(*stream));
    ASSERT(stream);
    int rv = uv_tcp_init(&loop->uv, &stream->tcp);
    ASSERT(rv == 0);
    loop_timer_init(loop, &stream->timer, fire);
    stream->handles = 2;
    return stream;
}

static void make_ssl(struct tls_stream *stream, struct tls_credentials *credentials)
{
    stream->ssl = SSL_new(tls_credentials_ssl(credentials));
    ASSERT(stream->ssl);
    stream->in = BIO_new(BIO_s_mem());
    stream->out = BIO_new(BIO_s_mem());
    ASSERT(stream->in && stream->out);
    SSL_set_bio(stream->ssl, stream->in, stream->out);
}

/* TCP is up: tune it and begin to listen and to shake hands. */
static void begin(struct tls_stream *stream)
{
    int fd = -1;
    uv_tcp_nodelay(&stream->tcp, 1);
    unsigned timeout = TLS_USER_TIMEOUT_MS;
    if (!uv_fileno((uv_handle_t *)&stream->tcp, &fd))
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
    stream->phase = SHAKING;
    int rv = uv_read_start((uv_stream_t *)&stream->tcp, lend_buffer, on_read);
    if (rv < 0)
        end_because(stream, ERR_UNAVAILABLE, uv_strerror(rv));
    else
        work(stream);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct tls_stream *stream = container_of(request, struct tls_stream, connect);
    if (stream->phase != CONNECTING)
        return;
    if (status < 0)
        end_because(stream, ERR_UNAVAILABLE, uv_strerror(status));
    else
        begin(stream);
}

struct tls_stream *tls_stream_connect(struct loop *loop, struct tls_credentials *credentials,
                                      const struct tls_target *target,
                                      const struct tls_events *events, void *owner)
{
    struct tls_stream *stream = make(loop);
    make_ssl(stream, credentials);
    tls_stream_own(stream, events, owner);
    SSL_set_connect_state(stream->ssl);
    snprintf(stream->address, sizeof(stream->address), "%s:%d", target->address, target->port);
    snprintf(stream->peer_name, sizeof(stream->peer_name), "%s",
             target->peer_name ? target->peer_name : "");
    snprintf(stream->peer_role, sizeof(stream->peer_role), "%s",
             target->peer_role ? target->peer_role : "");
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
    if (uv_ip4_addr(target->address, target->port, &address.in) &&
        uv_ip6_addr(target->address, target->port, &address.in6)) {
        end_because(stream, ERR_BAD_INPUT, "not an address");
        return stream;
    }
    loop_timer_start(&stream->timer, target->timeout_ms, 0);
    int rv = uv_tcp_connect(&stream->connect, &stream->tcp, &address.any, on_connected);
    if (rv < 0)
        end_because(stream, ERR_UNAVAILABLE, uv_strerror(rv));
    return stream;
}

static void name_caller(struct tls_stream *stream)
{
    struct sockaddr_storage address;
    int size = sizeof(address);
    char ip[INET6_ADDRSTRLEN] = "?";
    int port = 0;
    if (!uv_tcp_getpeername(&stream->tcp, (struct sockaddr *)&address, &size)) {
        if (address.ss_family == AF_INET6) {
            struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
            uv_ip6_name(in6, ip, sizeof(ip));
            port = ntohs(in6->sin6_port);
        } else {
            struct sockaddr_in *in = (struct sockaddr_in *)&address;
            uv_ip4_name(in, ip, sizeof(ip));
            port = ntohs(in->sin_port);
        }
    }
    snprintf(stream->address, sizeof(stream->address), "%s:%d", ip, port);
}

struct tls_stream *tls_stream_accept(struct loop *loop, const struct tls_accept *accept)
{
    struct tls_stream *stream = make(loop);
    stream->accept = *accept;
    snprintf(stream->peer_role, sizeof(stream->peer_role), "%s",
             accept->peer_role ? accept->peer_role : "");
    int rv = uv_accept(accept->uv_listening, (uv_stream_t *)&stream->tcp);
    name_caller(stream);
    if (rv < 0)
        end_because(stream, ERR_UNAVAILABLE, uv_strerror(rv));
    return stream;
}

void tls_stream_begin(struct tls_stream *stream, struct tls_credentials *credentials)
{
    if (stream->phase == ENDED)
        return;
    make_ssl(stream, credentials);
    SSL_set_accept_state(stream->ssl);
    loop_timer_start(&stream->timer, stream->accept.timeout_ms, 0);
    begin(stream);
}

void tls_stream_refuse(struct tls_stream *stream, const char *text)
{
    if (stream->phase >= LEAVING)
        return;
    error_set(&stream->why, ERR_LIMIT, "%s: %s", stream->address, text);
    end(stream, true);
}

void tls_stream_own(struct tls_stream *stream, const struct tls_events *events, void *owner)
{
    stream->events = *events;
    stream->owner = owner;
}

enum error_code tls_stream_write(struct tls_stream *stream, const void *bytes, size_t size,
                                 struct error *err)
{
    ASSERT(size > 0 && size <= TLS_WRITE_BYTES);
    if (stream->phase != OPEN)
        return error_set(err, ERR_UNAVAILABLE, "%s: not connected", stream->address);
    if (tls_stream_queued(stream) >= TLS_WRITE_QUEUE_BYTES) {
        stream->write_refused = true;
        return error_set(err, ERR_LIMIT, "%s: too much is waiting to be sent", stream->address);
    }
    const char *at = bytes;
    while (size) {
        ERR_clear_error();
        int taken = SSL_write(stream->ssl, at, (int)size);
        if (taken <= 0) { /* memory BIOs take everything, so this is TLS itself failing */
            end_by_tls(stream);
            return error_set(err, ERR_UNAVAILABLE, "%s: TLS failed", stream->address);
        }
        at += taken;
        size -= (size_t)taken;
    }
    flush(stream);
    return ERR_OK;
}

size_t tls_stream_queued(const struct tls_stream *stream)
{
    return BIO_ctrl_pending(stream->out) + stream->flight_size;
}

void tls_stream_pause(struct tls_stream *stream, bool paused)
{
    if (stream->phase != OPEN || stream->paused == paused)
        return;
    stream->paused = paused;
    if (paused) {
        uv_read_stop((uv_stream_t *)&stream->tcp);
        return;
    }
    uv_read_start((uv_stream_t *)&stream->tcp, lend_buffer, on_read);
    loop_timer_start(&stream->timer, 0, 0); /* for what lies decoded or in the BIO */
}

void tls_stream_close(struct tls_stream *stream)
{
    if (stream->phase >= LEAVING)
        return;
    error_set(&stream->why, ERR_OK, "closed by us");
    if (stream->phase != OPEN) {
        end(stream, false);
        return;
    }
    stream->phase = LEAVING;
    if (stream->paused) /* the end of the other side must still be seen */
        uv_read_start((uv_stream_t *)&stream->tcp, lend_buffer, on_read);
    loop_timer_start(&stream->timer, TLS_GOODBYE_MS, 0);
    ERR_clear_error();
    SSL_shutdown(stream->ssl);
    flush(stream);
}

void tls_stream_reset(struct tls_stream *stream)
{
    if (stream->phase == ENDED)
        return;
    error_set(&stream->why, ERR_OK, "closed by us");
    end(stream, true);
}

const struct certificate *tls_stream_peer(const struct tls_stream *stream)
{
    return &stream->peer;
}

const char *tls_stream_address(const struct tls_stream *stream)
{
    return stream->address;
}
