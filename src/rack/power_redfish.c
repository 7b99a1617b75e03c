/* The driver "redfish": see power_redfish.h. */
#include "src/rack/power_redfish.h"

#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"

#define SYSTEMS "/redfish/v1/Systems"
#define BOOT_ONCE \
    "{\"Boot\":{\"BootSourceOverrideEnabled\":\"Once\",\"BootSourceOverrideTarget\":\"Pxe\"}}"

enum { PATCH_TRIES = 3 };

/* One order under way. */
struct redfish {
    struct power_http http;
    char path[POWER_REDFISH_PATH]; /* of the system */
    struct power_redfish_system system;
};

/* ---- decoding ---- */

static enum power_seen read_power(json_t *object)
{
    static const struct {
        const char *word;
        enum power_seen seen;
    } words[] = {{"On", POWER_SEEN_ON},
                 {"PoweringOn", POWER_SEEN_ON},
                 {"Off", POWER_SEEN_OFF},
                 {"PoweringOff", POWER_SEEN_ON},
                 {"Paused", POWER_SEEN_ON}};
    const char *text = json_string_value(json_object_get(object, "PowerState"));
    for (size_t i = 0; text && i < COUNT_OF(words); i++)
        if (!strcasecmp(words[i].word, text))
            return words[i].seen;
    return POWER_SEEN_UNKNOWN;
}

static bool allows(json_t *values, const char *word)
{
    size_t i;
    json_t *value;
    json_array_foreach (values, i, value)
        if (json_is_string(value) && !strcmp(json_string_value(value), word))
            return true;
    return !json_is_array(values);
}

static const char *first_allowed(json_t *values, const char *const *words)
{
    for (; *words; words++)
        if (allows(values, *words))
            return *words;
    return NULL;
}

/* Foreign text that becomes part of a request: a path of our own host, in visible ASCII. */
static bool take_visible(json_t *value, char *into, size_t room)
{
    const char *text = json_string_value(value);
    if (!text || strlen(text) >= room)
        return false;
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    strcpy(into, text);
    return true;
}

enum error_code power_redfish_read_system(const char *bytes, size_t size,
                                          struct power_redfish_system *system, struct error *err)
{
    static const char *const on[] = {"On", "ForceOn", "PushPowerButton", NULL};
    static const char *const off[] = {"ForceOff", NULL};
    static const char *const restart[] = {"ForceRestart", "PowerCycle", NULL};
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    json_t *reset = json_object_get(json_object_get(object, "Actions"), "#ComputerSystem.Reset");
    json_t *values = json_object_get(reset, "ResetType@Redfish.AllowableValues");
    *system = (struct power_redfish_system){
        .power = read_power(object),
        .on = first_allowed(values, on),
        .off = first_allowed(values, off),
        .restart = first_allowed(values, restart),
    };
    if (!take_visible(json_object_get(object, "@odata.etag"), system->etag, sizeof(system->etag)))
        system->etag[0] = '\0';
    if (!take_visible(json_object_get(reset, "target"), system->target, sizeof(system->target)) ||
        system->target[0] != '/' || system->target[1] == '/')
        system->target[0] = '\0';
    if (!system->on || !system->off)
        return error_set(err, ERR_IO, "the system cannot be turned on and off by its BMC");
    return ERR_OK;
}

enum error_code power_redfish_read_members(const char *bytes, size_t size,
                                           char path[POWER_REDFISH_PATH], struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    json_t *members = json_object_get(object, "Members");
    if (json_array_size(members) > 1)
        return error_set(err, ERR_BAD_INPUT, "it has %zu systems: say which one by node_id",
                         json_array_size(members));
    json_t *id = json_object_get(json_array_get(members, 0), "@odata.id");
    if (!take_visible(id, path, POWER_REDFISH_PATH) || path[0] != '/' || path[1] == '/')
        return error_set(err, ERR_CORRUPT, "no system is among its Members");
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = '\0';
    return ERR_OK;
}

/* ---- talking ---- */

