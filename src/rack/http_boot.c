/* Boot files over HTTP: see http_boot.h. Source: libmicrohttpd manual, RFC 9110 13-15. */
#include "src/rack/http_boot.h"

#include <ctype.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/log.h"
#include "src/wire/http_range.h"

enum {
    THREADS = 2, /* of each listener: a slow disk holds up half of it at most */
    CONNECTIONS_MAX = 1024,
    CONNECTIONS_PER_CLIENT = 64,
    CONNECTION_MEMORY = 16 << 10, /* headers of one request */
    IDLE_S = 60,
    QUERY_VALUE = 64,
};

struct http_boot {
    struct loop *loop;
    struct boot_source *source;
    struct http_boot_listener *listeners;
    bool closing;
    atomic_uint_fast64_t requests, not_found, refused, failed, bytes;
    struct log_gate gate; /* under the loop's thread */
};

struct http_boot_listener {
    struct http_boot_listener *next;
    struct http_boot *http;
    struct MHD_Daemon *daemon;
    int fd;
    atomic_bool closing;
    atomic_int waiting; /* requests that are parked, or about to be */
    bool stopping;
};

enum call_phase { CALL_NEW, CALL_READ, CALL_PARKED, CALL_ANSWERED };

/* One request; on one thread at a time: libmicrohttpd's, while parked the loop's. */
struct call {
    struct http_boot_listener *listener;
    struct MHD_Connection *connection;
    enum call_phase phase;
    struct boot_ask ask;
    struct boot_content content;
    struct error err; /* code OK: content is there */
};

static enum MHD_Result queue(struct call *call, unsigned status, struct MHD_Response *response)
{
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, "Retry-After", "2");
    enum MHD_Result rv = MHD_queue_response(call->connection, status, response);
    MHD_destroy_response(response);
    return rv;
}

static enum MHD_Result answer_error(struct call *call, unsigned status, const char *text)
{
    char line[600];
    size_t size = (size_t)snprintf(line, sizeof(line), "%.512s\n", text);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, line, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    return queue(call, status, response);
}

/* What the request says */

static int hex(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Percent-decoded into name; its size, or -1 when it is malformed or too long. */
static int decode(const char *url, char name[2 * BOOT_PATH_BYTES])
{
    int size = 0;
    for (; *url; url++) {
        if (size == 2 * BOOT_PATH_BYTES)
            return -1;
        name[size++] = *url;
        if (*url != '%')
            continue;
        if (hex(url[1]) < 0 || hex(url[2]) < 0)
            return -1;
        name[size - 1] = (char)(hex(url[1]) << 4 | hex(url[2]));
        url += 2;
    }
    return size;
}

static ip4 address_of(const struct sockaddr *address)
{
    struct sockaddr_in inet = {0};
    if (!address || address->sa_family != AF_INET)
        return 0;
    memcpy(&inet, address, sizeof(inet));
    return ntohl(inet.sin_addr.s_addr);
}

static void read_ends(struct call *call)
{
    const union MHD_ConnectionInfo *remote =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const union MHD_ConnectionInfo *socket =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr_in local = {0};
    socklen_t size = sizeof(local);
    call->ask.machine = remote ? address_of(remote->client_addr) : 0;
    if (socket && !getsockname(socket->connect_fd, (struct sockaddr *)&local, &size))
        call->ask.rack = address_of((struct sockaddr *)&local);
}

/* What our own first iPXE script appends. */
static void read_query(struct call *call)
{
    const char *platform =
        MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "platform");
    const char *uuid = MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "uuid");
    call->ask.timed =
        MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "timeout") != NULL;
    call->ask.efi = platform && !strcmp(platform, "efi");
    if (uuid && strlen(uuid) == BOOT_SOURCE_UUID - 1 &&
        strspn(uuid, "0123456789abcdefABCDEF-") == BOOT_SOURCE_UUID - 1)
        strcpy(call->ask.uuid, uuid);
}

/* Asking boot_source, on the loop */

static void stop_if_idle(struct http_boot_listener *listener);

static void on_content(void *subject, struct boot_content *content, const struct error *err)
{
    struct call *call = subject;
    struct http_boot_listener *listener = call->listener;
    unsigned long held;
    if (content)
        call->content = *content;
    else
        call->err = *err;
    if (err && err->code != ERR_NOT_FOUND && log_gate_open(&listener->http->gate, 10, &held))
        log_warning("HTTP boot: %s: %s (and %lu before)", call->ask.path.path, err->text, held);
    call->phase = CALL_ANSWERED;
    MHD_resume_connection(call->connection); /* the call is no longer ours */
    atomic_fetch_sub(&listener->waiting, 1);
    stop_if_idle(listener);
}

