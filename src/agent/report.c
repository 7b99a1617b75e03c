/* The conversation with the region: see report.h. */
#include "src/agent/report.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#include "src/agent/preseed.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/wire/http_client.h"
#include "src/wire/multipart.h"
#include "src/wire/oauth.h"

enum {
    FIRST_PAUSE_MS = 500,
    LONGEST_PAUSE_MS = 8000,
    CONNECT_MS = 5000,
    EXCHANGE_MS = 60000,
    SYSTEM_ID_BYTES = 64,
    ERROR_BYTES = 240,
};

#define INVENTORY_SCRIPT "20-maas-03-machine-resources"

/* One conversation; its arena lives until it ends. */
struct talk {
    const struct report *report;
    struct http_client *client;
    struct arena *arena;
    struct preseed preseed;
    const char *api_url; /* ends with "api/2.0/" */
};

static void pause_ms(uint64_t ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left))
        continue;
}

/* May the same request go well later? */
static bool may_pass(enum error_code code, int status)
{
    return status ? status >= 500 || status == 408 || status == 429
                  : code == ERR_UNAVAILABLE || code == ERR_TIMEOUT;
}

/* One request until it is answered well, refused for good, or the deadline is there. */
static enum error_code exchange(struct talk *talk, struct http_client_request *request,
                                struct http_client_reply *reply, struct error *err)
{
    request->connect_timeout_ms = CONNECT_MS;
    request->timeout_ms = EXCHANGE_MS;
    for (uint64_t pause = FIRST_PAUSE_MS;; pause = pause < LONGEST_PAUSE_MS ? pause * 2 : pause) {
        *reply = (struct http_client_reply){0};
        enum error_code code = http_client_run(talk->client, request, talk->arena, reply, err);
        if (!code)
            code = http_client_expect(reply, request->url, err);
        if (!code || !may_pass(code, reply->status))
            return code;
        uint64_t now = clock_boot_ns();
        if (now + pause * CLOCK_MS >= talk->report->deadline_ns)
            return error_wrap(err, "gave up, the time of %d s is over",
                              talk->report->cmdline->limit_s);
        log_warning("%s; trying again in %.1f s", err->text, (double)pause / 1000);
        pause_ms(pause);
    }
}

static enum error_code get_preseed(struct talk *talk, const char *url, struct preseed *preseed,
                                   struct error *err)
{
    struct http_client_request request = {.url = url, .reply_limit = PRESEED_BYTES};
    struct http_client_reply reply;
    enum error_code code = exchange(talk, &request, &reply, err);
    return code ? code : preseed_parse(reply.body, talk->arena, preseed, err);
}

/* The interfaces' addresses, the one that booted first, so that the region names it the boot one.
 */
static const char *mac_list(const struct talk *talk)
{
    const struct inventory *inventory = talk->report->inventory;
    const char *list = NULL;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < inventory->interfaces_count; i++) {
            char text[MAC_TEXT];
            if (inventory->interfaces[i].boot != (pass == 0))
                continue;
            mac_format(inventory->interfaces[i].mac, text);
            list = list ? arena_printf(talk->arena, "%s,%s", list, text)
                        : arena_strdup(talk->arena, text);
        }
    return list;
}

/* Does the region know one of our interfaces already? */
static enum error_code ask_registered(struct talk *talk, bool *registered, struct error *err)
{
    const struct inventory *inventory = talk->report->inventory;
    *registered = false;
    for (int i = 0; i < inventory->interfaces_count && !*registered; i++) {
        char mac[MAC_TEXT];
        mac_format(inventory->interfaces[i].mac, mac);
        struct http_client_request request = {
            .url = arena_printf(talk->arena, "%smachines/?op=is_registered&mac_address=%s",
                                talk->api_url, http_client_escape(talk->arena, mac)),
        };
        struct http_client_reply reply;
        enum error_code code = exchange(talk, &request, &reply, err);
        if (code)
            return code;
        *registered = strcmp(reply.body + strspn(reply.body, " \r\n"), "true") == 0;
        if (*registered)
            log_info("%s belongs to a machine the region knows already", mac);
    }
    return ERR_OK;
}

/* system_id of the answer to an enlistment. It becomes a part of URLs, so its letters matter. */
static enum error_code read_enlisted(const struct talk *talk, const char *body,
                                     const char **system_id, struct error *err)
{
    json_t *answer = json_loads(body, 0, NULL);
    const char *id = json_string_value(json_object_get(answer, "system_id"));
    const char *hostname = json_string_value(json_object_get(answer, "hostname"));
    enum error_code code = ERR_OK;
    if (!id || !*id || strlen(id) > SYSTEM_ID_BYTES ||
        strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") !=
            strlen(id)) {
        code = error_set(err, ERR_BAD_INPUT, "the answer to the enlistment has no system_id");
    } else {
        *system_id = arena_strdup(talk->arena, id);
        log_info("enlisted: this machine is %s (%s)", hostname ? hostname : "without a name", id);
    }
    json_decref(answer);
    return code;
}

