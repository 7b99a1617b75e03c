/* The driver "amt": see power_amt.h. */
#include "src/rack/power_amt.h"

#include <stdlib.h>
#include <string.h>

#include "src/rack/power_soap.h"
#include "src/rack/power_steps.h"

enum { PORT = 16992, STATES = 17 };

#define CIM     "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
#define WSA     "http://schemas.xmlsoap.org/ws/2004/08/addressing"
#define WSEN    "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
#define WSMAN   "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
#define SPACES  " xmlns:a=\"" WSA "\" xmlns:w=\"" WSMAN "\""
#define NOBODY  "<a:Address>" WSA "/role/anonymous</a:Address>"
#define ON      "2"
#define OFF     "8"
#define RESTART "10"

/* A reference to one object, by its class and key. */
#define REFERENCE(class, selectors)                                                       \
    NOBODY "<a:ReferenceParameters><w:ResourceURI>" CIM class "</w:ResourceURI>"          \
                                                              "<w:SelectorSet>" selectors \
                                                              "</w:SelectorSet></"        \
                                                              "a:ReferenceParameters>"
#define SELECTOR(name, value) "<w:Selector Name=\"" name "\">" value "</w:Selector>"
#define OF_AMT(class, name)                                   \
    SELECTOR("CreationClassName", class)                      \
    SELECTOR("Name", name)                                    \
    SELECTOR("SystemCreationClassName", "CIM_ComputerSystem") \
    SELECTOR("SystemName", "Intel(r) AMT")
#define BOOT_CONFIG SELECTOR("InstanceID", "Intel(r) AMT: Boot Configuration 0")

/* A method of one object. */
struct method {
    const char *class, *selectors, *name;
    const char *input; /* XML */
};

static const struct method boot_pxe = {
    "CIM_BootConfigSetting", BOOT_CONFIG, "ChangeBootOrder",
    "<p:Source>" REFERENCE("CIM_BootSourceSetting",
                           SELECTOR("InstanceID", "Intel(r) AMT: Force PXE Boot")) "</p:Source>"};
static const struct method boot_once = {
    "CIM_BootService", OF_AMT("CIM_BootService", "Intel(r) AMT Boot Service"), "SetBootConfigRole",
    "<p:BootConfigSetting>" REFERENCE("CIM_BootConfigSetting", BOOT_CONFIG) "</p:BootConfigSetting>"
                                                                            "<p:Role>1</p:Role>"};

/* One order under way. */
struct amt {
    struct power_http http;
    int messages;
};

/* ---- decoding ---- */

bool power_amt_read(const struct power_xml *xml, enum power_seen *seen)
{
    static const enum power_seen states[STATES] = {
        [0] = POWER_SEEN_UNKNOWN, [1] = POWER_SEEN_UNKNOWN, [11] = POWER_SEEN_UNKNOWN,
        [2] = POWER_SEEN_ON,      [3] = POWER_SEEN_ON,      [4] = POWER_SEEN_ON,
        [5] = POWER_SEEN_ON,      [6] = POWER_SEEN_OFF,     [7] = POWER_SEEN_ON,
        [8] = POWER_SEEN_OFF,     [9] = POWER_SEEN_ON,      [10] = POWER_SEEN_ON,
        [12] = POWER_SEEN_OFF,    [13] = POWER_SEEN_OFF,    [14] = POWER_SEEN_ON,
        [15] = POWER_SEEN_ON,     [16] = POWER_SEEN_ON};
    struct arena *arena = arena_new();
    const char *text =
        power_xml_text(power_xml_next(power_xml_root(xml), NULL, "PowerState"), arena);
    long number = text ? strtol(text, NULL, 10) : -1;
    bool found = text && *text;
    *seen = number >= 0 && number < STATES ? states[number] : POWER_SEEN_UNKNOWN;
    arena_free(arena);
    return found;
}

/* ---- talking ---- */

static const char *header(struct amt *amt, const char *action, const char *class,
                          const char *selectors)
{
    return arena_printf(amt->http.arena,
                        "<a:Action xmlns:a=\"" WSA "\">%s</a:Action>"
                        "<a:To xmlns:a=\"" WSA "\">/wsman</a:To>"
                        "<w:ResourceURI xmlns:w=\"" WSMAN "\">" CIM "%s</w:ResourceURI>"
                        "<a:MessageID xmlns:a=\"" WSA "\">%d</a:MessageID>"
                        "<a:ReplyTo xmlns:a=\"" WSA "\">" NOBODY "</a:ReplyTo>"
                        "<w:OperationTimeout xmlns:w=\"" WSMAN "\">PT20S</w:OperationTimeout>%s",
                        action, class, ++amt->messages, selectors);
}

