/* What a machine's own word does to its status: see machine_signal.h. */
#include "src/region/machine_signal.h"

#include <string.h>

#include "src/model/machine_status.h"
#include "src/region/operation_store.h"
#include "src/region/script_run.h"
#include "src/region/script_set.h"
#include "src/region/script_sql.h"
#include "src/region/setting.h"

static bool is(const char *text, const char *word)
{
    return text && !strcmp(text, word);
}

#define FAILED_SQL SCRIPT_FAILED_SQL("r.status") " AND NOT r.suppressed"
#define LEFT_SQL   SCRIPT_OPEN_SQL("r.status")

/* Of the current set of a type: failed unless somebody said that it does not matter, yet to run. */
struct results {
    bool failed, left;
};

static enum error_code read_results(const struct machine_life *life, const struct machine *machine,
                                    enum script_type type, struct results *results,
                                    struct error *err)
{
    DB_STATEMENT(machine_signal_results,
                 "SELECT coalesce(bool_or(" FAILED_SQL "), false), coalesce(bool_or(" LEFT_SQL
                 "), false) FROM script_result r JOIN node n "
                 "ON r.script_set_id = CASE $2::int WHEN 0 THEN n.commissioning_set_id WHEN 2 THEN "
                 "n.testing_set_id ELSE n.release_set_id END WHERE n.id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        life->db, &machine_signal_results,
        DB_PARAMS(db_number(life->arena, machine->id), db_number(life->arena, (int64_t)type)),
        &rows, err);
    if (!code)
        *results = (struct results){db_bool(&rows, 0, 0), db_bool(&rows, 0, 1)};
    return code;
}

/* enable_ssh leaves it on for people to look. */
static enum error_code stays_on(const struct machine_life *life, const struct machine *machine,
                                bool *on, struct error *err)
{
    DB_STATEMENT(machine_signal_ssh, "SELECT coalesce((script_options ->> 'enable_ssh')::bool, "
                                     "false) FROM node WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(life->db, &machine_signal_ssh,
                                    DB_PARAMS(db_number(life->arena, machine->id)), &rows, err);
    *on = !code && rows.count && db_bool(&rows, 0, 0);
    return code;
}

/* To a status that stays, and then off; a system that was deployed is started again. */
static enum error_code settle(const struct machine_life *life, struct machine *machine, int to,
                              struct error *err)
{
    bool on = false, begun;
    enum error_code code = script_set_abort(life->db, machine->id, life->arena, err);
    if (!code)
        code = machine_life_settle(life, machine, to, NULL, err);
    if (!code && to == MACHINE_DEPLOYED)
        return operation_begin(life->db, machine,
                               &(struct operation_begin){"restart", life->username, 0}, &begun,
                               life->arena, err);
    if (!code)
        code = stays_on(life, machine, &on, err);
    return code || on ? code : machine_life_power_off(life, machine, err);
}

static enum error_code fail(const struct machine_life *life, struct machine *machine,
                            const char *why, struct error *err)
{
    bool on = false;
    enum error_code code = machine_life_fail(life, machine, "NODE_OPERATION_FAILED",
                                             why && *why ? why : "the machine says so", err);
    if (!code)
        code = stays_on(life, machine, &on, err);
    return code || on ? code : machine_life_power_off(life, machine, err);
}

static enum error_code in_commissioning(const struct machine_life *life, struct machine *machine,
                                        const char *status, const char *why, struct error *err)
{
    struct results results;
    bool testing = is(status, "TESTING");
    if (is(status, "FAILED"))
        return fail(life, machine, why, err);
    if (!testing && !is(status, "OK"))
        return ERR_OK;
    enum error_code code = read_results(life, machine, SCRIPT_COMMISSIONING, &results, err);
    if (code)
        return code;
    if (results.failed)
        return fail(life, machine, "a commissioning script failed", err);
    if (!testing)
        return settle(life, machine, MACHINE_READY, err);
    struct machine_move move = {.to = MACHINE_TESTING};
    return machine_move(life->db, machine, &move, life->arena, err);
}

static enum error_code in_testing(const struct machine_life *life, struct machine *machine,
                                  const char *status, const char *why, struct error *err)
{
    struct results results;
    if (is(status, "FAILED"))
        return fail(life, machine, why, err);
    if (!is(status, "OK"))
        return ERR_OK;
    enum error_code code = read_results(life, machine, SCRIPT_TESTING, &results, err);
    if (code)
        return code;
    if (results.failed)
        return fail(life, machine, "a test failed", err);
    /* it failed before and does not any more */
    int to = machine->previous_status == MACHINE_FAILED_TESTING
                 ? machine_status_home(machine->owner_id, machine->deployed, machine->commissioned)
                 : machine->previous_status;
    return settle(life, machine, to, err);
}

static enum error_code in_new(const struct machine_life *life, struct machine *machine,
                              const char *status, struct error *err)
{
    struct machine_move move = {.to = MACHINE_COMMISSIONING};
    if (!is(status, "COMMISSIONING"))
        return ERR_OK;
    enum error_code code =
        script_run_open_set(life->db, machine, SCRIPT_COMMISSIONING, life->arena, err);
    return code ? code : machine_move(life->db, machine, &move, life->arena, err);
}

/* Its disks are clean: the same as a release without erasing from here on. */
static enum error_code erased(const struct machine_life *life, struct machine *machine,
                              struct error *err)
{
    struct results results;
    enum error_code code = read_results(life, machine, SCRIPT_RELEASE, &results, err);
    return code ? code
                : machine_life_begin(life, machine, MACHINE_RELEASING,
                                     results.left ? "release_scripts" : "release", err);
}

