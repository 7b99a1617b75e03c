/* What drivers that speak HTTP have in common: see power_http.h. */
#include "src/rack/power_http.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"

enum { CALL_MS = 30000, CONNECT_MS = 8000 };

void power_http_open(struct power_http *http, const struct power_order *order, struct arena *arena)
{
    *http = (struct power_http){
        .order = order,
        .arena = arena,
        .client = http_client_new(),
        .deadline_ns = clock_boot_ns() + order->timeout_ms * CLOCK_MS,
        .base = "",
        .tls = {.anyone = true},
    };
    power_http_header(http, "Accept: application/json");
}

void power_http_close(struct power_http *http)
{
    http_client_free(http->client);
    http->client = NULL;
}

void power_http_base(struct power_http *http, const char *scheme, int port)
{
    const char *address = power_order_text(http->order, "power_address");
    const char *rest = strstr(address, "://");
    const char *authority = rest ? rest + 3 : address;
    size_t size = strcspn(authority, "/?");
    size_t host = *authority == '[' ? strcspn(authority, "]") : 0;
    bool names_port = memchr(authority + host, ':', size - host) != NULL;
    const char *base =
        rest ? arena_strndup(http->arena, address, (size_t)(authority - address) + size)
             : arena_printf(http->arena, "%s://%.*s", scheme, (int)size, authority);
    http->base = names_port || !port ? base : arena_printf(http->arena, "%s:%d", base, port);
}

void power_http_header(struct power_http *http, const char *line)
{
    ASSERT(http->headers_count < POWER_HTTP_HEADERS);
    http->headers[http->headers_count++] = line;
}

void power_http_xml(struct power_http *http)
{
    http->headers[0] = "Accept: text/xml, application/xml, */*";
}

enum error_code power_http_body(struct power_http *http, json_t *form, const char *what,
                                const char **text, struct error *err)
{
    char *dumped = form ? json_dumps(form, JSON_COMPACT) : NULL;
    json_decref(form);
    *text = dumped ? arena_strdup(http->arena, dumped) : NULL;
    free(dumped);
    return *text ? ERR_OK : error_set(err, ERR_BAD_INPUT, "%s: not texts in UTF-8", what);
}

/* Queries may hold secrets. */
static const char *shown_path(const struct power_http *http, const char *path)
{
    return arena_strndup(http->arena, path, strcspn(path, "?"));
}

/* Nor is the path of use to who reads of the BMC: a text of the client begins with the URL. */
static const char *without_url(const char *text, const char *url)
{
    char shown[HTTP_CLIENT_SHOWN];
    size_t size = 0;
    http_client_show(url, shown);
    while (text[size] && text[size] == shown[size])
        size++;
    if (size < strlen("http://"))
        return text; /* it is about something else */
    text += size + strspn(text + size, ": ");
    return *text ? text : "the call failed";
}

/* A header is one line: no secret may make two of it. */
static enum error_code check_headers(const struct power_http *http, struct error *err)
{
    for (int i = 0; i < http->headers_count; i++)
        for (const char *p = http->headers[i]; *p; p++)
            if ((unsigned char)*p < ' ' || *p == 0x7f)
                return error_set(err, ERR_BAD_INPUT, "a power parameter holds control characters");
    return ERR_OK;
}

/* A refusal in words for a person. */
static enum error_code explain(const struct power_http *http, const struct power_http_call *call,
                               const struct http_client_reply *reply, struct error *err)
{
    const char *where = power_order_where(http->order);
    const char *method = call->method ? call->method : "GET";
    const char *path = shown_path(http, call->path);
    enum error_code code;
    switch (reply->status) {
    case 401:
    case 403:
        return error_set(err, ERR_FORBIDDEN, "the BMC at %s refuses user or password: %s %s: %d",
                         where, method, path, reply->status);
    case 404:
        code = ERR_NOT_FOUND;
        break;
    case 409:
    case 412:
        code = ERR_CONFLICT;
        break;
    case 429:
        code = ERR_BUSY;
        break;
    default:
        code = reply->status >= 500 ? ERR_UNAVAILABLE : ERR_BAD_INPUT;
    }
    return error_set(err, code, "the BMC at %s answers %d to %s %s", where, reply->status, method,
                     path);
}

enum error_code power_http_run(struct power_http *http, const struct power_http_call *call,
                               struct http_client_reply *reply, struct error *err)
{
    const char *headers[POWER_HTTP_HEADERS + 1];
    const char *where = power_order_where(http->order);
    uint64_t now = clock_boot_ns();
    if (now >= http->deadline_ns)
        return error_set(err, ERR_TIMEOUT, "no time is left for the BMC at %s", where);
    uint64_t left_ms = (http->deadline_ns - now) / CLOCK_MS + 1;
    struct http_client_request request = {
        .method = call->method,
        .url = arena_printf(http->arena, "%s%s", http->base, call->path),
        .headers = headers,
        .headers_count = http->headers_count,
        .body = call->body,
        .body_size = call->body ? strlen(call->body) : 0,
        .content_type = call->type ? call->type : "application/json",
        .user = http->user,
        .password = http->password,
        .digest = http->digest,
        .cookies = http->cookies,
        .tls = http->tls,
        .connect_timeout_ms = left_ms < CONNECT_MS ? (int)left_ms : CONNECT_MS,
        .timeout_ms = left_ms < CALL_MS ? (int)left_ms : CALL_MS,
        .reply_limit = POWER_HTTP_REPLY_BYTES,
        .follow = true,
    };
    memcpy(headers, http->headers, sizeof(http->headers));
    if (call->etag)
        headers[request.headers_count++] = arena_printf(http->arena, "If-Match: %s", call->etag);
    enum error_code code = check_headers(http, err);
    if (code)
        return code;
    code = http_client_run(http->client, &request, http->arena, reply, err);
    if (code == ERR_TIMEOUT)
        return error_set(err, ERR_UNAVAILABLE, "the BMC at %s does not answer", where);
    if (code)
        return error_set(err, code, "the BMC at %s: %s", where,
                         arena_strdup(http->arena, without_url(err->text, request.url)));
    return reply->status / 100 == 2 ? ERR_OK : explain(http, call, reply, err);
}

enum error_code power_http_object(const char *bytes, size_t size, json_t **object,
                                  struct error *err)
{
    json_error_t why;
    *object = size <= POWER_HTTP_REPLY_BYTES ? json_loadb(bytes, size, 0, &why) : NULL;
    if (json_is_object(*object))
        return ERR_OK;
    json_decref(*object);
    *object = NULL;
    return error_set(err, ERR_CORRUPT, "not a JSON object");
}

enum error_code power_http_json(struct power_http *http, const struct power_http_call *call,
                                json_t **object, struct error *err)
{
    struct http_client_reply reply;
    *object = NULL;
    enum error_code code = power_http_run(http, call, &reply, err);
    if (code)
        return code;
    code = power_http_object(reply.body, reply.body_size, object, err);
    return code ? error_wrap(err, "the BMC at %s: reply to %s", power_order_where(http->order),
                             shown_path(http, call->path))
                : code;
}
