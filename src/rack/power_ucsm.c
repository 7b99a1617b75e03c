/* The driver "ucsm": see power_ucsm.h. */
#include "src/rack/power_ucsm.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"

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

/* All interfaces of a reply: whose they are, by their names, and their addresses. */
struct interfaces {
    const char **names, **macs;
    int count;
};

static void take_interfaces(const struct power_xml_element *root, struct arena *arena,
                            struct interfaces *all)
{
    static const char class[] = "adaptorHostEthIf";
    const struct power_xml_element *each = NULL;
    size_t room = 1;
    while ((each = power_xml_next(root, each, class)))
        room++;
    *all = (struct interfaces){ARENA_ARRAY(arena, const char *, room),
                               ARENA_ARRAY(arena, const char *, room), 0};
    while ((each = power_xml_next(root, each, class))) {
        const char *name = power_xml_attribute(each, "dn", arena);
        all->names[all->count] = name ? name : "";
        all->macs[all->count++] = power_xml_attribute(each, "mac", arena);
    }
}

static enum error_code add_server(const struct power_xml_element *element,
                                  const struct interfaces *all, struct arena *arena,
                                  struct power_chassis *chassis, struct error *err)
{
    struct power_chassis_machine machine = {.name = "", .unit = "uuid"};
    const char *name = power_xml_attribute(element, "dn", arena);
    size_t size = name ? strlen(name) : 0;
    machine.value = power_xml_attribute(element, "uuid", arena);
    if (!size || !machine.value)
        return ERR_OK;
    for (int i = 0; i < all->count; i++) /* what is inside has a name that goes on */
        if (!strncmp(all->names[i], name, size) && all->names[i][size] == '/')
            power_chassis_mac(&machine, all->macs[i]);
    return power_chassis_add(chassis, &machine, err);
}

enum error_code power_ucsm_add(const struct power_xml *servers, const struct power_xml *interfaces,
                               struct arena *arena, struct power_chassis *chassis,
                               struct error *err)
{
    static const char *const classes[] = {"computeBlade", "computeRackUnit", "computeServerUnit"};
    struct interfaces all;
    int seen = 0;
    enum error_code code = check(power_xml_root(servers), arena, err);
    code = code ? code : check(power_xml_root(interfaces), arena, err);
    take_interfaces(power_xml_root(interfaces), arena, &all);
    for (size_t i = 0; i < COUNT_OF(classes) && !code; i++) {
        const struct power_xml_element *element = NULL;
        while (!code && (element = power_xml_next(power_xml_root(servers), element, classes[i])))
            code =
                ++seen > POWER_CHASSIS_MACHINES
                    ? error_set(err, ERR_TOO_LARGE, "more than %d servers", POWER_CHASSIS_MACHINES)
                    : add_server(element, &all, arena, chassis, err);
    }
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

static enum error_code begin(struct ucsm *ucsm, const struct power_order *order,
                             struct arena *arena, struct error *err)
{
    *ucsm = (struct ucsm){.found = {.power = POWER_SEEN_UNKNOWN}};
    power_http_open(&ucsm->http, order, arena);
    power_http_xml(&ucsm->http);
    power_http_base(&ucsm->http, "https", 0);
    return log_in(ucsm, err);
}

static void end(struct ucsm *ucsm)
{
    if (ucsm->cookie)
        log_out(ucsm);
    power_http_close(&ucsm->http);
}

enum error_code power_ucsm_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err)
{
    struct ucsm ucsm;
    enum error_code code = begin(&ucsm, order, arena, err);
    struct power_steps steps = {order, ucsm.http.deadline_ns, &ucsm, query, turn_on, turn_off,
                                NULL};
    code = code ? code : power_steps_run(&steps, seen, err);
    end(&ucsm);
    return code;
}

/* All objects of a class. */
static enum error_code resolve(struct ucsm *ucsm, const char *class, struct power_xml **xml,
                               struct error *err)
{
    struct http_client_reply reply;
    const char *body =
        arena_printf(ucsm->http.arena, "<configResolveClass cookie=\"%s\" classId=\"%s\"/>",
                     ucsm->cookie, class);
    enum error_code code = post(ucsm, body, &reply, err);
    return code ? code : power_xml_read(reply.body, reply.body_size, xml, err);
}

enum error_code power_ucsm_list(const struct power_order *order, struct arena *arena,
                                struct power_chassis *chassis, struct error *err)
{
    struct power_xml *servers = NULL, *interfaces = NULL;
    struct ucsm ucsm;
    enum error_code code = begin(&ucsm, order, arena, err);
    code = code ? code : resolve(&ucsm, "computeItem", &servers, err);
    code = code ? code : resolve(&ucsm, "adaptorHostEthIf", &interfaces, err);
    code = code ? code : power_ucsm_add(servers, interfaces, arena, chassis, err);
    power_xml_free(servers);
    power_xml_free(interfaces);
    end(&ucsm);
    return code ? error_wrap(err, "the UCS Manager at %s", power_order_where(order)) : code;
}