/* Its release scripts are through: it is switched off and free. waits: unless some are left. */
static enum error_code released(const struct machine_life *life, struct machine *machine,
                                bool waits, struct error *err)
{
    struct results results;
    bool begun = false;
    enum error_code code = read_results(life, machine, SCRIPT_RELEASE, &results, err);
    if (code || (waits && results.left))
        return code;
    if (results.failed || results.left)
        return fail(life, machine,
                    results.failed ? "a release script failed" : "a release script did not run",
                    err);
    code =
        operation_begin(life->db, machine, &(struct operation_begin){"release", life->username, 0},
                        &begun, life->arena, err);
    return code || begun ? code : machine_life_free(life, machine, err);
}

static enum error_code in_releasing(const struct machine_life *life, struct machine *machine,
                                    const char *status, const char *why, struct error *err)
{
    if (is(status, "FAILED"))
        return fail(life, machine, why, err);
    return is(status, "OK") ? released(life, machine, false, err) : ERR_OK;
}

static enum error_code noted_sync(const struct machine_life *life, const struct machine *machine,
                                  struct error *err)
{
    DB_STATEMENT(machine_signal_sync,
                 "UPDATE node SET last_sync = now() WHERE id = $1 AND enable_hw_sync");
    return db_query(life->db, &machine_signal_sync, DB_PARAMS(db_number(life->arena, machine->id)),
                    NULL, err);
}

enum error_code machine_signal(const struct machine_life *life, struct machine *machine,
                               const char *status, const char *why, struct error *err)
{
    enum error_code code = machine_move_alive(life->db, machine, life->arena, err);
    if (code)
        return code;
    switch (machine->status) {
    case MACHINE_NEW:
        return in_new(life, machine, status, err);
    case MACHINE_COMMISSIONING:
        return in_commissioning(life, machine, status, why, err);
    case MACHINE_TESTING:
        return in_testing(life, machine, status, why, err);
    case MACHINE_RELEASING:
        return in_releasing(life, machine, status, why, err);
    case MACHINE_DEPLOYING:
        return is(status, "FAILED") ? fail(life, machine, why, err) : ERR_OK;
    case MACHINE_DISK_ERASING:
        return is(status, "FAILED") ? fail(life, machine, why, err)
               : is(status, "OK")   ? erased(life, machine, err)
                                    : ERR_OK;
    case MACHINE_ENTERING_RESCUE_MODE:
        if (is(status, "FAILED"))
            return fail(life, machine, why, err);
        return is(status, "OK") || is(status, "WORKING")
                   ? machine_life_settle(life, machine, MACHINE_RESCUE_MODE, NULL, err)
                   : ERR_OK;
    case MACHINE_DEPLOYED:
        return noted_sync(life, machine, err);
    default:
        return ERR_OK;
    }
}

/* A stage of cloud-init that ends badly because a script reboots the machine is no failure. */
static enum error_code may_be_rebooting(const struct machine_life *life,
                                        const struct machine *machine, bool *may, struct error *err)
{
    DB_STATEMENT(machine_signal_rebooting,
                 "SELECT EXISTS (SELECT FROM script_result r JOIN node n ON r.script_set_id IN "
                 "(n.commissioning_set_id, n.testing_set_id) JOIN script s ON s.id = r.script_id "
                 "WHERE n.id = $1 AND r.status = 1 AND s.may_reboot)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(life->db, &machine_signal_rebooting,
                                    DB_PARAMS(db_number(life->arena, machine->id)), &rows, err);
    *may = !code && db_bool(&rows, 0, 0);
    return code;
}

static enum error_code fail_unless_rebooting(const struct machine_life *life,
                                             struct machine *machine, const char *why,
                                             struct error *err)
{
    bool may;
    enum error_code code = may_be_rebooting(life, machine, &may, err);
    return code || may ? code : fail(life, machine, why, err);
}

enum error_code machine_signal_milestone(const struct machine_life *life, struct machine *machine,
                                         const struct machine_milestone *milestone,
                                         struct error *err)
{
    enum error_code code = machine_move_alive(life->db, machine, life->arena, err);
    if (code || strcmp(milestone->event_type, "finish") != 0 || strchr(milestone->name, '/'))
        return code;
    bool failed = is(milestone->result, "FAIL") || is(milestone->result, "FAILURE");
    bool last = is(milestone->name, "modules-final") && !failed;
    const char *why = arena_printf(life->arena, "%s: %s", milestone->name, milestone->description);
    switch (machine->status) {
    case MACHINE_COMMISSIONING:
    case MACHINE_TESTING:
        return failed ? fail_unless_rebooting(life, machine, why, err) : ERR_OK;
    case MACHINE_RELEASING:
        /* cloud-init is through: its scripts say more, when there are any */
        return failed ? fail(life, machine, why, err)
               : last ? released(life, machine, true, err)
                      : ERR_OK;
    case MACHINE_DEPLOYING:
        return failed ? fail(life, machine, why, err)
               : last ? machine_life_settle(life, machine, MACHINE_DEPLOYED, NULL, err)
                      : ERR_OK;
    case MACHINE_DISK_ERASING:
        return failed ? fail(life, machine, why, err) : last ? erased(life, machine, err) : ERR_OK;
    default:
        return ERR_OK;
    }
}
