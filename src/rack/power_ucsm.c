/* The driver "ucsm": see power_ucsm.h. */
#include "src/rack/power_ucsm.h"

#include <stdlib.h>
#include <string.h>

#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"
#include "src/rack/power_xml.h"

enum { WRONG_USER = 551, COOKIE_BYTES = 256 };

/* One order under way. */
struct ucsm {
    struct power_http http;
    const char *cookie; /* of the session, escaped */
    struct power_ucsm_server found;
};

/* ---- decoding ---- */

/* Its own errors stand in the reply. */
static enum error_code check(const struct power_xml_element *root, struct arena *arena,
                             struct error *err)
{
    const char *number = power_xml_attribute(root, "errorCode", arena);
    const char *text = power_xml_attribute(root, "errorDescr", arena);
    if (!number)
        return ERR_OK;
    return error_set(err, strtol(number, NULL, 10) == WRONG_USER ? ERR_FORBIDDEN : ERR_IO,
                     "error %.20s: %.200s", number, text ? text : "");
}

static enum error_code take_server(const struct power_xml_element *root, struct arena *arena,
                                   struct power_ucsm_server *found, struct error *err)
{
    *found = (struct power_ucsm_server){.power = POWER_SEEN_UNKNOWN};
    const struct power_xml_element *item =
        power_xml_child(power_xml_next(root, NULL, "outConfigs"));
    if (!item)
        return error_set(err, ERR_NOT_FOUND, "no server has this uuid");
    const char *power = power_xml_attribute(item, "operPower", arena);
    const char *profile = power_xml_attribute(item, "assignedToDn", arena);
    if (power && !strcmp(power, "on"))
        found->power = POWER_SEEN_ON;
    else if (power && !strcmp(power, "off"))
        found->power = POWER_SEEN_OFF;
    if (profile && strlen(profile) >= sizeof(found->profile))
        return error_set(err, ERR_CORRUPT, "a service profile with too long a name");
    strcpy(found->profile, profile ? profile : "");
    return ERR_OK;
}

enum error_code power_ucsm_read_server(const char *bytes, size_t size,
                                       struct power_ucsm_server *found, struct error *err)
{
    struct power_xml *xml;
    enum error_code code = power_xml_read(bytes, size, &xml, err);
    if (code)
        return code;
    struct arena *arena = arena_new();
    code = check(power_xml_root(xml), arena, err);
    code = code ? code : take_server(power_xml_root(xml), arena, found, err);
    arena_free(arena);
    power_xml_free(xml);
    return code;
}

/* ---- talking ---- */

static enum error_code post(struct ucsm *ucsm, const char *body, struct http_client_reply *reply,
                            struct error *err)
{
    struct power_http_call call = {"POST", "/nuova", body, "text/xml"};
    return power_http_run(&ucsm->http, &call, reply, err);
}

/* One attribute of the first element of this name (NULL = the root) of the reply, or "". */
static enum error_code ask(struct ucsm *ucsm, const char *body, const char *element,
                           const char *attribute, const char **value, struct error *err)
{
    struct http_client_reply reply;
    struct power_xml *xml;
    enum error_code code = post(ucsm, body, &reply, err);
    if (code)
        return code;
    code = power_xml_read(reply.body, reply.body_size, &xml, err);
    if (!code) {
        const struct power_xml_element *root = power_xml_root(xml);
        const struct power_xml_element *found =
            element ? power_xml_next(root, NULL, element) : root;
        code = check(root, ucsm->http.arena, err);
        *value = power_xml_attribute(found, attribute, ucsm->http.arena);
        *value = *value ? *value : "";
        power_xml_free(xml);
    }
    return code ? error_wrap(err, "the UCS Manager at %s", power_order_where(ucsm->http.order))
                : code;
}

static const char *escaped(const struct ucsm *ucsm, const char *parameter)
{
    return power_xml_escape(ucsm->http.arena, power_order_text(ucsm->http.order, parameter));
}

