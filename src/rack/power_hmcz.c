/* The driver "hmcz": see power_hmcz.h. */
#include "src/rack/power_hmcz.h"

#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/rack/power_http.h"
#include "src/rack/power_steps.h"

enum { PORT = 6794, LOOK_S = 2, SESSION_BYTES = 256 };

/* One order under way. */
struct hmcz {
    struct power_http http;
    bool in;         /* a session is open */
    const char *cpc; /* URI of the machine that has the partition; NULL = not found yet */
    struct power_hmcz_partition partition;
};

/* ---- decoding ---- */

/* A path of its own host, for requests. */
static bool is_uri(const char *text)
{
    if (!text || strncmp(text, "/api/", 5) != 0 || strlen(text) >= POWER_HMCZ_URI)
        return false;
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '?' || *p == '#')
            return false;
    return true;
}

static bool take_uri(json_t *object, char uri[POWER_HMCZ_URI])
{
    const char *text = json_string_value(json_object_get(object, "object-uri"));
    if (!is_uri(text))
        return false;
    strcpy(uri, text);
    return true;
}

enum error_code power_hmcz_read_cpcs(const char *bytes, size_t size, struct power_hmcz_cpcs *cpcs,
                                     struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    size_t i;
    json_t *each;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    cpcs->count = 0;
    json_array_foreach (json_object_get(object, "cpcs"), i, each) {
        if (json_is_false(json_object_get(each, "dpm-enabled")))
            continue; /* it has logical partitions of another kind */
        if (cpcs->count == POWER_HMCZ_CPCS || !take_uri(each, cpcs->uri[cpcs->count]))
            return error_set(err, ERR_CORRUPT,
                             "a list of machines with one without its URI, or "
                             "longer than %d",
                             POWER_HMCZ_CPCS);
        cpcs->count++;
    }
    return ERR_OK;
}

enum error_code power_hmcz_find(const char *bytes, size_t size, const char *name,
                                struct power_hmcz_partition *partition, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = NULL;
    size_t i;
    json_t *each;
    enum error_code code = power_http_object(bytes, size, &object, err);
    if (code)
        return code;
    json_array_foreach (json_object_get(object, "partitions"), i, each) {
        const char *own = json_string_value(json_object_get(each, "name"));
        const char *status = json_string_value(json_object_get(each, "status"));
        if (!own || strcmp(own, name) != 0)
            continue;
        if (!status || strlen(status) >= sizeof(partition->status) ||
            !take_uri(each, partition->uri))
            return error_set(err, ERR_CORRUPT, "a partition without status or URI");
        strcpy(partition->status, status);
        return ERR_OK;
    }
    return error_set(err, ERR_NOT_FOUND, "no partition of this name");
}

static bool is_in(const char *status, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(*words, status))
            return true;
    return false;
}

static enum power_seen power_of(const char *status)
{
    static const char *const on[] = {"starting", "active", "degraded", NULL};
    static const char *const off[] = {"stopping",   "stopped",           "paused",
                                      "terminated", "reservation-error", NULL};
    return is_in(status, on)    ? POWER_SEEN_ON
           : is_in(status, off) ? POWER_SEEN_OFF
                                : POWER_SEEN_UNKNOWN;
}

/* ---- talking ---- */

static enum error_code log_in(struct power_http *http, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *session = NULL;
    struct power_http_call call = {"POST", "/api/sessions"};
    json_t *form = json_pack("{ssss}", "userid", power_order_text(http->order, "power_user"),
                             "password", power_order_text(http->order, "power_pass"));
    enum error_code code = power_http_body(http, form, "power_user, power_pass", &call.body, err);
    code = code ? code : power_http_json(http, &call, &session, err);
    if (code)
        return code;
    const char *id = json_string_value(json_object_get(session, "api-session"));
    if (!id || !*id || strlen(id) > SESSION_BYTES)
        return error_set(err, ERR_CORRUPT, "the HMC at %s gives no session",
                         power_order_where(http->order));
    power_http_header(http, arena_printf(http->arena, "X-API-Session: %s", id));
    return ERR_OK;
}

