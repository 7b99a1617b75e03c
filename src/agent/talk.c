/* Requests, signals, events: see talk.h. */
#include "src/agent/talk.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/wire/digest.h"
#include "src/wire/oauth.h"

enum {
    FIRST_PAUSE_MS = 500,
    LONGEST_PAUSE_MS = 8000,
    CONNECT_MS = 5000,
    EXCHANGE_MS = 60000,
    ERROR_BYTES = 240,
};

#define VERSION "2012-03-01/"
#define SCHEME  "http://"

void talk_open(struct talk *talk, const struct cmdline *cmdline, uint64_t deadline_ns)
{
    *talk = (struct talk){.cmdline = cmdline,
                          .deadline_ns = deadline_ns,
                          .client = http_client_new(),
                          .arena = arena_new(),
                          .rack = -1};
}

void talk_close(struct talk *talk)
{
    arena_free(talk->arena);
    http_client_free(talk->client);
}

void talk_pause(uint64_t ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left))
        continue;
}

/* Where the host of a URL ends that begins with it. */
static const char *behind_host(const char *host)
{
    return host + strcspn(host, ":/");
}

/* The rack of the command line that a URL names, and its host; -1 = none. */
static int rack_of(const struct cmdline *cmdline, const char *url, const char **host)
{
    if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
        return -1;
    *host = url + strlen(SCHEME);
    size_t length = (size_t)(behind_host(*host) - *host);
    for (int i = 0; i < cmdline->racks_count; i++)
        if (strlen(cmdline->racks[i]) == length && !strncmp(cmdline->racks[i], *host, length))
            return i;
    return -1;
}

const char *talk_at_rack(const struct cmdline *cmdline, const char *url, int n, struct arena *arena)
{
    const char *host;
    int own = rack_of(cmdline, url, &host);
    if (own < 0)
        return url;
    const char *rack = cmdline->racks[(own + n) % cmdline->racks_count];
    return arena_printf(arena, SCHEME "%s%s", rack, behind_host(host));
}

const char *talk_try(const struct talk *talk, const char *url, int n)
{
    const char *host;
    int own = rack_of(talk->cmdline, url, &host);
    if (own >= 0 && talk->rack >= 0)
        n += talk->rack - own + talk->cmdline->racks_count;
    return talk_at_rack(talk->cmdline, url, n, talk->arena);
}

void talk_answered(struct talk *talk, const char *url)
{
    const char *host;
    int rack = rack_of(talk->cmdline, url, &host);
    if (rack >= 0)
        talk->rack = rack;
}

const char *talk_rack(const struct talk *talk)
{
    return talk->rack < 0 ? NULL : talk->cmdline->racks[talk->rack];
}

const char *talk_rack_base(const struct cmdline *cmdline, struct arena *arena)
{
    const char *host = cmdline->root_url ? strstr(cmdline->root_url, "://") : NULL;
    if (!host)
        return NULL;
    size_t length = (size_t)(host + 3 - cmdline->root_url) + strcspn(host + 3, "/");
    return arena_strndup(arena, cmdline->root_url, length);
}

/* May the same request go well later? */
static bool may_pass(enum error_code code, int status)
{
    return status ? status >= 500 || status == 408 || status == 429
                  : code == ERR_UNAVAILABLE || code == ERR_TIMEOUT;
}

enum error_code talk_exchange(struct talk *talk, struct http_client_request *request,
                              struct http_client_reply *reply, struct error *err)
{
    const char *url = request->url;
    request->connect_timeout_ms = CONNECT_MS;
    request->timeout_ms = EXCHANGE_MS;
    request->dead_s = TALK_DEAD_S;
    uint64_t pause = FIRST_PAUSE_MS;
    for (int tries = 0;; tries++) {
        *reply = (struct http_client_reply){0};
        request->url = talk_try(talk, url, tries);
        enum error_code code = http_client_run(talk->client, request, talk->arena, reply, err);
        if (!code)
            code = http_client_expect(reply, request->url, err);
        if (!code)
            talk_answered(talk, request->url);
        if (!code || !may_pass(code, reply->status))
            return code;
        uint64_t now = clock_boot_ns();
        if (now + pause * CLOCK_MS >= talk->deadline_ns)
            return error_wrap(err, "gave up, the time of %d s is over", talk->cmdline->limit_s);
        log_warning("%s; trying again in %.1f s", err->text, (double)pause / 1000);
        talk_pause(pause);
        if (pause < LONGEST_PAUSE_MS)
            pause *= 2;
    }
}

