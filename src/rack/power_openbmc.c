/* The driver "openbmc": see power_openbmc.h. */
#include "src/rack/power_openbmc.h"

#include <string.h>

#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"

#define STATE    "/xyz/openbmc_project/state/host0/attr/"
#define ONE_TIME "/xyz/openbmc_project/control/host0/boot/one_time/attr/"
#define PROJECT  "xyz.openbmc_project."

enum error_code power_openbmc_read(const char *bytes, size_t size, enum power_seen *seen,
                                   struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    const char *text = json_string_value(json_object_get(object, "data"));
    const char *word = text ? strrchr(text, '.') : NULL;
    if (!word)
        return error_set(err, ERR_CORRUPT, "a host without a state");
    *seen = !strcasecmp(word, ".Running") ? POWER_SEEN_ON
            : !strcasecmp(word, ".Off")   ? POWER_SEEN_OFF
                                          : POWER_SEEN_UNKNOWN;
    return ERR_OK;
}

/* What a browser of this site would send back in a header. */
static void take_token(struct power_http *http, const struct http_client_reply *reply)
{
    static const char name[] = "XSRF-TOKEN=";
    const char *found = reply->headers ? strcasestr(reply->headers, name) : NULL;
    if (found)
        power_http_header(http, arena_printf(http->arena, "X-XSRF-TOKEN: %.*s",
                                             (int)strcspn(found + strlen(name), "; \r\n"),
                                             found + strlen(name)));
}

/* It knows no user in a header: a session, by its cookie. */
static enum error_code log_in(struct power_http *http, struct error *err)
{
    struct http_client_reply reply;
    json_t *form = json_pack("{s[ss]}", "data", power_order_text(http->order, "power_user"),
                             power_order_text(http->order, "power_pass"));
    struct power_http_call call = {"POST", "/login"};
    enum error_code code = power_http_body(http, form, "power_user, power_pass", &call.body, err);
    code = code ? code : power_http_run(http, &call, &reply, err);
    if (!code)
        take_token(http, &reply);
    return code;
}

static void log_out(struct power_http *http)
{
    struct http_client_reply reply;
    struct error ignored;
    struct power_http_call call = {"POST", "/logout", "{\"data\":[]}"};
    power_http_run(http, &call, &reply, &ignored);
}

static enum error_code put(struct power_http *http, const char *path, const char *value,
                           struct error *err)
{
    struct http_client_reply reply;
    struct power_http_call call = {
        "PUT", path, arena_printf(http->arena, "{\"data\":\"" PROJECT "%s\"}", value)};
    return power_http_run(http, &call, &reply, err);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct power_http *http = subject;
    struct http_client_reply reply;
    struct power_http_call call = {.path = STATE "CurrentHostState"};
    enum error_code code = power_http_run(http, &call, &reply, err);
    if (code)
        return code;
    code = power_openbmc_read(reply.body, reply.body_size, seen, err);
    return code ? error_wrap(err, "the BMC at %s", power_order_where(http->order)) : code;
}

static enum error_code turn_on(void *subject, struct error *err)
{
    enum error_code code =
        put(subject, ONE_TIME "BootMode", "Control.Boot.Mode.Modes.Regular", err);
    code = code ? code
                : put(subject, ONE_TIME "BootSource", "Control.Boot.Source.Sources.Network", err);
    return code ? code
                : put(subject, STATE "RequestedHostTransition", "State.Host.Transition.On", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return put(subject, STATE "RequestedHostTransition", "State.Host.Transition.Off", err);
}

enum error_code power_openbmc_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err)
{
    struct power_http http;
    power_http_open(&http, order, arena);
    power_http_base(&http, "https", 0);
    http.cookies = true;
    struct power_steps steps = {order, http.deadline_ns, &http, query, turn_on, turn_off, NULL};
    enum error_code code = log_in(&http, err);
    if (!code) {
        code = power_steps_run(&steps, seen, err);
        log_out(&http);
    }
    power_http_close(&http);
    return code;
}
