/* The driver "proxmox": see power_proxmox.h. */
#include "src/rack/power_proxmox.h"

#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"

#define API "/api2/json"

enum { PORT = 8006, TICKET_BYTES = 2048 };

/* One order under way. */
struct proxmox {
    struct power_http http;
    struct power_proxmox_vm vm;
};

/* ---- decoding ---- */

static bool is_named(json_t *each, const char *name)
{
    char vmid[24];
    const char *text = json_string_value(json_object_get(each, "name"));
    snprintf(vmid, sizeof(vmid), "%lld", json_integer_value(json_object_get(each, "vmid")));
    return !strcmp(vmid, name) || (text && !strcmp(text, name));
}

static bool take_vm(json_t *each, struct power_proxmox_vm *vm)
{
    static const char *const types[] = {"qemu", "lxc"};
    const char *place = json_string_value(json_object_get(each, "node"));
    const char *type = json_string_value(json_object_get(each, "type"));
    const char *status = json_string_value(json_object_get(each, "status"));
    json_int_t vmid = json_integer_value(json_object_get(each, "vmid"));
    *vm = (struct power_proxmox_vm){.vmid = (long)vmid, .power = POWER_SEEN_UNKNOWN};
    for (size_t i = 0; type && i < COUNT_OF(types); i++)
        if (!strcmp(types[i], type))
            vm->type = types[i];
    if (!place || !*place || strlen(place) >= sizeof(vm->place) || !vm->type || vmid < 1 ||
        vmid > 999999999)
        return false;
    for (const char *p = place; *p; p++) /* it becomes part of a path */
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '-'))
            return false;
    strcpy(vm->place, place);
    if (status && !strcmp(status, "running"))
        vm->power = POWER_SEEN_ON;
    else if (status && !strcmp(status, "stopped"))
        vm->power = POWER_SEEN_OFF;
    return true;
}

enum error_code power_proxmox_find(const char *bytes, size_t size, const char *name,
                                   struct power_proxmox_vm *vm, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    size_t i;
    int found = 0;
    json_t *each;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    json_array_foreach (json_object_get(object, "data"), i, each) {
        if (!is_named(each, name))
            continue;
        if (!take_vm(each, vm))
            return error_set(err, ERR_CORRUPT, "a machine without node, type or vmid");
        found++;
    }
    if (found > 1)
        return error_set(err, ERR_BAD_INPUT, "%d machines are called so: say the VM id", found);
    return found ? ERR_OK
                 : error_set(err, ERR_NOT_FOUND, "no such machine, or none that this user may see");
}

/* ---- talking ---- */

static const char *ticket_part(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, "data"), name));
    return text && *text && strlen(text) < TICKET_BYTES ? text : NULL;
}

static enum error_code ask_ticket(struct proxmox *proxmox, struct error *err)
{
    struct power_http *http = &proxmox->http;
    struct arena *arena = http->arena;
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    struct power_http_call call = {
        .method = "POST",
        .path = API "/access/ticket",
        .type = "application/x-www-form-urlencoded",
        .body =
            arena_printf(arena, "username=%s&password=%s",
                         http_client_escape(arena, power_order_text(http->order, "power_user")),
                         http_client_escape(arena, power_order_text(http->order, "power_pass"))),
    };
    enum error_code code = power_http_json(http, &call, &object, err);
    if (code)
        return code;
    const char *ticket = ticket_part(object, "ticket");
    const char *token = ticket_part(object, "CSRFPreventionToken");
    if (!ticket || !token)
        return error_set(err, ERR_CORRUPT, "the BMC at %s gives no ticket",
                         power_order_where(http->order));
    power_http_header(http, arena_printf(arena, "Cookie: PVEAuthCookie=%s", ticket));
    power_http_header(http, arena_printf(arena, "CSRFPreventionToken: %s", token));
    return ERR_OK;
}

static enum error_code log_in(struct proxmox *proxmox, struct error *err)
{
    struct power_http *http = &proxmox->http;
    const char *user = power_order_text(http->order, "power_user");
    const char *name = power_order_text(http->order, "power_token_name");
    bool whole = strchr(name, '!') != NULL;
    if (!*name)
        return ask_ticket(proxmox, err);
    power_http_header(http, arena_printf(http->arena, "Authorization: PVEAPIToken=%s%s%s=%s",
                                         whole ? "" : user, whole ? "" : "!", name,
                                         power_order_text(http->order, "power_token_secret")));
    return ERR_OK;
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct proxmox *proxmox = subject;
    struct http_client_reply reply;
    const struct power_order *order = proxmox->http.order;
    const char *name = power_order_text(order, "power_vm_name");
    struct power_http_call call = {.path = API "/cluster/resources?type=vm"};
    enum error_code code = power_http_run(&proxmox->http, &call, &reply, err);
    if (code)
        return code;
    code = power_proxmox_find(reply.body, reply.body_size, name, &proxmox->vm, err);
    *seen = proxmox->vm.power;
    return code ? error_wrap(err, "the BMC at %s: %s", power_order_where(order), name) : code;
}