static void ask_source(void *subject)
{
    struct call *call = subject;
    boot_source_open(call->listener->http->source, &call->ask, on_content, call);
}

static void look_again(void *subject)
{
    stop_if_idle(subject);
}

static enum MHD_Result park(struct call *call)
{
    struct http_boot_listener *listener = call->listener;
    atomic_fetch_add(&listener->waiting, 1); /* first: closing looks at it afterwards */
    if (atomic_load(&listener->closing)) {
        enum MHD_Result rv =
            answer_error(call, MHD_HTTP_SERVICE_UNAVAILABLE, "The rack is stopping.");
        atomic_fetch_sub(&listener->waiting, 1);
        loop_post(listener->http->loop, look_again, listener);
        return rv;
    }
    call->phase = CALL_PARKED;
    MHD_suspend_connection(call->connection);
    loop_post(listener->http->loop, ask_source, call);
    return MHD_YES;
}

/* Answering */

static const char *header(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result answer_text(struct call *call)
{
    struct boot_content *content = &call->content;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        (size_t)content->size, content->text, MHD_RESPMEM_MUST_FREE);
    content->text = NULL;
    MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    atomic_fetch_add(&call->listener->http->bytes, content->size);
    return queue(call, MHD_HTTP_OK, response);
}

static void name_file(const struct boot_content *content, struct MHD_Response *response)
{
    char etag[IMAGE_MANIFEST_SHA256 + 2];
    MHD_add_response_header(response, "Accept-Ranges", "bytes");
    if (!*content->sha256)
        return;
    snprintf(etag, sizeof(etag), "\"%s\"", content->sha256);
    MHD_add_response_header(response, "ETag", etag);
}

static enum MHD_Result answer_unchanged(struct call *call, unsigned status)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    char range[64];
    snprintf(range, sizeof(range), "bytes */%llu", (unsigned long long)call->content.size);
    if (status == MHD_HTTP_RANGE_NOT_SATISFIABLE)
        MHD_add_response_header(response, "Content-Range", range);
    name_file(&call->content, response);
    return queue(call, status, response);
}

static enum MHD_Result answer_file(struct call *call)
{
    struct boot_content *content = &call->content;
    uint64_t first = 0, last = 0;
    const char *sha256 = content->sha256;
    const char *seen = header(call, "If-None-Match"), *if_range = header(call, "If-Range");
    if (*sha256 && seen && strstr(seen, sha256))
        return answer_unchanged(call, MHD_HTTP_NOT_MODIFIED);
    bool same = !if_range || (*sha256 && strstr(if_range, sha256));
    enum http_range range =
        http_range_read(same ? header(call, "Range") : NULL, content->size, &first, &last);
    if (range == HTTP_RANGE_BAD)
        return answer_unchanged(call, MHD_HTTP_RANGE_NOT_SATISFIABLE);
    uint64_t size = range == HTTP_RANGE_GOOD ? last - first + 1 : content->size;
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(size, content->fd, range ? first : 0);
    if (!response)
        return answer_error(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "The file cannot be sent.");
    content->fd = -1;
    MHD_add_response_header(response, "Content-Type", "application/octet-stream");
    name_file(content, response);
    atomic_fetch_add(&call->listener->http->bytes, size);
    if (range == HTTP_RANGE_NONE)
        return queue(call, MHD_HTTP_OK, response);
    char text[96];
    snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)first,
             (unsigned long long)last, (unsigned long long)content->size);
    MHD_add_response_header(response, "Content-Range", text);
    return queue(call, MHD_HTTP_PARTIAL_CONTENT, response);
}

static enum MHD_Result answer(struct call *call)
{
    struct http_boot *http = call->listener->http;
    if (call->err.code) {
        bool missing = call->err.code == ERR_NOT_FOUND;
        atomic_fetch_add(missing ? &http->not_found : &http->failed, 1);
        return answer_error(call, (unsigned)error_http_status(call->err.code), call->err.text);
    }
    return call->content.text ? answer_text(call) : answer_file(call);
}

