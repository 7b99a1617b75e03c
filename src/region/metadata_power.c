/* BMCs that machines find: see metadata_power.h. Source: MAAS API 2.0, op=signal. */
#include "src/region/metadata_power.h"

#include <jansson.h>
#include <string.h>

#include "src/model/power_driver.h"
#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/machine_power.h"

enum { JSON_BYTES = 16384 };

static const char *address_of(const json_t *parameters)
{
    const char *address = json_string_value(json_object_get(parameters, "power_address"));
    return address ? address : "";
}

/* What people said stays, unless it is the same BMC. */
static bool may_take(const struct machine_power *known, const char *type, const json_t *found)
{
    if (!*known->type || !strcmp(known->type, "manual"))
        return true;
    return !strcmp(known->type, type) && !strcmp(address_of(known->parameters), address_of(found));
}

static enum error_code keep(struct api_request *request, const struct metadata_machine *machine,
                            const struct machine_power *power, struct error *err)
{
    struct event event = {
        .type = "NODE_STATUS_EVENT",
        .system_id = machine->system_id,
        .description = arena_printf(request->arena, "its BMC: %s at %s", power->type,
                                    address_of(power->parameters)),
    };
    enum error_code code = machine_power_store(request->db, http_settings(request->http)->ring,
                                               power, request->arena, err);
    return code ? code : event_add(request->db, &event, request->arena, err);
}

static enum error_code merge(struct api_request *request, const struct metadata_machine *machine,
                             const char *type, json_t *found, struct error *err)
{
    struct machine_power power = {0};
    struct error why;
    enum error_code code = machine_power_load(request->db, http_settings(request->http)->ring,
                                              machine->system_id, request->arena, &power, err);
    if (!code && may_take(&power, type, found)) {
        if (strcmp(power.type, type) != 0)
            json_object_clear(power.parameters);
        power.type = type;
        power.changed = true;
        json_object_update(power.parameters, found);
        code = power_driver_check(power_driver_find(type), power.parameters, &why);
        code = code ? error_set(err, ERR_BAD_INPUT, "power_parameters: %s", why.text)
                    : keep(request, machine, &power, err);
    }
    machine_power_close(&power);
    return code;
}

enum error_code metadata_power_take(struct api_request *request,
                                    const struct metadata_machine *machine, struct error *err)
{
    const char *type = api_param(request, "power_type");
    const char *text = api_param(request, "power_parameters");
    __attribute__((cleanup(json_decrefp))) json_t *found = NULL;
    if (!type || !*type || !strcmp(type, "manual"))
        return ERR_OK;
    if (strcmp(type, "ipmi") != 0 && strcmp(type, "redfish") != 0)
        return error_set(err, ERR_BAD_INPUT, "power_type: machines may name ipmi and redfish.");
    if (text && strlen(text) <= JSON_BYTES)
        found = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(found))
        return error_set(err, ERR_BAD_INPUT, "power_parameters: expected a JSON object.");
    return merge(request, machine, type, found, err);
}
