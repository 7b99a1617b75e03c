/* The drivers "dli", "msftocs" and "recs_box": see power_outlet.h. */
#include "src/rack/power_outlet.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"
#include "src/rack/power_xml.h"

enum { CHASSIS_PORT = 8000, OUTLETS_MAX = 64 };

/* One request; %s is what tells the machine from others, escaped. */
struct request {
    const char *method, *path, *body;
};

/* What its answer to the query says; unit as the order names it. */
typedef enum error_code reader(const struct http_client_reply *reply, const char *unit,
                               enum power_seen *seen, struct error *err);

static reader read_dli, read_msftocs, read_recs;

struct kind {
    const char *driver, *unit;
    reader *read;
    int port;
    struct request query, on[3], off; /* on: in this order, up to one without a path */
};

#define FORM_HDD "source=HDD&persistent=True"
#define FORM_PXE "source=PXE&persistent=False"

static const struct kind kinds[] = {
    {"dli",
     "outlet_id",
     read_dli,
     0,
     {.path = "/index.htm"},
     {{.path = "/outlet?%s=ON"}},
     {.path = "/outlet?%s=OFF"}},
    /* from the disk by default, from the network next time */
    {"msftocs",
     "blade_id",
     read_msftocs,
     CHASSIS_PORT,
     {.path = "/GetBladeState?bladeid=%s"},
     {{.path = "/SetNextBoot?bladeid=%s&bootType=3&uefi=false&persistent=true"},
      {.path = "/SetNextBoot?bladeid=%s&bootType=2&uefi=false&persistent=false"},
      {.path = "/SetBladeOn?bladeid=%s"}},
     {.path = "/SetBladeOff?bladeid=%s"}},
    {"recs_box",
     "node_id",
     read_recs,
     CHASSIS_PORT,
     {.path = "/REST/node/%s"},
     {{"PUT", "/REST/node/%s/manage/set_bootsource", FORM_HDD},
      {"PUT", "/REST/node/%s/manage/set_bootsource", FORM_PXE},
      {"POST", "/REST/node/%s/manage/power_on", ""}},
     {"POST", "/REST/node/%s/manage/power_off", ""}},
};

/* One order under way. */
struct outlet {
    struct power_http http;
    const struct kind *kind;
};

/* ---- decoding ---- */

enum error_code power_outlet_read_dli(const char *page, long outlet, enum power_seen *seen,
                                      struct error *err)
{
    static const char before[] = "<!-- state=";
    const char *found = strstr(page, before);
    char *end;
    found = found ? found + strlen(before) : "";
    unsigned long long states = strtoull(found, &end, 16);
    if (end == found || *found == '-' || *found == '+')
        return error_set(err, ERR_CORRUPT, "a page without the state of outlets");
    if (outlet < 1 || outlet > OUTLETS_MAX)
        return error_set(err, ERR_BAD_INPUT, "outlet_id: Enter a number from 1 to %d.",
                         OUTLETS_MAX);
    *seen = states >> (outlet - 1) & 1 ? POWER_SEEN_ON : POWER_SEEN_OFF;
    return ERR_OK;
}

enum error_code power_outlet_read_msftocs(const char *bytes, size_t size, enum power_seen *seen,
                                          struct error *err)
{
    struct power_xml *xml;
    enum error_code code = power_xml_read(bytes, size, &xml, err);
    if (code)
        return code;
    struct arena *arena = arena_new();
    const char *text =
        power_xml_text(power_xml_next(power_xml_root(xml), NULL, "bladeState"), arena);
    *seen = POWER_SEEN_UNKNOWN;
    if (text && !strcasecmp(text, "ON"))
        *seen = POWER_SEEN_ON;
    else if (text && !strcasecmp(text, "OFF"))
        *seen = POWER_SEEN_OFF;
    arena_free(arena);
    power_xml_free(xml);
    return *seen == POWER_SEEN_UNKNOWN
               ? error_set(err, ERR_CORRUPT, "a blade whose state is neither ON nor OFF")
               : ERR_OK;
}

enum error_code power_outlet_read_recs(const char *bytes, size_t size, enum power_seen *seen,
                                       struct error *err)
{
    struct power_xml *xml;
    enum error_code code = power_xml_read(bytes, size, &xml, err);
    if (code)
        return code;
    struct arena *arena = arena_new();
    const char *text = power_xml_attribute(power_xml_root(xml), "state", arena);
    if (text)
        *seen = !strcmp(text, "1") ? POWER_SEEN_ON : POWER_SEEN_OFF;
    else
        code = error_set(err, ERR_CORRUPT, "a node without a state");
    arena_free(arena);
    power_xml_free(xml);
    return code;
}

static enum error_code read_dli(const struct http_client_reply *reply, const char *unit,
                                enum power_seen *seen, struct error *err)
{
    return power_outlet_read_dli(reply->body, strtol(unit, NULL, 10), seen, err);
}

static enum error_code read_msftocs(const struct http_client_reply *reply, const char *unit,
                                    enum power_seen *seen, struct error *err)
{
    (void)unit;
    return power_outlet_read_msftocs(reply->body, reply->body_size, seen, err);
}

static enum error_code read_recs(const struct http_client_reply *reply, const char *unit,
                                 enum power_seen *seen, struct error *err)
{
    (void)unit;
    return power_outlet_read_recs(reply->body, reply->body_size, seen, err);
}

/* ---- talking ---- */

