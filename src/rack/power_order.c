/* One order to a power driver: see power_order.h. */
#include "src/rack/power_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/rack/power.h"
#include "src/rack/power_amt.h"
#include "src/rack/power_chassis.h"
#include "src/rack/power_console.h"
#include "src/rack/power_hmcz.h"
#include "src/rack/power_ipmi.h"
#include "src/rack/power_lxd.h"
#include "src/rack/power_openbmc.h"
#include "src/rack/power_outlet.h"
#include "src/rack/power_pdu.h"
#include "src/rack/power_proxmox.h"
#include "src/rack/power_redfish.h"
#include "src/rack/power_sm15k.h"
#include "src/rack/power_ucsm.h"
#include "src/rack/power_virsh.h"
#include "src/rack/power_vmware.h"
#include "src/rack/power_wake.h"
#include "src/rack/power_webhook.h"

static const char *const action_words[] = {[POWER_ON] = "on",
                                           [POWER_OFF] = "off",
                                           [POWER_CYCLE] = "cycle",
                                           [POWER_QUERY] = "query",
                                           [POWER_LIST] = "list"};
static const char *const seen_words[] = {
    [POWER_SEEN_ON] = "on", [POWER_SEEN_OFF] = "off", [POWER_SEEN_UNKNOWN] = "unknown"};

const char *power_order_action_word(enum power_action action)
{
    return action_words[action];
}

const char *power_order_seen_word(enum power_seen seen)
{
    return seen_words[seen];
}

static enum error_code take_text(json_t *params, const char *key, char *into, size_t room,
                                 struct error *err)
{
    const char *text = json_string_value(json_object_get(params, key));
    if (!text || !*text || strlen(text) >= room)
        return error_set(err, ERR_BAD_INPUT, "power: %s: expected a text of at most %zu bytes", key,
                         room - 1);
    strcpy(into, text);
    return ERR_OK;
}

static enum error_code take_action(json_t *params, struct power_order *order, struct error *err)
{
    const char *text = json_string_value(json_object_get(params, "action"));
    for (size_t i = 0; text && i < COUNT_OF(action_words); i++) {
        if (strcmp(action_words[i], text) != 0)
            continue;
        order->action = (enum power_action)i;
        return ERR_OK;
    }
    return error_set(err, ERR_BAD_INPUT, "power: action: expected on, off, cycle, query or list");
}

static enum error_code take_driver(json_t *params, struct power_order *order, struct error *err)
{
    const char *name = json_string_value(json_object_get(params, "driver"));
    json_t *parameters = json_object_get(params, "parameters");
    order->driver = name ? power_driver_find(name) : NULL;
    if (!order->driver)
        return error_set(err, ERR_NOT_FOUND, "this rack has no power driver %.40s",
                         name ? name : "(none)");
    enum error_code code = order->action == POWER_LIST
                               ? power_driver_check_bmc(order->driver, parameters, err)
                               : power_driver_check(order->driver, parameters, err);
    if (code)
        return code;
    order->parameters = json_object();
    power_driver_texts(parameters, order->parameters);
    return ERR_OK;
}

/* "" = the driver has none, or its usual one. */
static void take_port(struct power_order *order)
{
    const struct power_parameter *parameter = power_driver_parameter(order->driver, "power_port");
    if (!parameter)
        return;
    const char *text = power_order_text(order, "power_port");
    snprintf(order->port, sizeof(order->port), "%s", *text ? text : parameter->fallback);
}

static void name_bmc(struct power_order *order)
{
    char host[256];
    const struct power_driver *driver = order->driver;
    if (driver->address && power_driver_host(driver, order->parameters, host, sizeof(host)) &&
        *host)
        snprintf(order->bmc, sizeof(order->bmc), "%s %s%s%s", driver->name, host,
                 *order->port ? ":" : "", order->port);
    if (driver->unit && order->action != POWER_LIST)
        snprintf(order->unit, sizeof(order->unit), "%s",
                 power_driver_text(driver, order->parameters, driver->unit));
}

enum error_code power_order_parse(json_t *params, struct power_order *order, struct error *err)
{
    json_t *timeout = json_object_get(params, "timeout_ms");
    *order = (struct power_order){.action = POWER_QUERY};
    enum error_code code =
        take_text(params, "request", order->request, sizeof(order->request), err);
    code = code ? code
                : take_text(params, "system_id", order->system_id, sizeof(order->system_id), err);
    code = code ? code : take_action(params, order, err);
    if (!code && (!json_is_integer(timeout) || json_integer_value(timeout) < 1 ||
                  json_integer_value(timeout) > POWER_TIMEOUT_MS))
        code =
            error_set(err, ERR_BAD_INPUT, "power: timeout_ms: expected 1 to %d", POWER_TIMEOUT_MS);
    order->background = json_is_true(json_object_get(params, "background"));
    if (!code && order->background && order->action != POWER_QUERY)
        code = error_set(err, ERR_BAD_INPUT, "power: background: only for action query");
    code = code ? code : take_driver(params, order, err);
    if (code)
        return code;
    order->timeout_ms = (unsigned)json_integer_value(timeout);
    take_port(order);
    name_bmc(order);
    return ERR_OK;
}