static enum error_code invoke(struct amt *amt, const struct method *method, struct error *err)
{
    struct arena *arena = amt->http.arena;
    struct power_xml *xml;
    struct power_soap_call call = {
        .path = "/wsman",
        .header = header(
            amt, arena_printf(arena, CIM "%s/%s", method->class, method->name), method->class,
            arena_printf(arena, "<w:SelectorSet xmlns:w=\"" WSMAN "\">%s</w:SelectorSet>",
                         method->selectors)),
        .body = arena_printf(arena, "<p:%s_INPUT xmlns:p=\"" CIM "%s\"" SPACES ">%s</p:%s_INPUT>",
                             method->name, method->class, method->input, method->name),
    };
    enum error_code code = power_soap_run(&amt->http, &call, &xml, err);
    if (code)
        return code;
    const char *value =
        power_xml_text(power_xml_next(power_xml_root(xml), NULL, "ReturnValue"), arena);
    power_xml_free(xml);
    return value && !strcmp(value, "0") ? ERR_OK
                                        : error_set(err, ERR_IO, "the BMC at %s answers %s to %s",
                                                    power_order_where(amt->http.order),
                                                    value ? value : "nothing", method->name);
}

static enum error_code enumerate(struct amt *amt, const char *action, const char *body,
                                 struct power_xml **xml, struct error *err)
{
    struct power_soap_call call = {
        .path = "/wsman",
        .header = header(amt, action, "CIM_AssociatedPowerManagementService", ""),
        .body = body,
    };
    return power_soap_run(&amt->http, &call, xml, err);
}

/* The items come at once from some, and must be fetched from others. */
static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct amt *amt = subject;
    struct arena *arena = amt->http.arena;
    struct power_xml *xml;
    enum error_code code =
        enumerate(amt, WSEN "/Enumerate",
                  "<e:Enumerate xmlns:e=\"" WSEN "\" xmlns:w=\"" WSMAN "\">"
                  "<w:OptimizeEnumeration/><w:MaxElements>4</w:MaxElements></e:Enumerate>",
                  &xml, err);
    if (code)
        return code;
    bool found = power_amt_read(xml, seen);
    const char *place =
        power_xml_text(power_xml_next(power_xml_root(xml), NULL, "EnumerationContext"), arena);
    power_xml_free(xml);
    if (!found && place && *place) {
        code = enumerate(amt, WSEN "/Pull",
                         arena_printf(arena,
                                      "<e:Pull xmlns:e=\"" WSEN "\"><e:EnumerationContext>%s"
                                      "</e:EnumerationContext><e:MaxElements>4</e:MaxElements>"
                                      "</e:Pull>",
                                      power_xml_escape(arena, place)),
                         &xml, err);
        if (code)
            return code;
        found = power_amt_read(xml, seen);
        power_xml_free(xml);
    }
    return found ? ERR_OK
                 : error_set(err, ERR_CORRUPT, "the BMC at %s tells no power state",
                             power_order_where(amt->http.order));
}

static enum error_code change(struct amt *amt, const char *wanted, struct error *err)
{
    struct method method = {
        "CIM_PowerManagementService",
        OF_AMT("CIM_PowerManagementService", "Intel(r) AMT Power Management Service"),
        "RequestPowerStateChange",
        arena_printf(amt->http.arena,
                     "<p:PowerState>%s</p:PowerState><p:ManagedElement>" REFERENCE(
                         "CIM_ComputerSystem",
                         SELECTOR("CreationClassName", "CIM_ComputerSystem")
                             SELECTOR("Name", "ManagedSystem")) "</p:ManagedElement>",
                     wanted)};
    return invoke(amt, &method, err);
}

static enum error_code boot_from_network(struct amt *amt, struct error *err)
{
    enum error_code code = invoke(amt, &boot_pxe, err);
    return code ? code : invoke(amt, &boot_once, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    enum error_code code = boot_from_network(subject, err);
    return code ? code : change(subject, ON, err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return change(subject, OFF, err);
}

static enum error_code restart(void *subject, struct error *err)
{
    enum error_code code = boot_from_network(subject, err);
    return code ? code : change(subject, RESTART, err);
}

enum error_code power_amt_run(const struct power_order *order, struct arena *arena,
                              enum power_seen *seen, struct error *err)
{
    struct amt amt = {.messages = 0};
    power_http_open(&amt.http, order, arena);
    power_http_xml(&amt.http);
    power_http_base(&amt.http, "http", PORT);
    amt.http.user = "admin";
    amt.http.password = power_order_text(order, "power_pass");
    amt.http.digest = true;
    struct power_steps steps = {order,  amt.http.deadline_ns, &amt, query, turn_on, turn_off,
                                restart};
    enum error_code code = power_steps_run(&steps, seen, err);
    power_http_close(&amt.http);
    return code;
}
