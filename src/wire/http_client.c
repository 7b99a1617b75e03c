/* HTTP requests over libcurl: see http_client.h. */
#include "src/wire/http_client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/wire/digest.h"
#include "src/wire/http_trust.h"

enum {
    CONNECT_MS = 5000,
    STALL_S = 30,
    STALL_BYTES = 1000,
    HEADERS_BYTES = 64 << 10,
    REPLY_BYTES = 16 << 20,
    REDIRECTS = 5,
};

struct http_client {
    CURL *curl;
    char text[CURL_ERROR_SIZE];
    char trust[160]; /* role and fingerprint its kept connections were judged by */
};

/* One exchange under way. */
struct exchange {
    const struct http_client_request *request;
    struct http_client *client;
    uint64_t limit, received;
    size_t sent;
    struct spool body;
    char *headers;
    size_t headers_size;
    enum error_code code; /* of the sink, or TOO_LARGE: why the transfer was cut off */
    struct error *err;
};

static void start_curl(void)
{
    CURLcode rv = curl_global_init(CURL_GLOBAL_DEFAULT);
    ASSERT(rv == CURLE_OK);
}

struct http_client *http_client_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    struct http_client *client = calloc(1, sizeof(*client));
    ASSERT(client);
    client->curl = curl_easy_init();
    ASSERT(client->curl);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    free(client);
}

static long reply_status(struct exchange *exchange)
{
    long status = 0;
    curl_easy_getinfo(exchange->client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t take_body(char *bytes, size_t unit, size_t count, void *subject)
{
    struct exchange *exchange = subject;
    size_t size = unit * count;
    exchange->received += size;
    if (exchange->received > exchange->limit) {
        exchange->code = error_set(exchange->err, ERR_TOO_LARGE, "reply exceeds %llu bytes",
                                   (unsigned long long)exchange->limit);
        return 0;
    }
    if (exchange->request->sink && reply_status(exchange) / 100 == 2) {
        exchange->code =
            exchange->request->sink(exchange->request->subject, bytes, size, exchange->err);
        return exchange->code ? 0 : size;
    }
    spool_put(&exchange->body, bytes, size);
    return size;
}

static size_t take_header(char *bytes, size_t unit, size_t count, void *subject)
{
    struct exchange *exchange = subject;
    size_t size = unit * count;
    if (size >= 5 && !memcmp(bytes, "HTTP/", 5)) /* a new reply: redirect, 100 Continue */
        exchange->headers_size = 0;
    if (exchange->headers_size + size >= HEADERS_BYTES) {
        exchange->code = error_set(exchange->err, ERR_TOO_LARGE, "too many reply headers");
        return 0;
    }
    memcpy(exchange->headers + exchange->headers_size, bytes, size);
    exchange->headers_size += size;
    exchange->headers[exchange->headers_size] = '\0';
    return size;
}

static size_t give_body(char *bytes, size_t unit, size_t count, void *subject)
{
    struct exchange *exchange = subject;
    const struct http_client_request *request = exchange->request;
    size_t size = unit * count;
    if (request->spool && request->spool->fd >= 0) {
        ssize_t got = pread(request->spool->fd, bytes, size, (off_t)exchange->sent);
        if (got < 0)
            return CURL_READFUNC_ABORT;
        size = (size_t)got;
    } else {
        const char *from = request->spool ? request->spool->bytes : request->body;
        size_t all = request->spool ? request->spool->used : request->body_size;
        size = all - exchange->sent < size ? all - exchange->sent : size;
        if (size)
            memcpy(bytes, from + exchange->sent, size);
    }
    exchange->sent += size;
    return size;
}

/* A connection that was kept open proved dead: the body starts over. */
static int rewind_body(void *subject, curl_off_t offset, int origin)
{
    struct exchange *exchange = subject;
    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    exchange->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static struct curl_slist *request_headers(const struct http_client_request *request, bool has_body)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char line[256];
    if (has_body) {
        snprintf(line, sizeof(line), "Content-Type: %s",
                 request->content_type ? request->content_type : "application/octet-stream");
        list = curl_slist_append(list, line);
    }
    for (int i = 0; i < request->headers_count; i++)
        list = curl_slist_append(list, request->headers[i]);
    ASSERT(list);
    return list;
}

static void set_body(CURL *curl, struct exchange *exchange)
{
    const struct http_client_request *request = exchange->request;
    const char *method = request->method ? request->method : "GET";
    bool has_body = request->spool || request->body;
    if (has_body) {
        uint64_t size = request->spool ? spool_size(request->spool) : request->body_size;
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, exchange);
    } else if (!strcmp(method, "POST") || !strcmp(method, "PUT")) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    }
    if (!strcmp(method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

/*
 * Who only receives would not learn that the host at the other end is gone: it is asked each
 * second. What fails here (no TCP) does no harm.
 */
static int watch_peer(void *subject, curl_socket_t fd, curlsocktype purpose)
{
    const struct http_client_request *request = subject;
    const int on = 1, every_s = 1;
    unsigned limit_ms = (unsigned)request->dead_s * 1000;
    (void)purpose;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &every_s, sizeof(every_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
    return CURL_SOCKOPT_OK;
}

static void set_options(CURL *curl, struct exchange *exchange)
{
    const struct http_client_request *request = exchange->request;
    int connect_ms = request->connect_timeout_ms ? request->connect_timeout_ms : CONNECT_MS;
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->client->text);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long)(request->stall_s ? request->stall_s : STALL_S));
    if (request->dead_s) {
        curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, watch_peer);
        curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, request);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "gantry/" GANTRY_VERSION);
    if (request->proxy || !request->use_proxy)
        curl_easy_setopt(curl, CURLOPT_PROXY, request->proxy ? request->proxy : "");
    if (request->user) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH,
                         (long)(request->digest ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
        curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password ? request->password : "");
    }
    if (request->unix_socket)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    if (request->cookies)
        curl_easy_setopt(curl, CURLOPT_COOKIEFILE, "");
    if (request->follow) {
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    }
    set_body(curl, exchange);
}

