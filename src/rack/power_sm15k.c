/* The driver "sm15k": see power_sm15k.h. */
#include "src/rack/power_sm15k.h"

#include <stdlib.h>
#include <string.h>

#include "src/rack/power_http.h"
#include "src/rack/power_ipmi.h"
#include "src/rack/power_steps.h"

enum { TOKEN_BYTES = 256 };

/* ---- decoding ---- */

enum error_code power_sm15k_read(const char *bytes, size_t size, enum power_seen *seen,
                                 struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    json_t *active = json_object_get(object, "active");
    if (!json_is_boolean(active))
        return error_set(err, ERR_CORRUPT, "a server that does not say whether it is active");
    *seen = json_is_true(active) ? POWER_SEEN_ON : POWER_SEEN_OFF;
    return ERR_OK;
}

/* Its numbers are those of HTTP, in the body. */
enum error_code power_sm15k_result(const char *bytes, size_t size, json_t **result,
                                   struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    json_t *number = json_object_get(json_object_get(object, "error"), "code");
    long status = json_is_integer(number)  ? (long)json_integer_value(number)
                  : json_is_string(number) ? strtol(json_string_value(number), NULL, 10)
                                           : 0;
    *result = json_incref(json_object_get(object, "result"));
    if ((status == 200 || status == 202 || status == 304) && *result)
        return ERR_OK;
    json_decref(*result);
    *result = NULL;
    if (status == 401 || status == 403)
        return error_set(err, ERR_FORBIDDEN, "user or password is refused");
    return status ? error_set(err, ERR_IO, "error %ld", status)
                  : error_set(err, ERR_CORRUPT, "a reply without code or result");
}

/* ---- version 2.0 ---- */

static const char *server_path(const struct power_http *http, const char *behind)
{
    return arena_printf(http->arena, "/v2.0/servers/%s/0%s",
                        power_order_text(http->order, "system_id"), behind);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct power_http *http = subject;
    struct arena *arena = http->arena;
    struct http_client_reply reply;
    const char *user = http_client_escape(arena, power_order_text(http->order, "power_user"));
    const char *password = http_client_escape(arena, power_order_text(http->order, "power_pass"));
    struct power_http_call call = {
        .path = server_path(http, arena_printf(arena, "?username=%s&password=%s", user, password))};
    enum error_code code = power_http_run(http, &call, &reply, err);
    if (code)
        return code;
    code = power_sm15k_read(reply.body, reply.body_size, seen, err);
    return code ? error_wrap(err, "the BMC at %s", power_order_where(http->order)) : code;
}