/* Some BMCs know their resources by the name with a slash at the end alone. */
static enum error_code get(struct redfish *redfish, const char *path,
                           struct http_client_reply *reply, struct error *err)
{
    struct power_http_call call = {.path = path};
    enum error_code code = power_http_run(&redfish->http, &call, reply, err);
    if (code != ERR_NOT_FOUND)
        return code;
    call.path = arena_printf(redfish->http.arena, "%s/", path);
    return power_http_run(&redfish->http, &call, reply, err);
}

static enum error_code find_system(struct redfish *redfish, struct error *err)
{
    struct http_client_reply reply;
    const char *node_id = power_order_text(redfish->http.order, "node_id");
    if (*node_id) {
        snprintf(redfish->path, sizeof(redfish->path), SYSTEMS "/%.200s",
                 http_client_escape(redfish->http.arena, node_id));
        return ERR_OK;
    }
    enum error_code code = get(redfish, SYSTEMS, &reply, err);
    if (code)
        return code;
    code = power_redfish_read_members(reply.body, reply.body_size, redfish->path, err);
    return code ? error_wrap(err, "the BMC at %s", power_order_where(redfish->http.order)) : code;
}

static enum error_code look(struct redfish *redfish, struct error *err)
{
    struct http_client_reply reply;
    struct power_redfish_system *system = &redfish->system;
    enum error_code code = get(redfish, redfish->path, &reply, err);
    if (code)
        return code;
    code = power_redfish_read_system(reply.body, reply.body_size, system, err);
    const char *etag = http_client_header(&reply, "etag", redfish->http.arena);
    if (!code && !*system->etag && etag)
        snprintf(system->etag, sizeof(system->etag), "%s", etag);
    return code ? error_wrap(err, "the BMC at %s", power_order_where(redfish->http.order)) : code;
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct redfish *redfish = subject;
    enum error_code code = look(redfish, err);
    *seen = redfish->system.power;
    return code;
}

/* The system may change between our look and our word, and then has another ETag. */
static enum error_code boot_from_network(struct redfish *redfish, struct error *err)
{
    struct http_client_reply reply;
    enum error_code code = ERR_CONFLICT;
    for (int i = 0; i < PATCH_TRIES && code == ERR_CONFLICT; i++) {
        const char *etag = *redfish->system.etag ? redfish->system.etag : NULL;
        struct power_http_call call = {"PATCH", redfish->path, BOOT_ONCE, .etag = etag};
        code = power_http_run(&redfish->http, &call, &reply, err);
        if (code == ERR_CONFLICT && look(redfish, err))
            return err->code;
    }
    return code;
}

static enum error_code reset(struct redfish *redfish, const char *type, struct error *err)
{
    struct http_client_reply reply;
    struct arena *arena = redfish->http.arena;
    const char *target =
        *redfish->system.target
            ? redfish->system.target
            : arena_printf(arena, "%s/Actions/ComputerSystem.Reset", redfish->path);
    struct power_http_call call = {
        .method = "POST",
        .path = target,
        .body = arena_printf(arena, "{\"ResetType\":\"%s\"}", type),
    };
    return power_http_run(&redfish->http, &call, &reply, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    struct redfish *redfish = subject;
    enum error_code code = boot_from_network(redfish, err);
    return code ? code : reset(redfish, redfish->system.on, err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    struct redfish *redfish = subject;
    return reset(redfish, redfish->system.off, err);
}

static enum error_code restart(void *subject, struct error *err)
{
    struct redfish *redfish = subject;
    enum error_code code = boot_from_network(redfish, err);
    return code ? code : reset(redfish, redfish->system.restart, err);
}

enum error_code power_redfish_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err)
{
    struct redfish redfish = {.path = ""};
    power_http_open(&redfish.http, order, arena);
    power_http_base(&redfish.http, "https", 0);
    redfish.http.user = power_order_text(order, "power_user");
    redfish.http.password = power_order_text(order, "power_pass");
    struct power_steps steps = {order, redfish.http.deadline_ns, &redfish, query, turn_on, turn_off,
                                NULL};
    enum error_code code = find_system(&redfish, err);
    if (!code && order->action == POWER_CYCLE && !(code = look(&redfish, err)) &&
        redfish.system.restart)
        steps.restart = restart;
    code = code ? code : power_steps_run(&steps, seen, err);
    power_http_close(&redfish.http);
    return code;
}