static void log_out(struct power_http *http)
{
    struct http_client_reply reply;
    struct error ignored;
    struct power_http_call call = {"DELETE", "/api/sessions/this-session"};
    power_http_run(http, &call, &reply, &ignored);
}

static enum error_code look_in(struct hmcz *hmcz, const char *cpc, const char *name,
                               struct error *err)
{
    struct arena *arena = hmcz->http.arena;
    struct http_client_reply reply;
    struct power_http_call call = {
        .path = arena_printf(arena, "%s/partitions?name=%s", cpc, http_client_escape(arena, name))};
    enum error_code code = power_http_run(&hmcz->http, &call, &reply, err);
    return code ? code : power_hmcz_find(reply.body, reply.body_size, name, &hmcz->partition, err);
}

static enum error_code look_everywhere(struct hmcz *hmcz, const char *name, struct error *err)
{
    struct power_hmcz_cpcs cpcs;
    struct http_client_reply reply;
    struct power_http_call call = {.path = "/api/cpcs"};
    enum error_code code = power_http_run(&hmcz->http, &call, &reply, err);
    code = code ? code : power_hmcz_read_cpcs(reply.body, reply.body_size, &cpcs, err);
    if (code)
        return code;
    code = error_set(err, ERR_NOT_FOUND, "no machine in DPM mode");
    for (int i = 0; i < cpcs.count && code == ERR_NOT_FOUND; i++) {
        code = look_in(hmcz, cpcs.uri[i], name, err);
        hmcz->cpc = code ? NULL : arena_strdup(hmcz->http.arena, cpcs.uri[i]);
    }
    return code;
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct hmcz *hmcz = subject;
    const struct power_order *order = hmcz->http.order;
    const char *name = power_order_text(order, "power_partition_name");
    enum error_code code =
        hmcz->cpc ? look_in(hmcz, hmcz->cpc, name, err) : look_everywhere(hmcz, name, err);
    if (code)
        return error_wrap(err, "the HMC at %s: %s", power_order_where(order), name);
    *seen = power_of(hmcz->partition.status);
    return ERR_OK;
}

static enum error_code operate(struct hmcz *hmcz, const char *operation, struct error *err)
{
    struct http_client_reply reply;
    struct power_http_call call = {
        "POST", arena_printf(hmcz->http.arena, "%s/operations/%s", hmcz->partition.uri, operation),
        "{}"};
    return power_http_run(&hmcz->http, &call, &reply, err);
}

/* A partition that is on its way somewhere takes no orders. */
static enum error_code wait_while(struct hmcz *hmcz, const char *status, struct error *err)
{
    enum power_seen seen;
    enum error_code code = ERR_OK;
    while (!code && !strcmp(hmcz->partition.status, status)) {
        if (clock_boot_ns() + (LOOK_S + 1) * CLOCK_S >= hmcz->http.deadline_ns)
            return error_set(err, ERR_TIMEOUT, "the partition is still %s", status);
        nanosleep(&(struct timespec){.tv_sec = LOOK_S}, NULL);
        code = query(hmcz, &seen, err);
    }
    return code;
}

static enum error_code turn_on(void *subject, struct error *err)
{
    static const char *const halted[] = {"paused", "terminated", NULL};
    struct hmcz *hmcz = subject;
    enum error_code code = ERR_OK;
    if (is_in(hmcz->partition.status, halted)) { /* it starts from "stopped" alone */
        char before[sizeof(hmcz->partition.status)];
        strcpy(before, hmcz->partition.status);
        code = operate(hmcz, "stop", err);
        code = code ? code : wait_while(hmcz, before, err);
    }
    code = code ? code : wait_while(hmcz, "stopping", err);
    return code ? code : operate(hmcz, "start", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    struct hmcz *hmcz = subject;
    enum error_code code = wait_while(hmcz, "starting", err);
    return code ? code : operate(hmcz, "stop", err);
}

static enum error_code begin(struct hmcz *hmcz, const struct power_order *order,
                             struct arena *arena, struct error *err)
{
    *hmcz = (struct hmcz){.partition = {.status = ""}};
    power_http_open(&hmcz->http, order, arena);
    power_http_base(&hmcz->http, "https", PORT);
    enum error_code code = log_in(&hmcz->http, err);
    hmcz->in = !code;
    return code;
}

static void end(struct hmcz *hmcz)
{
    if (hmcz->in)
        log_out(&hmcz->http);
    power_http_close(&hmcz->http);
}

enum error_code power_hmcz_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err)
{
    struct hmcz hmcz;
    enum error_code code = begin(&hmcz, order, arena, err);
    struct power_steps steps = {order, hmcz.http.deadline_ns, &hmcz, query, turn_on, turn_off,
                                NULL};
    code = code ? code : power_steps_run(&steps, seen, err);
    end(&hmcz);
    return code;
}

