/*
 * Power of machines and of rack controllers: power_on, power_off, query_power_state. The order goes
 * to a rack behind the commit (api_after); what came of it is recorded in a transaction of its own.
 * Source: MAAS API 2.0, machines.
 */
#include <jansson.h>
#include <string.h>

#include "src/base/json_out.h"
#include "src/model/machine_status.h"
#include "src/model/power_driver.h"
#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/http_call.h"
#include "src/region/machine_ask.h"
#include "src/region/machine_deploy.h"
#include "src/region/machine_power.h"
#include "src/region/node_json.h"
#include "src/region/node_reply.h"
#include "src/region/rack_door.h"
#include "src/region/routes.h"

enum action { ACTION_ON, ACTION_OFF, ACTION_QUERY };

static const struct {
    const char *word; /* as racks know it */
    const char *done, *failed;
} actions[] = {
    [ACTION_ON] = {"on", "NODE_POWERED_ON", "NODE_POWER_ON_FAILED"},
    [ACTION_OFF] = {"off", "NODE_POWERED_OFF", "NODE_POWER_OFF_FAILED"},
    [ACTION_QUERY] = {"query", "NODE_POWER_QUERIED", "NODE_POWER_QUERY_FAILED"},
};

/* All of it lives in the request's arena. */
struct job {
    struct api_request *request;
    struct api_reply *reply;
    enum action action;
    struct machine machine;
    const char *parameters; /* JSON, secrets in clear */
    const char *power;      /* "on", "off"... after the order; "error" when it failed */
    const char *failure;    /* for people, NULL = none */
};

static void reply_state(struct api_reply *reply, const char *power)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "state", power);
    json_out_close_object(out);
}

static enum error_code record(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(machine_power_record, "UPDATE node SET power_state = $2, power_seen = now() "
                                       "WHERE system_id = $1");
    const struct job *job = subject;
    struct arena *arena = job->request->arena;
    struct event event = {
        .type = job->failure ? actions[job->action].failed : actions[job->action].done,
        .system_id = job->machine.system_id,
        .description = job->failure                  ? job->failure
                       : job->action == ACTION_QUERY ? job->power
                                                     : NULL,
    };
    enum error_code code = db_query(db, &machine_power_record,
                                    DB_PARAMS(job->machine.system_id, job->power), NULL, err);
    if (!code)
        code = event_add(db, &event, arena, err);
    if (code || job->failure)
        return code;
    if (job->action != ACTION_QUERY)
        return node_json_reply(job->request, job->machine.id, job->reply, err);
    reply_state(job->reply, job->power);
    return ERR_OK;
}

static enum error_code give_order(struct job *job, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *parameters =
        json_loads(job->parameters, 0, NULL);
    const struct power_driver *driver = power_driver_find(job->machine.power_type);
    char address[RACK_POWER_ADDRESS];
    power_driver_host(driver, parameters, address, sizeof(address));
    struct rack_power_order order = {
        .request = job->request->call->id,
        .system_id = job->machine.system_id,
        .action = actions[job->action].word,
        .driver = driver->name,
        .parameters = parameters,
        .address = address,
    };
    return rack_door_power(&order, &job->power, err);
}

/* Behind the commit. A failure is recorded as well, and is the answer. */
static enum error_code act(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct job *job = request->after_subject;
    struct error unrecorded = {0};
    job->request = request;
    job->reply = reply;
    enum error_code code = give_order(job, err);
    if (code) {
        job->power = "error";
        job->failure = arena_strdup(request->arena, err->text);
        db_transact(request->db, DB_WRITE, record, job, &unrecorded);
        /* of the BMC, not of who asks here */
        return code == ERR_TIMEOUT || code == ERR_BAD_INPUT
                   ? code
                   : error_set(err, ERR_UNAVAILABLE, "%s", job->failure);
    }
    return db_transact(request->db, DB_WRITE, record, job, err);
}

static enum error_code begin(struct api_request *request, struct machine *machine,
                             enum action action, struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct job *job = ARENA_NEW(request->arena, struct job);
    enum error_code code = machine_power_load(request->db, http_settings(request->http)->ring,
                                              machine->system_id, request->arena, &power, err);
    if (code)
        return code;
    *job = (struct job){.action = action,
                        .machine = *machine,
                        .parameters = json_out_dump(request->arena, power.parameters),
                        .power = "unknown"};
    api_after(request, act, job);
    return ERR_OK;
}

/* Is there anything that could be told so? What only wakes machines cannot turn them off. */
static bool can_do(const struct machine *machine, enum action action)
{
    const struct power_driver *driver = power_driver_find(machine->power_type);
    return driver && (action == ACTION_ON ? driver->switches : driver->queryable);
}

