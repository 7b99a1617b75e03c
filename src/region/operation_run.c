/* One claimed operation: see operation_run.h. */
#include "src/region/operation_run.h"

#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/model/operation_kind.h"
#include "src/model/power_driver.h"
#include "src/region/event_store.h"
#include "src/region/machine_life.h"
#include "src/region/machine_power.h"
#include "src/region/rack_door.h"

enum { RECORD_TRIES = 20, RECORD_PAUSE_US = 500000 };

static const struct {
    const char *step, *done, *failed;
} events[] = {
    {"off", "NODE_POWERED_OFF", "NODE_POWER_OFF_FAILED"},
    {"on", "NODE_POWERED_ON", "NODE_POWER_ON_FAILED"},
};

/* One step, from its order to what is recorded of it. */
struct step {
    const struct operation_run *run;
    struct operation *operation;
    struct operation claimed;         /* as it was when the order left */
    json_t *parameters;               /* of the driver, secrets in clear; owned */
    enum operation_standing standing; /* of the order, when its answer has come */
    bool over;                        /* nothing more to do with this operation for now */
    const char *power;                /* seen after the order; NULL: it failed */
    struct error why;
};

static enum error_code read_power(struct db *db, void *subject, struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    struct step *step = subject;
    struct machine *machine = &step->operation->machine;
    enum error_code code =
        machine_power_load(db, step->run->ring, machine->system_id, step->run->arena, &power, err);
    if (code)
        return code;
    machine->power_type = power.type;
    json_decref(step->parameters);
    step->parameters = json_incref(power.parameters);
    return ERR_OK;
}

/* What racks kept for a machine to boot without any region is not what it shall do now. */
static enum error_code forget_boot(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(operation_run_macs, "SELECT mac FROM interface WHERE node_id = $1 AND type = "
                                     "'physical' AND mac IS NOT NULL");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const struct step *step = subject;
    const char *id = db_number(step->run->arena, step->operation->machine.id);
    enum error_code code = db_query(db, &operation_run_macs, DB_PARAMS(id), &rows, err);
    for (int i = 0; i < rows.count && !code; i++) {
        json_t *params = json_pack("{s:s}", "mac", db_text(&rows, i, 0));
        rack_door_note("boot_forget", params);
        json_decref(params);
    }
    return code;
}

static void give_order(struct step *step)
{
    const struct machine *machine = &step->operation->machine;
    const struct power_driver *driver = power_driver_find(machine->power_type);
    if (!driver) {
        error_set(&step->why, ERR_BAD_INPUT, "%s has no power type any more", machine->hostname);
        return;
    }
    char address[RACK_POWER_ADDRESS];
    power_driver_host(driver, step->parameters, address, sizeof(address));
    struct rack_power_order order = {
        .request = step->operation->order_id,
        .system_id = machine->system_id,
        .action = step->operation->step,
        .driver = driver->name,
        .parameters = step->parameters,
        .address = address,
        .timeout_ms = step->run->order_timeout_ms,
    };
    if (!rack_door_power(&order, &step->power, &step->why) && driver->queryable &&
        strcmp(step->power, "unknown") && strcmp(step->power, step->operation->step)) {
        error_set(&step->why, ERR_TIMEOUT, "power %s: the machine is %s afterwards", order.action,
                  step->power);
        step->power = NULL;
    }
}

static enum error_code note_power(struct db *db, const struct step *step, struct error *err)
{
    DB_STATEMENT(operation_run_power,
                 "UPDATE node SET power_state = $2, power_seen = now() WHERE id = $1");
    const struct operation *operation = step->operation;
    size_t which = strcmp(operation->step, "on") ? 0 : 1;
    struct event event = {
        .type = step->power ? events[which].done : events[which].failed,
        .system_id = operation->machine.system_id,
        .description = step->power ? NULL : step->why.text,
    };
    enum error_code code = db_query(db, &operation_run_power,
                                    DB_PARAMS(db_number(step->run->arena, operation->machine.id),
                                              step->power ? step->power : "error"),
                                    NULL, err);
    bool seen = !step->power || strcmp(step->power, "unknown") != 0;
    return code || !seen ? code : event_add(db, &event, step->run->arena, err);
}