enum error_code talk_read_preseed(struct talk *talk, const char *url, struct error *err)
{
    struct http_client_request request = {.url = url, .reply_limit = PRESEED_BYTES};
    struct http_client_reply reply;
    enum error_code code = talk_exchange(talk, &request, &reply, err);
    if (!code)
        code = preseed_parse(reply.body, talk->arena, &talk->preseed, err);
    if (code)
        return code;
    const char *base = talk->preseed.metadata_url;
    talk->api_url =
        arena_printf(talk->arena, "%.*sapi/2.0/", (int)(strlen(base) - strlen("metadata/")), base);
    return ERR_OK;
}

static const char *authorization(struct talk *talk)
{
    struct oauth_key key = {talk->preseed.consumer_key, talk->preseed.token_key,
                            talk->preseed.token_secret};
    return oauth_header(&key, talk->arena);
}

enum error_code talk_get(struct talk *talk, const char *path, struct http_client_reply *reply,
                         struct error *err)
{
    const char *header = authorization(talk);
    struct http_client_request request = {
        .url = arena_printf(talk->arena, "%s" VERSION "%s", talk->preseed.metadata_url, path),
        .headers = &header,
        .headers_count = 1,
    };
    return talk_exchange(talk, &request, reply, err);
}

enum error_code talk_post(struct talk *talk, struct multipart *multipart, struct error *err)
{
    const char *header = authorization(talk);
    struct http_client_request request = {
        .method = "POST",
        .url = arena_printf(talk->arena, "%s" VERSION, talk->preseed.metadata_url),
        .headers = &header,
        .headers_count = 1,
        .spool = &multipart->body,
        .content_type = multipart->content_type,
    };
    struct http_client_reply reply;
    enum error_code code = multipart_finish(multipart, err);
    return code ? code : talk_exchange(talk, &request, &reply, err);
}

enum error_code talk_op(struct talk *talk, const char *op, struct error *err)
{
    struct multipart multipart;
    multipart_init(&multipart);
    multipart_text(&multipart, "op", op);
    enum error_code code = talk_post(talk, &multipart, err);
    multipart_close(&multipart);
    return code;
}

enum error_code talk_signal(struct talk *talk, const char *const *fields,
                            const struct multipart_file *file, struct error *err)
{
    struct multipart multipart;
    multipart_init(&multipart);
    multipart_text(&multipart, "op", "signal");
    for (; fields[0]; fields += 2)
        multipart_text(&multipart, fields[0], fields[1]);
    if (file)
        multipart_file(&multipart, file);
    enum error_code code = talk_post(talk, &multipart, err);
    multipart_close(&multipart);
    return code;
}

enum error_code talk_end(struct talk *talk, enum error_code failed, struct error *err)
{
    const char *reason = arena_strndup(talk->arena, err->text, ERROR_BYTES);
    const char *const good[] = {"status", "OK", NULL};
    const char *const bad[] = {"status", "FAILED", "error", reason, NULL};
    struct error second;
    enum error_code code = talk_signal(talk, failed ? bad : good, NULL, &second);
    if (failed) /* the first error is the one to tell */
        return failed;
    if (code)
        *err = second;
    return code;
}

static json_t *event_json(struct talk *talk, const struct talk_event *event)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:f}", "event_type", event->result ? "finish" : "start", "origin",
        strncmp(event->name, "cmd-", 4) ? "cloudinit" : "curtin", "name", event->name,
        "description", event->description, "timestamp", (double)clock_real_ms() / 1000);
    ASSERT(json);
    if (event->result)
        json_object_set_new(json, "result", json_string(event->result));
    if (event->log) {
        const char *content = digest_base64(talk->arena, event->log, strlen(event->log));
        json_object_set_new(json, "files",
                            json_pack("[{s:s, s:s, s:s}]", "path", "/tmp/install.log", "encoding",
                                      "base64", "content", content));
    }
    return json;
}

enum error_code talk_event(struct talk *talk, const struct talk_event *event, struct error *err)
{
    ASSERT(talk->system_id);
    json_t *json = event_json(talk, event);
    char *body = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    ASSERT(body);
    const char *header = authorization(talk);
    struct http_client_request request = {
        .method = "POST",
        .url =
            arena_printf(talk->arena, "%sstatus/%s", talk->preseed.metadata_url, talk->system_id),
        .headers = &header,
        .headers_count = 1,
        .body = body,
        .body_size = strlen(body),
        .content_type = "application/json",
    };
    struct http_client_reply reply;
    enum error_code code = talk_exchange(talk, &request, &reply, err);
    free(body);
    return code;
}