const char *http_client_show(const char *url, char shown[HTTP_CLIENT_SHOWN])
{
    const char *rest = strstr(url, "://");
    size_t scheme = rest && rest < url + strcspn(url, "/?#") + 1 ? (size_t)(rest + 3 - url) : 0;
    const char *authority = url + scheme, *host = authority;
    size_t size = strcspn(authority, "/?#");
    for (const char *at = authority; at < authority + size; at++)
        if (*at == '@')
            host = at + 1;
    snprintf(shown, HTTP_CLIENT_SHOWN, "%.*s%.*s", (int)scheme, url, (int)strcspn(host, "?#"),
             host);
    return shown;
}

static enum error_code transfer_error(struct exchange *exchange, CURLcode rv)
{
    const char *why = exchange->client->text[0] ? exchange->client->text : curl_easy_strerror(rv);
    char shown[HTTP_CLIENT_SHOWN];
    const char *url = http_client_show(exchange->request->url, shown);
    if (exchange->code)
        return error_wrap(exchange->err, "%s", url);
    enum error_code code = ERR_UNAVAILABLE;
    switch (rv) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        code = ERR_BAD_INPUT;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        code = ERR_TIMEOUT;
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        code = ERR_FORBIDDEN;
        break;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        code = ERR_CORRUPT;
        break;
    default:
        break;
    }
    return error_set(exchange->err, code, "%s: %s", url, why);
}

static enum error_code take_reply(struct exchange *exchange, struct arena *arena,
                                  struct http_client_reply *reply)
{
    char shown[HTTP_CLIENT_SHOWN];
    reply->status = (int)reply_status(exchange);
    reply->headers = arena_strndup(arena, exchange->headers, exchange->headers_size);
    enum error_code code = spool_finish(&exchange->body, exchange->err);
    uint64_t size = spool_size(&exchange->body);
    reply->body_size = (size_t)size;
    reply->body = arena_alloc(arena, reply->body_size + 1);
    if (code || !size)
        return code;
    if (exchange->body.fd < 0)
        memcpy(reply->body, exchange->body.bytes, reply->body_size);
    else if (pread(exchange->body.fd, reply->body, reply->body_size, 0) != (ssize_t)size)
        return error_errno(exchange->err, "%s: read back the reply",
                           http_client_show(exchange->request->url, shown));
    return ERR_OK;
}

/* The handle with its kept connections, unless those were judged by other wishes. */
static CURL *ready_curl(struct http_client *client, const struct http_client_tls *tls)
{
    char trust[sizeof(client->trust)];
    snprintf(trust, sizeof(trust), "%s %s%s", tls->role ? tls->role : "",
             tls->ca_fingerprint ? tls->ca_fingerprint : "", tls->anyone ? " anyone" : "");
    if (strcmp(trust, client->trust) != 0) {
        memcpy(client->trust, trust, sizeof(trust));
        curl_easy_cleanup(client->curl);
        client->curl = curl_easy_init();
        ASSERT(client->curl);
    }
    curl_easy_reset(client->curl);
    client->text[0] = '\0';
    return client->curl;
}