static enum error_code enlist(struct talk *talk, const char **system_id, struct error *err)
{
    const struct inventory *inventory = talk->report->inventory;
    const char *macs = mac_list(talk);
    if (!macs || !inventory->architecture)
        return error_set(err, ERR_BAD_INPUT, "this machine has no %s that could be told",
                         macs ? "known architecture" : "Ethernet interface");
    const char *form = arena_printf(
        talk->arena, "architecture=%s&mac_addresses=%s&commission=false&boot_method=%s",
        http_client_escape(talk->arena, inventory->architecture),
        http_client_escape(talk->arena, macs), inventory->boot_method);
    if (inventory->system.uuid)
        form = arena_printf(talk->arena, "%s&hardware_uuid=%s", form, inventory->system.uuid);
    struct http_client_request request = {
        .method = "POST",
        .url = arena_printf(talk->arena, "%smachines/", talk->api_url),
        .body = form,
        .body_size = strlen(form),
        .content_type = "application/x-www-form-urlencoded",
    };
    struct http_client_reply reply;
    enum error_code code = exchange(talk, &request, &reply, err);
    return code ? code : read_enlisted(talk, reply.body, system_id, err);
}

/* op=signal with these parts; file NULL = none. */
static enum error_code post_signal(struct talk *talk, const char *const *fields,
                                   const struct multipart_file *file, struct error *err)
{
    struct oauth_key key = {talk->preseed.consumer_key, talk->preseed.token_key,
                            talk->preseed.token_secret};
    struct multipart multipart;
    multipart_init(&multipart);
    multipart_text(&multipart, "op", "signal");
    for (; fields[0]; fields += 2)
        multipart_text(&multipart, fields[0], fields[1]);
    if (file)
        multipart_file(&multipart, file);
    const char *header = oauth_header(&key, talk->arena);
    struct http_client_request request = {
        .method = "POST",
        .url = arena_printf(talk->arena, "%s2012-03-01/", talk->preseed.metadata_url),
        .headers = &header,
        .headers_count = 1,
        .spool = &multipart.body,
        .content_type = multipart.content_type,
    };
    struct http_client_reply reply;
    enum error_code code = multipart_finish(&multipart, err);
    if (!code)
        code = exchange(talk, &request, &reply, err);
    multipart_close(&multipart);
    return code;
}

static enum error_code post_inventory(struct talk *talk, struct error *err)
{
    const struct report *report = talk->report;
    const char *runtime = arena_printf(talk->arena, "%.3f", (double)report->inventory_ms / 1000);
    const char *const fields[] = {"status",         "WORKING",     "name",
                                  INVENTORY_SCRIPT, "exit_status", "0",
                                  "runtime",        runtime,       NULL};
    struct multipart_file file = {.name = INVENTORY_SCRIPT,
                                  .filename = INVENTORY_SCRIPT,
                                  .content_type = "application/json",
                                  .bytes = report->json->bytes,
                                  .size = report->json->used};
    enum error_code code = post_signal(talk, fields, &file, err);
    if (!code)
        log_info("the inventory is with the region (%zu bytes)", report->json->used);
    return code;
}

/* The last word: OK, or FAILED with the reason. */
static enum error_code post_end(struct talk *talk, enum error_code failed, struct error *err)
{
    const char *reason = arena_strndup(talk->arena, err->text, ERROR_BYTES);
    const char *const good[] = {"status", "OK", NULL};
    const char *const bad[] = {"status", "FAILED", "error", reason, NULL};
    struct error second;
    enum error_code code = post_signal(talk, failed ? bad : good, NULL, &second);
    if (failed) /* the first error is the one to tell */
        return failed;
    if (code)
        *err = second;
    return code;
}

/* An unknown machine becomes a known one with a key. *done when the region knew it already. */
static enum error_code become_known(struct talk *talk, bool *done, struct error *err)
{
    const char *system_id = NULL, *base = talk->preseed.metadata_url;
    enum error_code code = ask_registered(talk, done, err);
    if (code || *done)
        return code;
    code = enlist(talk, &system_id, err);
    if (code)
        return error_wrap(err, "enlist");
    const char *url =
        arena_printf(talk->arena, "%slatest/by-id/%s/?op=get_preseed", base, system_id);
    code = get_preseed(talk, url, &talk->preseed, err);
    if (code)
        return error_wrap(err, "own preseed");
    if (!talk->preseed.consumer_key)
        return error_set(err, ERR_BAD_INPUT, "own preseed: it holds no key");
    return ERR_OK;
}

static enum error_code converse(struct talk *talk, struct error *err)
{
    const struct cmdline *cmdline = talk->report->cmdline;
    if (!cmdline->preseed_url)
        return error_set(err, ERR_BAD_INPUT,
                         "no cloud-config-url= on the kernel's command line: nobody to report to");
    enum error_code code = get_preseed(talk, cmdline->preseed_url, &talk->preseed, err);
    if (code)
        return error_wrap(err, "preseed");
    const char *url = talk->preseed.metadata_url;
    size_t base = strlen(url) - strlen("metadata/");
    talk->api_url = arena_printf(talk->arena, "%.*sapi/2.0/", (int)base, url);
    bool done = false;
    if (!talk->preseed.consumer_key)
        code = become_known(talk, &done, err);
    if (code || done)
        return code;
    code = post_inventory(talk, err);
    if (code)
        error_wrap(err, "inventory");
    return post_end(talk, code, err);
}

enum error_code report_send(const struct report *report, struct error *err)
{
    struct talk talk = {.report = report, .client = http_client_new(), .arena = arena_new()};
    enum error_code code = converse(&talk, err);
    arena_free(talk.arena);
    http_client_free(talk.client);
    return code;
}
