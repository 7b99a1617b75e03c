/*
 * The sockets of the API: libmicrohttpd on one thread collects requests, gives each to the pool,
 * sleeps on it, and sends the reply. Source: libmicrohttpd manual, RFC 9110.
 */
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/region/api_metrics.h"
#include "src/region/http_call.h"

enum {
    IDLE_TIMEOUT_S = 60,
    STOP_WAIT_MS = 1500,
    CONNECTIONS_MAX = 4096,
    BACKLOG = 1024,
    CONNECTION_MEMORY = 64 << 10, /* headers of one request */
    COPY_BYTES = 32 << 10,        /* replies up to this are copied, larger ones handed over */
};
#define BODIES_BYTES ((size_t)512 << 20) /* all bodies in memory together */

struct http_edge {
    struct http *http;
    struct MHD_Daemon *daemon;
    int fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    atomic_size_t bodies_bytes;
    atomic_int open; /* requests that began and are not over */
    struct log_gate refusal_gate;
};

static void *note_target(void *subject, const char *target, struct MHD_Connection *connection)
{
    struct http_edge *edge = subject;
    struct http_call *call = calloc(1, sizeof(*call));
    ASSERT(call);
    atomic_fetch_add(&edge->open, 1);
    call->http = edge->http;
    call->connection = connection;
    call->arrived_ns = clock_boot_ns();
    call->target = strdup(target);
    ASSERT(call->target);
    return call;
}

/* Paths are decoded by http_path, which knows where the segments end. */
static size_t keep_escapes(void *subject, struct MHD_Connection *connection, char *text)
{
    (void)subject;
    (void)connection;
    return strlen(text);
}

static enum MHD_Result note_header(void *subject, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct http_call *call = subject;
    (void)kind;
    if (call->headers_count == HTTP_HEADERS_MAX)
        return MHD_NO;
    call->headers[call->headers_count++] = (struct http_header){name, value ? value : ""};
    return MHD_YES;
}

static void count_refusal(struct http_edge *edge, const char *why)
{
    unsigned long held;
    api_metrics_body_refused();
    if (log_gate_open(&edge->refusal_gate, 60, &held))
        log_warning("a request body was refused: %s (and %lu before)", why, held);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    MHD_add_response_header(response, "Connection", "close");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, "Retry-After", "5");
    enum MHD_Result rv = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return rv;
}

/* The headers are here, the body is not. */
static enum MHD_Result begin(struct http_edge *edge, struct http_call *call)
{
    size_t limit = http_settings(edge->http)->body_limit;
    MHD_get_connection_values(call->connection, MHD_HEADER_KIND, note_header, call);
    callers_add(http_settings(edge->http)->callers, &call->caller,
                http_call_header(call, "X-Gantry-Caller"));
    const char *length = http_call_header(call, "Content-Length");
    unsigned long long size = length ? strtoull(length, NULL, 10) : 0;
    if (size > limit) {
        count_refusal(edge, "too large");
        call->status = MHD_HTTP_CONTENT_TOO_LARGE;
        return refuse(call->connection, MHD_HTTP_CONTENT_TOO_LARGE, "The body is too large.");
    }
    if (atomic_load(&edge->bodies_bytes) + size > BODIES_BYTES) {
        count_refusal(edge, "too many at once");
        call->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        return refuse(call->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "Too many large requests.");
    }
    return MHD_YES;
}

/* A piece of the body. MHD_NO closes the connection: no reply can be sent in the middle of one. */
static enum MHD_Result collect(struct http_edge *edge, struct http_call *call, const char *bytes,
                               size_t size)
{
    const struct http_settings *settings = http_settings(edge->http);
    uint64_t allowed_ms = (uint64_t)settings->body_wait_ms + call->body_size / 64;
    if (clock_boot_ns() - call->arrived_ns > allowed_ms * CLOCK_MS) {
        count_refusal(edge, "too slow");
        return MHD_NO;
    }
    if (call->body_size + size > settings->body_limit) {
        count_refusal(edge, "too large");
        return MHD_NO;
    }
    size_t need = call->body_size + size + 1;
    if (need > call->body_room) {
        size_t room = call->body_room ? call->body_room * 2 : 4096;
        if (room < need)
            room = need;
        atomic_fetch_add(&edge->bodies_bytes, room - call->body_room);
        call->body = realloc(call->body, room);
        ASSERT(call->body);
        call->body_room = room;
    }
    memcpy(call->body + call->body_size, bytes, size);
    call->body_size += size;
    call->body[call->body_size] = '\0';
    return MHD_YES;
}