/* ---- the partitions of all machines ---- */

/* What stands at a URI of a reply; to be json_decref'ed. */
static enum error_code get(struct hmcz *hmcz, const char *uri, json_t **object, struct error *err)
{
    struct power_http_call call = {.path = uri};
    if (!is_uri(uri))
        return error_set(err, ERR_CORRUPT, "an object without its URI");
    return power_http_json(&hmcz->http, &call, object, err);
}

static enum error_code add_interfaces(struct hmcz *hmcz, json_t *partition,
                                      struct power_chassis_machine *machine, struct error *err)
{
    json_t *uris = json_object_get(partition, "nic-uris");
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < json_array_size(uris) && i < POWER_CHASSIS_MACS && !code; i++) {
        __attribute__((cleanup(json_decrefp))) json_t *nic = NULL;
        code = get(hmcz, json_string_value(json_array_get(uris, i)), &nic, err);
        power_chassis_mac(machine, json_string_value(json_object_get(nic, "mac-address")));
    }
    return code;
}

static enum error_code add_partition(struct hmcz *hmcz, json_t *each, struct power_chassis *chassis,
                                     struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *partition = NULL;
    const char *name = json_string_value(json_object_get(each, "name"));
    struct power_chassis_machine machine = {.name = name ? name : "",
                                            .architecture = "s390x",
                                            .unit = "power_partition_name",
                                            .value = name};
    if (!name)
        return error_set(err, ERR_CORRUPT, "a partition without a name");
    enum error_code code =
        get(hmcz, json_string_value(json_object_get(each, "object-uri")), &partition, err);
    code = code ? code : add_interfaces(hmcz, partition, &machine, err);
    return code ? code : power_chassis_add(chassis, &machine, err);
}

static enum error_code add_partitions(struct hmcz *hmcz, const char *cpc,
                                      struct power_chassis *chassis, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *list = NULL;
    struct power_http_call call = {.path = arena_printf(hmcz->http.arena, "%s/partitions", cpc)};
    enum error_code code = power_http_json(&hmcz->http, &call, &list, err);
    json_t *partitions = json_object_get(list, "partitions");
    if (json_array_size(partitions) > POWER_CHASSIS_MACHINES)
        return error_set(err, ERR_TOO_LARGE, "more than %d partitions", POWER_CHASSIS_MACHINES);
    for (size_t i = 0; i < json_array_size(partitions) && !code; i++)
        code = add_partition(hmcz, json_array_get(partitions, i), chassis, err);
    return code;
}

enum error_code power_hmcz_list(const struct power_order *order, struct arena *arena,
                                struct power_chassis *chassis, struct error *err)
{
    struct hmcz hmcz;
    struct power_hmcz_cpcs cpcs = {.count = 0};
    struct http_client_reply reply;
    struct power_http_call call = {.path = "/api/cpcs"};
    enum error_code code = begin(&hmcz, order, arena, err);
    code = code ? code : power_http_run(&hmcz.http, &call, &reply, err);
    code = code ? code : power_hmcz_read_cpcs(reply.body, reply.body_size, &cpcs, err);
    for (int i = 0; i < cpcs.count && !code; i++)
        code = add_partitions(&hmcz, cpcs.uri[i], chassis, err);
    end(&hmcz);
    return code ? error_wrap(err, "the HMC at %s", power_order_where(order)) : code;
}
