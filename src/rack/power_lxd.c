/* The driver "lxd": see power_lxd.h. */
#include "src/rack/power_lxd.h"

#include <string.h>

#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"

enum { PORT = 8443, STARTED = 101, STOPPED = 102, RUNNING = 103, FROZEN = 110 };

enum error_code power_lxd_read(const char *bytes, size_t size, enum power_seen *seen,
                               struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    json_t *number = json_object_get(json_object_get(object, "metadata"), "status_code");
    if (!json_is_integer(number))
        return error_set(err, ERR_CORRUPT, "an instance without status_code");
    switch (json_integer_value(number)) {
    case STARTED:
    case RUNNING:
        *seen = POWER_SEEN_ON;
        break;
    case STOPPED:
    case FROZEN:
        *seen = POWER_SEEN_OFF;
        break;
    default:
        *seen = POWER_SEEN_UNKNOWN;
    }
    return ERR_OK;
}

static const char *instance_path(struct power_http *http, const char *behind)
{
    struct arena *arena = http->arena;
    return arena_printf(arena, "/1.0/instances/%s%s?project=%s",
                        http_client_escape(arena, power_order_text(http->order, "instance_name")),
                        behind,
                        http_client_escape(arena, power_order_text(http->order, "project")));
}

/* A host that does not know our certificate takes it from who knows its trust password. */
static enum error_code be_trusted(struct power_http *http, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *host = NULL;
    struct http_client_reply reply;
    const char *password = power_order_text(http->order, "password");
    const char *where = power_order_where(http->order);
    struct power_http_call look = {.path = "/1.0"};
    enum error_code code = power_http_json(http, &look, &host, err);
    if (code)
        return code;
    const char *auth =
        json_string_value(json_object_get(json_object_get(host, "metadata"), "auth"));
    if (auth && !strcmp(auth, "trusted"))
        return ERR_OK;
    if (!*password)
        return error_set(err, ERR_FORBIDDEN, "the LXD host at %s does not trust this certificate",
                         where);
    json_t *form = json_pack("{ssss}", "type", "client", "password", password);
    struct power_http_call call = {"POST", "/1.0/certificates"};
    code = power_http_body(http, form, "password", &call.body, err);
    return code ? code : power_http_run(http, &call, &reply, err);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct power_http *http = subject;
    struct http_client_reply reply;
    struct power_http_call call = {.path = instance_path(http, "")};
    enum error_code code = power_http_run(http, &call, &reply, err);
    if (code)
        return code;
    code = power_lxd_read(reply.body, reply.body_size, seen, err);
    return code ? error_wrap(err, "the LXD host at %s", power_order_where(http->order)) : code;
}

/* It answers at once and works on; the look afterwards says what came of it. */
static enum error_code change(struct power_http *http, const char *action, struct error *err)
{
    struct http_client_reply reply;
    struct power_http_call call = {
        .method = "PUT",
        .path = instance_path(http, "/state"),
        .body =
            arena_printf(http->arena, "{\"action\":\"%s\",\"force\":true,\"timeout\":30}", action),
    };
    return power_http_run(http, &call, &reply, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    return change(subject, "start", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return change(subject, "stop", err);
}

enum error_code power_lxd_run(const struct power_order *order, struct arena *arena,
                              enum power_seen *seen, struct error *err)
{
    struct power_http http;
    const char *certificate = power_order_text(order, "certificate");
    const char *key = power_order_text(order, "key");
    if (!*certificate || !*key)
        return error_set(err, ERR_BAD_INPUT, "lxd: certificate and key are needed");
    power_http_open(&http, order, arena);
    power_http_base(&http, "https", PORT);
    http.tls.certificate_text = certificate;
    http.tls.key_text = key;
    struct power_steps steps = {order, http.deadline_ns, &http, query, turn_on, turn_off, NULL};
    enum error_code code = be_trusted(&http, err);
    code = code ? code : power_steps_run(&steps, seen, err);
    power_http_close(&http);
    return code;
}