void power_order_close(struct power_order *order)
{
    json_decref(order->parameters);
    order->parameters = NULL;
}

const char *power_order_where(const struct power_order *order)
{
    const char *space = strchr(order->bmc, ' ');
    return space ? space + 1 : order->driver->name;
}

const char *power_order_text(const struct power_order *order, const char *name)
{
    return power_driver_text(order->driver, order->parameters, name);
}

int power_order_port(const struct power_order *order, int fallback)
{
    return *order->port ? (int)strtol(order->port, NULL, 10) : fallback;
}

const char *power_order_peer_host(const struct power_order *order, struct arena *arena)
{
    char host[256];
    power_driver_host(order->driver, order->parameters, host, sizeof(host));
    return arena_strdup(arena, host);
}

const char *power_order_peer_port(const struct power_order *order, const char *fallback)
{
    const char *address = power_order_text(order, "power_address");
    const char *bracket = strchr(address, ']'); /* colons before it are those of IPv6 */
    const char *colon = strchr(bracket ? bracket : address, ':');
    return *order->port ? order->port : colon ? colon + 1 : fallback;
}

/* A person does it: nothing to do here, and nothing is known. */
static enum error_code run_manual(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err)
{
    (void)order, (void)arena, (void)err;
    *seen = POWER_SEEN_UNKNOWN;
    return ERR_OK;
}

static const struct {
    const char *driver;
    enum error_code (*run)(const struct power_order *order, struct arena *arena,
                           enum power_seen *seen, struct error *err);
} drivers[] = {
    {"ipmi", power_ipmi_run},       {"manual", run_manual},        {"redfish", power_redfish_run},
    {"webhook", power_webhook_run}, {"apc", power_pdu_run},        {"eaton", power_pdu_run},
    {"raritan", power_pdu_run},     {"wakeonlan", power_wake_run}, {"proxmox", power_proxmox_run},
    {"lxd", power_lxd_run},         {"virsh", power_virsh_run},    {"amt", power_amt_run},
    {"dli", power_outlet_run},      {"msftocs", power_outlet_run}, {"recs_box", power_outlet_run},
    {"hmc", power_console_run},     {"mscm", power_console_run},   {"wedge", power_console_run},
    {"hmcz", power_hmcz_run},       {"moonshot", power_ipmi_run},  {"openbmc", power_openbmc_run},
    {"sm15k", power_sm15k_run},     {"ucsm", power_ucsm_run},      {"vmware", power_vmware_run},
};

enum error_code power_order_run(const struct power_order *order, struct arena *arena,
                                enum power_seen *seen, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(drivers); i++)
        if (!strcmp(drivers[i].driver, order->driver->name))
            return drivers[i].run(order, arena, seen, err);
    return error_set(err, ERR_NOT_FOUND, "this rack has no power driver %s", order->driver->name);
}

enum error_code power_order_list(const struct power_order *order, struct arena *arena,
                                 json_t **machines, struct error *err)
{
    static const struct {
        const char *driver;
        enum error_code (*list)(const struct power_order *order, struct arena *arena,
                                struct power_chassis *chassis, struct error *err);
    } lists[] = {
        {"virsh", power_virsh_list},    {"proxmox", power_proxmox_list},
        {"msftocs", power_outlet_list}, {"recs_box", power_outlet_list},
        {"vmware", power_vmware_list},  {"ucsm", power_ucsm_list},
        {"hmcz", power_hmcz_list},      {"mscm", power_console_list},
    };
    struct power_chassis chassis = {.machines = json_array()};
    enum error_code code = ERR_NOT_FOUND;
    size_t i = 0;
    while (i < COUNT_OF(lists) && strcmp(lists[i].driver, order->driver->name) != 0)
        i++;
    if (i < COUNT_OF(lists))
        code = lists[i].list(order, arena, &chassis, err);
    else
        error_set(err, code, "the driver %s cannot list machines", order->driver->name);
    if (code)
        json_decref(chassis.machines);
    *machines = code ? NULL : chassis.machines;
    return code;
}