static enum error_code record_done(struct db *db, struct step *step,
                                   const struct machine_life *life, struct error *err)
{
    struct operation *operation = step->operation;
    const struct operation_kind *kind = operation_kind_find(operation->kind);
    const char *next = operation_kind_next(kind, operation->step);
    if (next)
        return operation_next(db, operation, next, step->run->arena, err);
    step->over = true;
    enum error_code code = operation_end(db, operation, NULL, err);
    return code ? code : machine_life_end(life, &operation->machine, kind->end, err);
}

/* Wrong parameters and a BMC that refuses the user stay so; all else may pass. */
static enum error_code record_failure(struct db *db, struct step *step,
                                      const struct machine_life *life, struct error *err)
{
    struct operation *operation = step->operation;
    const struct operation_kind *kind = operation_kind_find(operation->kind);
    enum error_code why = step->why.code;
    int delay_s = operation_kind_delay_s(operation->attempt + 1);
    step->over = true;
    if (why != ERR_BAD_INPUT && why != ERR_FORBIDDEN && delay_s >= 0)
        return operation_retry(
            db, operation,
            &(struct operation_retry){step->why.text, delay_s, why == ERR_UNKNOWN_OUTCOME},
            step->run->arena, err);
    enum error_code code = operation_end(db, operation, step->why.text, err);
    const char *text =
        arena_printf(step->run->arena, "failed to %s: %s", kind->what, step->why.text);
    return code ? code
                : machine_life_fail(life, &operation->machine, "NODE_OPERATION_FAILED", text, err);
}

static enum error_code record(struct db *db, void *subject, struct error *err)
{
    struct step *step = subject;
    struct machine_life life = {db, step->run->arena, step->run->ring, NULL};
    *step->operation = step->claimed; /* an earlier run may have come to nothing at its COMMIT */
    step->over = false;
    enum error_code code = operation_check(db, step->operation, &step->standing, err);
    bool current = step->standing == OPERATION_CURRENT;
    if (!code && step->standing != OPERATION_PASSED)
        code = note_power(db, step, err);
    if (!code && current)
        code = machine_store_reload(db, &step->operation->machine, step->run->arena, err);
    if (!code && current)
        code =
            step->power ? record_done(db, step, &life, err) : record_failure(db, step, &life, err);
    return code;
}

/* Without a primary for a while: the claim lapses, and somebody gives the same order again. */
static bool keep_record(struct step *step)
{
    struct error err = {0};
    for (int i = 0; i < RECORD_TRIES && step->run->go_on(step->run->subject); i++) {
        if (!db_transact(step->run->db, DB_WRITE, record, step, &err))
            return true;
        usleep(RECORD_PAUSE_US);
    }
    log_warning("operation %s of %s: not recorded: %s", step->operation->id,
                step->operation->machine.system_id, err.text);
    return false;
}

/* false: there is no more to do now. */
static bool run_step(const struct operation_run *run, struct operation *operation)
{
    struct step step = {.run = run, .operation = operation};
    struct error err = {0};
    bool more = false;
    bool on = !strcmp(operation->step, "on");
    if (db_transact(run->db, DB_READ, read_power, &step, &err) ||
        (on && db_transact(run->db, DB_READ, forget_boot, &step, &err))) {
        log_warning("operation %s of %s: %s", operation->id, operation->machine.system_id,
                    err.text);
    } else {
        log_info("%s of %s: power %s, order %s", operation->kind, operation->machine.system_id,
                 operation->step, operation->order_id);
        step.claimed = *operation;
        give_order(&step);
        more = keep_record(&step) && step.standing == OPERATION_CURRENT && !step.over;
    }
    json_decref(step.parameters);
    return more;
}

void operation_run(const struct operation_run *run, struct operation *operation)
{
    while (run->go_on(run->subject) && run_step(run, operation))
        ;
}