// NOLINTNEXTLINE(readability-function-size): libmicrohttpd names the parameters
static enum MHD_Result on_request(void *subject, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    struct http_edge *edge = subject;
    struct http_call *call = *request;
    (void)url;
    (void)version;
    if (!call->method) {
        call->method = method;
        return begin(edge, call);
    }
    if (*upload_size) {
        enum MHD_Result rv = collect(edge, call, upload, *upload_size);
        *upload_size = 0;
        return rv;
    }
    if (call->response) /* resumed */
        return MHD_queue_response(connection, (unsigned)call->status, call->response);
    MHD_suspend_connection(connection); /* before a pool thread can resume it */
    if (!http_pool_put(edge->http, call)) {
        struct api_reply reply = {.status = MHD_HTTP_SERVICE_UNAVAILABLE, .file_fd = -1};
        spool_init(&reply.body);
        reply.headers[reply.headers_count][0] = "Retry-After";
        reply.headers[reply.headers_count++][1] = "1";
        http_edge_answer(call, &reply);
    }
    return MHD_YES;
}

static void on_completed(void *subject, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    struct http_edge *edge = subject;
    struct http_call *call = *request;
    (void)connection;
    if (!call)
        return;
    if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED && !call->response && call->method)
        count_refusal(edge, "too slow");
    callers_remove(http_settings(edge->http)->callers, &call->caller);
    atomic_fetch_sub(&edge->bodies_bytes, call->body_room);
    if (call->response)
        MHD_destroy_response(call->response);
    free(call->body);
    free(call->target);
    free(call);
    *request = NULL;
    atomic_fetch_sub(&edge->open, 1);
}

static struct MHD_Response *make_response(struct api_reply *reply)
{
    struct spool *body = &reply->body;
    struct MHD_Response *response;
    if (reply->file_fd >= 0) {
        response = MHD_create_response_from_fd_at_offset64(reply->file_size, reply->file_fd,
                                                           reply->file_offset);
        reply->file_fd = -1;
    } else if (body->fd >= 0) {
        response = MHD_create_response_from_fd_at_offset64(spool_size(body), body->fd, 0);
        body->fd = -1;
        body->written = 0;
    } else if (body->used > COPY_BYTES) {
        response = MHD_create_response_from_buffer(body->used, body->bytes, MHD_RESPMEM_MUST_FREE);
        spool_init(body);
    } else {
        response = MHD_create_response_from_buffer(
            body->used, body->used ? body->bytes : (char[1]){0}, MHD_RESPMEM_MUST_COPY);
    }
    ASSERT(response);
    return response;
}

void http_edge_answer(struct http_call *call, struct api_reply *reply)
{
    struct MHD_Connection *connection = call->connection;
    struct MHD_Response *response = make_response(reply);
    if (reply->content_type)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    for (int i = 0; i < reply->headers_count; i++)
        MHD_add_response_header(response, reply->headers[i][0], reply->headers[i][1]);
    call->status = reply->status;
    call->response = response;
    MHD_resume_connection(connection);
}

static void log_library(void *subject, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void log_library(void *subject, const char *format, va_list args)
{
    char line[512];
    (void)subject;
    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
    log_debug("http: %s", line);
}

static enum error_code listen_on(struct http_edge *edge, const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ERR_BAD_INPUT, "%s: the path is too long for a socket", path);
    strcpy(address.sun_path, path);
    strcpy(edge->path, path);
    edge->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (edge->fd < 0)
        return error_errno(err, "socket");
    unlink(path);
    if (bind(edge->fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0660) ||
        listen(edge->fd, BACKLOG))
        return error_errno(err, "%s", path);
    return ERR_OK;
}

enum error_code http_edge_start(struct http *http, struct http_edge **out, struct error *err)
{
    struct http_edge *edge = calloc(1, sizeof(*edge));
    ASSERT(edge);
    edge->http = http;
    enum error_code code = listen_on(edge, http_settings(http)->socket, err);
    if (!code) {
        edge->daemon = MHD_start_daemon(
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
            NULL, on_request, edge, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
            MHD_OPTION_LISTEN_SOCKET, edge->fd, MHD_OPTION_CONNECTION_TIMEOUT,
            (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
            MHD_OPTION_URI_LOG_CALLBACK, note_target, edge, MHD_OPTION_UNESCAPE_CALLBACK,
            keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, edge,
            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
        if (!edge->daemon)
            code = error_set(err, ERR_IO, "cannot start the HTTP listener");
    }
    if (code) {
        if (edge->fd >= 0)
            close(edge->fd);
        free(edge);
        return code;
    }
    *out = edge;
    return ERR_OK;
}

void http_edge_quiesce(struct http_edge *edge)
{
    unlink(edge->path);
    MHD_quiesce_daemon(edge->daemon);
}

void http_edge_stop(struct http_edge *edge)
{
    if (!edge)
        return;
    for (int ms = 0; atomic_load(&edge->open) && ms < STOP_WAIT_MS; ms += 5)
        usleep(5000); /* the last replies are on their way out */
    MHD_stop_daemon(edge->daemon);
    close(edge->fd);
    free(edge);
}