enum error_code http_client_run(struct http_client *client,
                                const struct http_client_request *request, struct arena *arena,
                                struct http_client_reply *reply, struct error *err)
{
    struct error unused = {0};
    struct exchange exchange = {.request = request,
                                .client = client,
                                .limit = request->reply_limit ? request->reply_limit : REPLY_BYTES,
                                .headers = arena_alloc(arena, HEADERS_BYTES),
                                .err = err ? err : &unused};
    memset(reply, 0, sizeof(*reply));
    enum error_code code = http_trust_check(&request->tls, exchange.err);
    if (code)
        return code;
    CURL *curl = ready_curl(client, &request->tls);
    spool_init(&exchange.body);
    struct curl_slist *headers = request_headers(request, request->spool || request->body);
    set_options(curl, &exchange);
    http_trust_apply(curl, &request->tls);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    CURLcode rv = curl_easy_perform(curl);
    code = rv == CURLE_OK ? take_reply(&exchange, arena, reply) : transfer_error(&exchange, rv);
    curl_slist_free_all(headers);
    spool_close(&exchange.body);
    return code;
}

enum error_code http_client_expect(const struct http_client_reply *reply, const char *url,
                                   struct error *err)
{
    char shown[HTTP_CLIENT_SHOWN];
    if (reply->status / 100 == 2)
        return ERR_OK;
    int line = (int)strcspn(reply->body ? reply->body : "", "\r\n");
    enum error_code code = reply->status >= 500   ? ERR_UNAVAILABLE
                           : reply->status >= 400 ? ERR_BAD_INPUT
                                                  : ERR_INTERNAL;
    for (int i = 1; i < ERR_COUNT; i++)
        if (reply->status < 500 && error_http_status((enum error_code)i) == reply->status) {
            code = (enum error_code)i;
            break;
        }
    return error_set(err, code, "%s: status %d%s%.*s", http_client_show(url, shown), reply->status,
                     line ? ": " : "", line < 300 ? line : 300, reply->body ? reply->body : "");
}

const char *http_client_header(const struct http_client_reply *reply, const char *name,
                               struct arena *arena)
{
    size_t length = strlen(name);
    for (const char *line = reply->headers; line && *line;) {
        size_t size = strcspn(line, "\r\n");
        if (size > length && line[length] == ':' && !strncasecmp(line, name, length)) {
            const char *value = line + length + 1;
            value += strspn(value, " \t");
            return arena_strndup(arena, value, strcspn(value, "\r\n"));
        }
        line += size;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

/* Where a download goes on its way. */
struct landing {
    int fd;
    struct digest_stream *digest;
};

static enum error_code land(void *subject, const void *bytes, size_t size, struct error *err)
{
    struct landing *landing = subject;
    digest_stream_put(landing->digest, bytes, size);
    for (const char *at = bytes; size;) {
        ssize_t written = write(landing->fd, at, size);
        if (written <= 0)
            return error_errno(err, "write");
        at += written;
        size -= (size_t)written;
    }
    return ERR_OK;
}

/* The temporary file is complete: check it and give it its name. */
static enum error_code settle(struct landing *landing, const char *temporary, const char *path,
                              const char *sha256, struct error *err)
{
    char found[DIGEST_TEXT];
    digest_stream_finish(landing->digest, found);
    landing->digest = NULL;
    if (sha256 && strcasecmp(found, sha256) != 0)
        return error_set(err, ERR_CORRUPT, "%s: its SHA-256 is %s, expected was %s", path, found,
                         sha256);
    if (fchmod(landing->fd, 0644) || fsync(landing->fd) || rename(temporary, path))
        return error_errno(err, "%s", path);
    return ERR_OK;
}

enum error_code http_client_download(struct http_client *client,
                                     const struct http_client_request *request, const char *path,
                                     const char *sha256, struct error *err)
{
    struct arena *arena = arena_new();
    char *temporary = arena_printf(arena, "%s.XXXXXX", path);
    struct landing landing = {mkostemp(temporary, O_CLOEXEC), digest_stream_new()};
    struct http_client_request streamed = *request;
    struct http_client_reply reply;
    streamed.sink = land;
    streamed.subject = &landing;
    enum error_code code = ERR_OK;
    if (landing.fd < 0)
        code = error_errno(err, "%s", temporary);
    if (!code)
        code = http_client_run(client, &streamed, arena, &reply, err);
    if (!code)
        code = http_client_expect(&reply, request->url, err);
    if (!code)
        code = settle(&landing, temporary, path, sha256, err);
    if (landing.fd >= 0) {
        close(landing.fd);
        if (code)
            unlink(temporary);
    }
    digest_stream_free(landing.digest);
    arena_free(arena);
    return code;
}

char *http_client_escape(struct arena *arena, const char *text)
{
    char *escaped = arena_alloc(arena, strlen(text) * 3 + 1), *to = escaped;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            strchr("-._~", c)) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = "0123456789ABCDEF"[c >> 4];
            *to++ = "0123456789ABCDEF"[c & 15];
        }
    }
    *to = '\0';
    return escaped;
}