static enum error_code put(struct power_http *http, const char *behind, json_t *body,
                           struct error *err)
{
    struct http_client_reply reply;
    struct power_http_call call = {"PUT", server_path(http, behind)};
    json_t *form = json_pack("{ssss}", "username", power_order_text(http->order, "power_user"),
                             "password", power_order_text(http->order, "power_pass"));
    json_object_update(form, body);
    json_decref(body);
    enum error_code code = power_http_body(http, form, "power_user, power_pass", &call.body, err);
    return code ? code : power_http_run(http, &call, &reply, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    return put(subject, "", json_pack("{sssb}", "action", "power-on", "using-pxe", 1), err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return put(subject, "?action=power-off&force=true", json_object(), err);
}

/* ---- version 0.9: the parameters of a call are told by their order ---- */

static enum error_code call_old(struct power_http *http, const char *method, const char *path,
                                json_t **result, struct error *err)
{
    struct http_client_reply reply;
    struct power_http_call call = {.method = method, .path = path};
    enum error_code code = power_http_run(http, &call, &reply, err);
    if (code)
        return code;
    code = power_sm15k_result(reply.body, reply.body_size, result, err);
    return code ? error_wrap(err, "the BMC at %s: %.*s", power_order_where(http->order),
                             (int)strcspn(path, "?"), path)
                : code;
}

/* Servers have numbers of their own there. */
static const char *index_of(json_t *servers, const char *system_id)
{
    const char *index;
    json_t *each;
    json_object_foreach (json_object_get(servers, "serverId"), index, each) {
        const char *id = json_string_value(each);
        size_t size = id ? strcspn(id, "/") : 0;
        if (size && size == strlen(system_id) && !strncmp(id, system_id, size))
            return index;
    }
    return NULL;
}

static enum error_code change_old(struct power_http *http, const char *token, bool on,
                                  struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *servers = NULL, *result = NULL;
    struct arena *arena = http->arena;
    const char *id = power_order_text(http->order, "system_id");
    enum error_code code =
        call_old(http, "GET", arena_printf(arena, "/v0.9/servers?%s", token), &servers, err);
    const char *index = code ? NULL : index_of(servers, id);
    if (!code && !index)
        return error_set(err, ERR_NOT_FOUND, "the BMC at %s has no server %s",
                         power_order_where(http->order), id);
    return code ? code
                : call_old(http, "PUT",
                           arena_printf(arena, "/v0.9/servers/%s?action=%s&%s",
                                        http_client_escape(arena, index),
                                        on ? "Power-On&using-pxe=true" : "Power-Off&force=true",
                                        token),
                           &result, err);
}

static enum error_code order_old(struct power_http *http, bool on, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *login = NULL, *ignored = NULL;
    struct arena *arena = http->arena;
    struct error unused;
    const char *user = http_client_escape(arena, power_order_text(http->order, "power_user"));
    const char *password = http_client_escape(arena, power_order_text(http->order, "power_pass"));
    enum error_code code = call_old(
        http, "GET", arena_printf(arena, "/v0.9/login?%s&%s", user, password), &login, err);
    const char *token = json_string_value(login);
    if (!code && (!token || strlen(token) > TOKEN_BYTES))
        return error_set(err, ERR_CORRUPT, "the BMC at %s gives no token",
                         power_order_where(http->order));
    if (code)
        return code;
    code = change_old(http, http_client_escape(arena, token), on, err);
    call_old(http, "GET", "/v0.9/logout", &ignored, &unused);
    return code;
}

/* ---- IPMI ---- */

static enum error_code order_ipmi(const struct power_order *order, struct arena *arena, bool on,
                                  struct error *err)
{
    const char *const arguments[] = {"raw",
                                     "0x2e",
                                     "1",
                                     "0x00",
                                     "0x7d",
                                     "0xab",
                                     on ? "1" : "6",
                                     "0",
                                     power_order_text(order, "system_id"),
                                     NULL};
    return power_ipmi_command(order, arena, arguments, err);
}

/* ---- all ---- */

/* Nothing tells the power there: an order is given and believed. */
static enum error_code run_blindly(struct power_http *http, enum power_seen *seen,
                                   struct error *err)
{
    const struct power_order *order = http->order;
    bool by_ipmi = !strcmp(power_order_text(order, "power_control"), "ipmi");
    enum error_code code = ERR_OK;
    *seen = POWER_SEEN_UNKNOWN;
    for (int on = 0; on < 2 && !code; on++) {
        if (order->action == POWER_QUERY || order->action == (on ? POWER_OFF : POWER_ON))
            continue;
        code = by_ipmi ? order_ipmi(order, http->arena, on, err) : order_old(http, on, err);
    }
    return code;
}

enum error_code power_sm15k_run(const struct power_order *order, struct arena *arena,
                                enum power_seen *seen, struct error *err)
{
    struct power_http http;
    power_http_open(&http, order, arena);
    power_http_base(&http, "http", 0);
    struct power_steps steps = {order, http.deadline_ns, &http, query, turn_on, turn_off, NULL};
    enum error_code code = !strcmp(power_order_text(order, "power_control"), "restapi2")
                               ? power_steps_run(&steps, seen, err)
                               : run_blindly(&http, seen, err);
    power_http_close(&http);
    return code;
}