static enum error_code change(struct proxmox *proxmox, const char *how, struct error *err)
{
    struct http_client_reply reply;
    const struct power_proxmox_vm *vm = &proxmox->vm;
    struct power_http_call call = {
        .method = "POST",
        .path = arena_printf(proxmox->http.arena, API "/nodes/%s/%s/%ld/status/%s", vm->place,
                             vm->type, vm->vmid, how),
    };
    return power_http_run(&proxmox->http, &call, &reply, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    return change(subject, "start", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return change(subject, "stop", err);
}

static void begin(struct proxmox *proxmox, const struct power_order *order, struct arena *arena)
{
    power_http_open(&proxmox->http, order, arena);
    power_http_base(&proxmox->http, "https", PORT);
    proxmox->http.tls.anyone = strcmp(power_order_text(order, "power_verify_ssl"), "y") != 0;
}

enum error_code power_proxmox_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err)
{
    struct proxmox proxmox = {.vm = {.power = POWER_SEEN_UNKNOWN}};
    begin(&proxmox, order, arena);
    struct power_steps steps = {order, proxmox.http.deadline_ns, &proxmox, query, turn_on, turn_off,
                                NULL};
    enum error_code code = log_in(&proxmox, err);
    code = code ? code : power_steps_run(&steps, seen, err);
    power_http_close(&proxmox.http);
    return code;
}

/* ---- the machines of a cluster ---- */

/* "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0", of containers "...,hwaddr=BC:24:...". */
static void take_macs(json_t *config, struct arena *arena, struct power_chassis_machine *machine)
{
    const char *key, *text;
    json_t *value;
    json_object_foreach (config, key, value) {
        text = json_string_value(value);
        if (strncmp(key, "net", 3) != 0 || !text)
            continue;
        while (*text) {
            size_t size = strcspn(text, ",");
            const char *term = arena_strndup(arena, text, size);
            const char *equals = strchr(term, '=');
            power_chassis_mac(machine, equals ? equals + 1 : NULL);
            text += size + (text[size] == ',');
        }
    }
}

static enum error_code add_vm(struct proxmox *proxmox, json_t *each, struct power_chassis *chassis,
                              struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    struct arena *arena = proxmox->http.arena;
    const char *name = json_string_value(json_object_get(each, "name"));
    struct power_proxmox_vm vm;
    if (!take_vm(each, &vm))
        return error_set(err, ERR_CORRUPT, "a machine without node, type or vmid");
    struct power_http_call call = {
        .path = arena_printf(arena, API "/nodes/%s/%s/%ld/config", vm.place, vm.type, vm.vmid)};
    struct power_chassis_machine machine = {.name = name ? name : "",
                                            .unit = "power_vm_name",
                                            .value = arena_printf(arena, "%ld", vm.vmid)};
    enum error_code code = power_http_json(&proxmox->http, &call, &object, err);
    if (code)
        return code;
    take_macs(json_object_get(object, "data"), arena, &machine);
    return power_chassis_add(chassis, &machine, err);
}

static enum error_code add_vms(struct proxmox *proxmox, struct power_chassis *chassis,
                               struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    struct power_http_call call = {.path = API "/cluster/resources?type=vm"};
    json_t *each;
    size_t i;
    enum error_code code = power_http_json(&proxmox->http, &call, &object, err);
    json_array_foreach (json_object_get(object, "data"), i, each) {
        if (code)
            break;
        if (!json_is_true(json_object_get(each, "template")) &&
            json_integer_value(json_object_get(each, "template")) != 1)
            code = add_vm(proxmox, each, chassis, err);
    }
    return code;
}

enum error_code power_proxmox_list(const struct power_order *order, struct arena *arena,
                                   struct power_chassis *chassis, struct error *err)
{
    struct proxmox proxmox = {.vm = {.power = POWER_SEEN_UNKNOWN}};
    begin(&proxmox, order, arena);
    enum error_code code = log_in(&proxmox, err);
    code = code ? code : add_vms(&proxmox, chassis, err);
    power_http_close(&proxmox.http);
    return code;
}