static enum error_code log_in(struct ucsm *ucsm, struct error *err)
{
    const char *cookie;
    const char *body = arena_printf(ucsm->http.arena, "<aaaLogin inName=\"%s\" inPassword=\"%s\"/>",
                                    escaped(ucsm, "power_user"), escaped(ucsm, "power_pass"));
    enum error_code code = ask(ucsm, body, NULL, "outCookie", &cookie, err);
    if (!code && (!*cookie || strlen(cookie) > COOKIE_BYTES))
        return error_set(err, ERR_CORRUPT, "the UCS Manager at %s gives no session",
                         power_order_where(ucsm->http.order));
    ucsm->cookie = code ? NULL : power_xml_escape(ucsm->http.arena, cookie);
    return code;
}

/* It has few sessions. */
static void log_out(struct ucsm *ucsm)
{
    const char *ignored;
    struct error unused;
    ask(ucsm, arena_printf(ucsm->http.arena, "<aaaLogout inCookie=\"%s\"/>", ucsm->cookie), NULL,
        "outStatus", &ignored, &unused);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct ucsm *ucsm = subject;
    struct http_client_reply reply;
    const char *body =
        arena_printf(ucsm->http.arena,
                     "<configResolveClass cookie=\"%s\" classId=\"computeItem\"><inFilter>"
                     "<eq class=\"computeItem\" property=\"uuid\" value=\"%s\"/></inFilter>"
                     "</configResolveClass>",
                     ucsm->cookie, escaped(ucsm, "uuid"));
    enum error_code code = post(ucsm, body, &reply, err);
    if (code)
        return code;
    code = power_ucsm_read_server(reply.body, reply.body_size, &ucsm->found, err);
    *seen = ucsm->found.power;
    return code ? error_wrap(err, "the UCS Manager at %s", power_order_where(ucsm->http.order))
                : code;
}

/* Power hangs on the service profile, not on the server. */
static enum error_code change(struct ucsm *ucsm, const char *wanted, struct error *err)
{
    struct arena *arena = ucsm->http.arena;
    const char *control, *ignored;
    if (!*ucsm->found.profile)
        return error_set(err, ERR_BAD_INPUT,
                         "the UCS Manager at %s: the server has no service "
                         "profile",
                         power_order_where(ucsm->http.order));
    enum error_code code =
        ask(ucsm,
            arena_printf(arena,
                         "<configResolveChildren cookie=\"%s\" inDn=\"%s\" classId=\"lsPower\"/>",
                         ucsm->cookie, power_xml_escape(arena, ucsm->found.profile)),
            "lsPower", "dn", &control, err);
    if (!code && !*control)
        return error_set(err, ERR_CORRUPT, "the UCS Manager at %s: no power control for %s",
                         power_order_where(ucsm->http.order), ucsm->found.profile);
    if (code)
        return code;
    control = power_xml_escape(arena, control);
    return ask(ucsm,
               arena_printf(arena,
                            "<configConfMo cookie=\"%s\" dn=\"%s\"><inConfig><lsPower dn=\"%s\" "
                            "state=\"%s\"/></inConfig></configConfMo>",
                            ucsm->cookie, control, control, wanted),
               NULL, "response", &ignored, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    return change(subject, "admin-up", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return change(subject, "admin-down", err);
}

enum error_code power_ucsm_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err)
{
    struct ucsm ucsm = {.found = {.power = POWER_SEEN_UNKNOWN}};
    power_http_open(&ucsm.http, order, arena);
    power_http_xml(&ucsm.http);
    power_http_base(&ucsm.http, "https", 0);
    struct power_steps steps = {order, ucsm.http.deadline_ns, &ucsm, query, turn_on, turn_off,
                                NULL};
    enum error_code code = log_in(&ucsm, err);
    if (!code) {
        code = power_steps_run(&steps, seen, err);
        log_out(&ucsm);
    }
    power_http_close(&ucsm.http);
    return code;
}