static enum error_code ask(struct outlet *outlet, const struct request *request,
                           struct http_client_reply *reply, struct error *err)
{
    struct arena *arena = outlet->http.arena;
    const char *unit = power_order_text(outlet->http.order, outlet->kind->unit);
    const char *place = strstr(request->path, "%s");
    struct power_http_call call = {
        .method = request->method,
        .path = place ? arena_printf(arena, "%.*s%s%s", (int)(place - request->path), request->path,
                                     http_client_escape(arena, unit), place + 2)
                      : request->path,
        .body = request->body,
        .type = "application/x-www-form-urlencoded",
    };
    return power_http_run(&outlet->http, &call, reply, err);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct outlet *outlet = subject;
    struct http_client_reply reply;
    const char *unit = power_order_text(outlet->http.order, outlet->kind->unit);
    enum error_code code = ask(outlet, &outlet->kind->query, &reply, err);
    if (code)
        return code;
    code = outlet->kind->read(&reply, unit, seen, err);
    return code ? error_wrap(err, "the BMC at %s", power_order_where(outlet->http.order)) : code;
}

static enum error_code turn_on(void *subject, struct error *err)
{
    struct outlet *outlet = subject;
    struct http_client_reply reply;
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(outlet->kind->on) && outlet->kind->on[i].path && !code; i++)
        code = ask(outlet, &outlet->kind->on[i], &reply, err);
    return code;
}

static enum error_code turn_off(void *subject, struct error *err)
{
    struct outlet *outlet = subject;
    struct http_client_reply reply;
    return ask(outlet, &outlet->kind->off, &reply, err);
}

static void begin(struct outlet *outlet, const struct power_order *order, struct arena *arena)
{
    outlet->kind = kinds;
    while (outlet->kind < kinds + COUNT_OF(kinds) - 1 &&
           strcmp(outlet->kind->driver, order->driver->name) != 0)
        outlet->kind++;
    power_http_open(&outlet->http, order, arena);
    power_http_xml(&outlet->http);
    power_http_base(&outlet->http, "http", power_order_port(order, outlet->kind->port));
    if (*power_order_text(order, "power_user")) {
        outlet->http.user = power_order_text(order, "power_user");
        outlet->http.password = power_order_text(order, "power_pass");
    }
}

enum error_code power_outlet_run(const struct power_order *order, struct arena *arena,
                                 enum power_seen *seen, struct error *err)
{
    struct outlet outlet;
    begin(&outlet, order, arena);
    struct power_steps steps = {order, outlet.http.deadline_ns, &outlet, query, turn_on, turn_off,
                                NULL};
    enum error_code code = power_steps_run(&steps, seen, err);
    power_http_close(&outlet.http);
    return code;
}

/* ---- the machines of a chassis ---- */

/* <BladeInfoResponse><bladeNumber>7<bladeMacAddress><NicInfo><macAddress>...; empty places answer
 * with an error code of their own and without addresses. */
enum error_code power_outlet_add_blades(const struct power_xml_element *root, struct arena *arena,
                                        struct power_chassis *chassis, struct error *err)
{
    const struct power_xml_element *blade = NULL, *mac;
    enum error_code code = ERR_OK;
    while (!code && (blade = power_xml_next(root, blade, "BladeInfo"))) {
        struct power_chassis_machine machine = {.name = "", .unit = "blade_id"};
        machine.value = power_xml_text(power_xml_next(blade, NULL, "bladeNumber"), arena);
        mac = NULL;
        while ((mac = power_xml_next(blade, mac, "macAddress")))
            power_chassis_mac(&machine, power_xml_text(mac, arena));
        if (machine.value)
            code = power_chassis_add(chassis, &machine, err);
    }
    return code;
}

enum error_code power_outlet_add_nodes(const struct power_xml_element *root, struct arena *arena,
                                       struct power_chassis *chassis, struct error *err)
{
    static const char *const macs[] = {"macAddressMgmt", "macAddressCompute"};
    const struct power_xml_element *module = NULL;
    enum error_code code = ERR_OK;
    while (!code && (module = power_xml_next(root, module, "node"))) {
        struct power_chassis_machine machine = {.name = "", .unit = "node_id"};
        machine.value = power_xml_attribute(module, "id", arena);
        machine.architecture = power_xml_attribute(module, "architecture", arena);
        for (size_t i = 0; i < COUNT_OF(macs); i++)
            power_chassis_mac(&machine, power_xml_attribute(module, macs[i], arena));
        if (machine.value)
            code = power_chassis_add(chassis, &machine, err);
    }
    return code;
}

enum error_code power_outlet_list(const struct power_order *order, struct arena *arena,
                                  struct power_chassis *chassis, struct error *err)
{
    bool recs = !strcmp(order->driver->name, "recs_box");
    struct power_http_call call = {.path = recs ? "/REST/node" : "/GetChassisInfo"};
    struct http_client_reply reply;
    struct power_xml *xml;
    struct outlet outlet;
    begin(&outlet, order, arena);
    enum error_code code = power_http_run(&outlet.http, &call, &reply, err);
    code = code ? code : power_xml_read(reply.body, reply.body_size, &xml, err);
    if (!code) {
        code = (recs ? power_outlet_add_nodes : power_outlet_add_blades)(power_xml_root(xml), arena,
                                                                         chassis, err);
        power_xml_free(xml);
    }
    power_http_close(&outlet.http);
    return code ? error_wrap(err, "the BMC at %s", power_order_where(order)) : code;
}