/* Only machines have a life; a rack controller's status says nothing. */
static bool is_machine(const struct machine *machine)
{
    return 1U << machine->node_type & NODE_MACHINES;
}

/* Nobody has it, and it is not at work either: Broken, Failed testing... */
static bool is_free(const struct machine *machine)
{
    return is_machine(machine) && !machine->owner_id &&
           machine_status_failed(machine->status) < 0 && machine->status != MACHINE_RESCUE_MODE;
}

static enum error_code keep_user_data(struct api_request *request, const struct machine *machine,
                                      const char *user_data, struct error *err)
{
    DB_STATEMENT(machine_power_user_data,
                 "UPDATE node SET user_data = decode($2, 'base64') WHERE id = $1");
    return db_query(request->db, &machine_power_user_data,
                    DB_PARAMS(db_number(request->arena, machine->id), user_data), NULL, err);
}

/* The node of the path, if it is of these types and who asks may do that. */
static enum error_code ask(struct api_request *request, enum machine_action_kind kind,
                           unsigned types, struct machine *machine, struct error *err)
{
    enum error_code code = node_reply_find(request, types, machine, err);
    if (code)
        return code;
    return is_machine(machine) ? machine_ask_about(request, kind, machine, err)
                               : machine_store_check_owner(request, machine, err);
}

/* Only a machine is somebody's deployment, for which user data is. */
static enum error_code read_user_data(struct api_request *request, struct api_reply *reply,
                                      const struct machine *machine, struct error *err)
{
    const char *user_data = NULL;
    if (!is_machine(machine))
        return ERR_OK;
    enum error_code code = machine_deploy_user_data(request, reply, &user_data, err);
    if (!code)
        code = api_fields_valid(reply, err);
    return code || !user_data ? code : keep_user_data(request, machine, user_data, err);
}

static enum error_code power_on(struct api_request *request, struct api_reply *reply,
                                unsigned types, struct error *err)
{
    struct machine machine;
    enum error_code code = ask(request, MACHINE_ACTION_POWER_ON, types, &machine, err);
    if (!code && is_free(&machine))
        return error_set(err, ERR_CONFLICT, "Unable to power on %s: it is not allocated.",
                         machine.hostname);
    if (!code && !*machine.power_type)
        return error_set(err, ERR_CONFLICT, "Unable to power on %s: it has no power type.",
                         machine.hostname);
    if (!code)
        code = read_user_data(request, reply, &machine, err);
    if (!code)
        code = machine_ask_note(request, MACHINE_ACTION_POWER_ON, &machine, err);
    if (!code && can_do(&machine, ACTION_ON))
        return begin(request, &machine, ACTION_ON, err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

static enum error_code power_off(struct api_request *request, struct api_reply *reply,
                                 unsigned types, struct error *err)
{
    struct machine machine;
    const char *mode = api_param(request, "stop_mode");
    enum error_code code = ask(request, MACHINE_ACTION_POWER_OFF, types, &machine, err);
    if (!code && mode && *mode && strcmp(mode, "hard"))
        api_field_error(reply, "stop_mode",
                        strcmp(mode, "soft") ? "Select a valid choice: hard."
                                             : "No power driver of this version stops softly.");
    if (!code)
        code = api_fields_valid(reply, err);
    if (!code)
        code = machine_ask_note(request, MACHINE_ACTION_POWER_OFF, &machine, err);
    if (!code && can_do(&machine, ACTION_OFF))
        return begin(request, &machine, ACTION_OFF, err);
    if (!code)
        json_out_null(api_reply_json(reply), NULL);
    return code;
}

static enum error_code query(struct api_request *request, struct api_reply *reply, unsigned types,
                             struct error *err)
{
    struct machine machine;
    enum error_code code = node_reply_find(request, types, &machine, err);
    if (code)
        return code;
    if (can_do(&machine, ACTION_QUERY))
        return begin(request, &machine, ACTION_QUERY, err);
    reply_state(reply, "unknown");
    return ERR_OK;
}

enum error_code machine_power_on(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    return power_on(request, reply, NODE_MACHINES, err);
}

enum error_code machine_power_off(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    return power_off(request, reply, NODE_MACHINES, err);
}

enum error_code machine_query_power_state(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    return query(request, reply, NODE_MACHINES, err);
}

enum error_code rack_controller_power_on(struct api_request *request, struct api_reply *reply,
                                         struct error *err)
{
    return power_on(request, reply, NODE_RACKS, err);
}

enum error_code rack_controller_power_off(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    return power_off(request, reply, NODE_RACKS, err);
}

enum error_code rack_controller_query_power_state(struct api_request *request,
                                                  struct api_reply *reply, struct error *err)
{
    return query(request, reply, NODE_RACKS, err);
}