static enum MHD_Result begin(struct call *call, const char *url, const char *method)
{
    struct http_boot *http = call->listener->http;
    char name[2 * BOOT_PATH_BYTES];
    struct error err;
    atomic_fetch_add(&http->requests, 1);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        atomic_fetch_add(&http->refused, 1);
        return answer_error(call, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD are served.");
    }
    int size = decode(url, name);
    enum error_code code = size < 0 ? error_set(&err, ERR_BAD_INPUT, "the name is malformed")
                                    : boot_path_read(name, (size_t)size, &call->ask.path, &err);
    if (code) {
        atomic_fetch_add(code == ERR_NOT_FOUND ? &http->not_found : &http->refused, 1);
        return answer_error(call, (unsigned)error_http_status(code), err.text);
    }
    read_ends(call);
    read_query(call);
    return park(call);
}

// NOLINTNEXTLINE(readability-function-size): libmicrohttpd names the parameters
static enum MHD_Result on_request(void *subject, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    struct call *call = *request;
    (void)version;
    (void)upload;
    if (!call) {
        *request = call = calloc(1, sizeof(*call));
        ASSERT(call);
        call->listener = subject;
        call->connection = connection;
        call->content.fd = -1;
        return MHD_YES;
    }
    if (*upload_size) { /* a body says nothing here */
        *upload_size = 0;
        return MHD_YES;
    }
    if (call->phase == CALL_ANSWERED)
        return answer(call);
    call->phase = CALL_READ;
    return begin(call, url, method);
}

static void on_completed(void *subject, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    struct call *call = *request;
    (void)subject;
    (void)connection;
    (void)why;
    if (!call)
        return;
    boot_content_close(&call->content);
    free(call);
    *request = NULL;
}

/* Names are decoded here, where it is known what they may hold. */
static size_t keep_escapes(void *subject, struct MHD_Connection *connection, char *text)
{
    (void)subject;
    (void)connection;
    return strlen(text);
}

static void log_library(void *subject, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void log_library(void *subject, const char *format, va_list args)
{
    char line[512];
    (void)subject;
    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
    log_debug("HTTP boot: %s", line);
}

/* Beginning and ending */

struct http_boot *http_boot_new(struct loop *loop, struct boot_source *source)
{
    struct http_boot *http = calloc(1, sizeof(*http));
    ASSERT(http);
    http->loop = loop;
    http->source = source;
    return http;
}

enum error_code http_boot_listen(struct http_boot *http, int fd, struct http_boot_listener **out,
                                 struct error *err)
{
    struct http_boot_listener *listener = calloc(1, sizeof(*listener));
    ASSERT(listener);
    listener->http = http;
    listener->fd = fd;
    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_PER_CLIENT, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    if (!listener->daemon) {
        close(fd);
        free(listener);
        return error_set(err, ERR_IO, "cannot start serving HTTP");
    }
    listener->next = http->listeners;
    http->listeners = listener;
    *out = listener;
    return ERR_OK;
}

static void stop_daemon(void *subject)
{
    struct http_boot_listener *listener = subject;
    MHD_stop_daemon(listener->daemon);
}

static void on_stopped(void *subject)
{
    struct http_boot_listener *listener = subject, **at = &listener->http->listeners;
    struct http_boot *http = listener->http;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    close(listener->fd);
    free(listener);
    if (http->closing && !http->listeners)
        free(http);
}

/* libmicrohttpd must not be stopped while a connection is parked. */
static void stop_if_idle(struct http_boot_listener *listener)
{
    if (!atomic_load(&listener->closing) || atomic_load(&listener->waiting) || listener->stopping)
        return;
    listener->stopping = true;
    loop_run_blocking(listener->http->loop, stop_daemon, on_stopped, listener);
}

void http_boot_listener_close(struct http_boot_listener *listener)
{
    if (atomic_exchange(&listener->closing, true))
        return;
    MHD_quiesce_daemon(listener->daemon);
    stop_if_idle(listener);
}

void http_boot_free(struct http_boot *http)
{
    if (!http)
        return;
    http->closing = true;
    for (struct http_boot_listener *each = http->listeners; each; each = each->next)
        http_boot_listener_close(each);
    if (!http->listeners)
        free(http);
}

struct http_boot_counts http_boot_counts(const struct http_boot *http)
{
    return (struct http_boot_counts){
        .requests = atomic_load(&http->requests),
        .not_found = atomic_load(&http->not_found),
        .refused = atomic_load(&http->refused),
        .failed = atomic_load(&http->failed),
        .bytes = atomic_load(&http->bytes),
    };
}
