/* The driver "webhook": see power_webhook.h. */
#include "src/rack/power_webhook.h"

#include <regex.h>
#include <string.h>

#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"

enum { LOOKED_AT_BYTES = 64 << 10 };

static enum error_code find(const char *text, const char *pattern, bool *found, struct error *err)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
        return error_set(err, ERR_BAD_INPUT, "not a regular expression: %.100s", pattern);
    *found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return ERR_OK;
}

enum error_code power_webhook_read(const char *text, const char *on, const char *off,
                                   enum power_seen *seen, struct error *err)
{
    bool is_on = false, is_off = false;
    enum error_code code = find(text, on, &is_on, err);
    code = code ? code : find(text, off, &is_off, err);
    *seen = is_on ? POWER_SEEN_ON : is_off ? POWER_SEEN_OFF : POWER_SEEN_UNKNOWN;
    return code;
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct power_http *http = subject;
    struct http_client_reply reply;
    struct power_http_call call = {.path = power_order_text(http->order, "power_query_uri")};
    enum error_code code = power_http_run(http, &call, &reply, err);
    if (code)
        return code;
    if (reply.body_size > LOOKED_AT_BYTES)
        reply.body[LOOKED_AT_BYTES] = '\0';
    return power_webhook_read(reply.body, power_order_text(http->order, "power_on_regex"),
                              power_order_text(http->order, "power_off_regex"), seen, err);
}

static enum error_code post(struct power_http *http, const char *parameter, struct error *err)
{
    struct http_client_reply reply;
    struct power_http_call call = {"POST", power_order_text(http->order, parameter)};
    return power_http_run(http, &call, &reply, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    return post(subject, "power_on_uri", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return post(subject, "power_off_uri", err);
}

enum error_code power_webhook_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err)
{
    struct power_http http;
    const char *token = power_order_text(order, "power_token");
    const char *user = power_order_text(order, "power_user");
    power_http_open(&http, order, arena);
    http.tls.anyone = strcmp(power_order_text(order, "power_verify_ssl"), "y") != 0;
    power_http_header(&http, arena_printf(arena, "System_Id: %s", order->system_id));
    if (*token) {
        power_http_header(&http, arena_printf(arena, "Authorization: Bearer %s", token));
    } else if (*user) {
        http.user = user;
        http.password = power_order_text(order, "power_pass");
    }
    struct power_steps steps = {order, http.deadline_ns, &http, query, turn_on, turn_off, NULL};
    enum error_code code = power_steps_run(&steps, seen, err);
    power_http_close(&http);
    return code;
}
