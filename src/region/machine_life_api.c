/*
 * What people ask of machines besides deploying them: commission, test, abort, release, rescue
 * mode, lock, mark_broken... Each moves the machine and begins its work; what follows is told by
 * the machine itself (metadata_signal.c). Source: MAAS API 2.0, machines.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/machine_status.h"
#include "src/region/event_store.h"
#include "src/region/machine_ask.h"
#include "src/region/machine_release.h"
#include "src/region/node_json.h"
#include "src/region/node_reply.h"
#include "src/region/operation_store.h"
#include "src/region/routes.h"
#include "src/region/script_run.h"
#include "src/region/script_set.h"

static enum error_code reply_machine(struct api_request *request, struct api_reply *reply,
                                     const struct machine *machine, enum error_code code,
                                     struct error *err)
{
    return code ? code : node_json_reply(request, machine->id, reply, err);
}

/* Asked for, noted, moved, its work begun. */
static enum error_code begin(struct api_request *request, enum machine_action_kind kind,
                             struct machine *machine, int to, const char *operation,
                             struct error *err)
{
    struct machine_life life = machine_ask_life(request);
    enum error_code code = machine_ask_note(request, kind, machine, err);
    return code ? code : machine_life_begin(&life, machine, to, operation, err);
}

static enum error_code settle(struct api_request *request, enum machine_action_kind kind,
                              struct machine *machine, int to, struct error *err)
{
    struct machine_life life = machine_ask_life(request);
    enum error_code code = machine_ask_note(request, kind, machine, err);
    return code ? code : machine_life_settle(&life, machine, to, NULL, err);
}

enum error_code machine_commission(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    struct machine machine;
    enum error_code code = machine_ask(request, MACHINE_ACTION_COMMISSION, &machine, err);
    if (!code)
        code = machine_ask_note(request, MACHINE_ACTION_COMMISSION, &machine, err);
    if (!code)
        code = script_run_commission(request, &machine, err);
    return reply_machine(request, reply, &machine, code, err);
}

enum error_code machine_test(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    struct machine machine;
    enum error_code code = machine_ask(request, MACHINE_ACTION_TEST, &machine, err);
    if (!code)
        code = script_run_options(request, &machine, err);
    if (!code)
        code = script_run_start(request, &machine, SCRIPT_TESTING, err);
    if (!code)
        code = begin(request, MACHINE_ACTION_TEST, &machine, MACHINE_TESTING, "test", err);
    return reply_machine(request, reply, &machine, code, err);
}

/* Where it is afterwards; a deployed machine that was tested starts its own system again. */
static int aborted(const struct machine *machine)
{
    switch (machine->status) {
    case MACHINE_COMMISSIONING:
        return MACHINE_NEW;
    case MACHINE_DEPLOYING:
        return MACHINE_ALLOCATED;
    case MACHINE_TESTING:
        return machine->previous_status;
    default:
        return MACHINE_FAILED_DISK_ERASING;
    }
}

enum error_code machine_abort(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct machine machine;
    struct machine_life life = machine_ask_life(request);
    bool begun;
    enum error_code code = machine_ask(request, MACHINE_ACTION_ABORT, &machine, err);
    /* what is under way is not heard any more; a test may be of a system that is to go on */
    if (!code && machine.status != MACHINE_TESTING)
        code = machine_life_new_key(&life, machine.system_id, err);
    if (!code)
        code = script_set_abort(request->db, machine.id, request->arena, err);
    if (!code)
        code = settle(request, MACHINE_ACTION_ABORT, &machine, aborted(&machine), err);
    struct operation_begin off = {machine.status == MACHINE_DEPLOYED ? "restart" : "off",
                                  request->user->username, 0};
    if (!code)
        code = operation_begin(request->db, &machine, &off, &begun, request->arena, err);
    return reply_machine(request, reply, &machine, code, err);
}

enum error_code machine_rescue_mode(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    struct machine machine;
    enum error_code code = machine_ask(request, MACHINE_ACTION_RESCUE_MODE, &machine, err);
    if (!code)
        code = begin(request, MACHINE_ACTION_RESCUE_MODE, &machine, MACHINE_ENTERING_RESCUE_MODE,
                     "rescue", err);
    return reply_machine(request, reply, &machine, code, err);
}

enum error_code machine_exit_rescue_mode(struct api_request *request, struct api_reply *reply,
                                         struct error *err)
{
    struct machine machine;
    enum error_code code = machine_ask(request, MACHINE_ACTION_EXIT_RESCUE_MODE, &machine, err);
    const char *work =
        !code && machine.previous_status == MACHINE_DEPLOYED ? "resume" : "exit_rescue";
    if (!code)
        code = begin(request, MACHINE_ACTION_EXIT_RESCUE_MODE, &machine,
                     MACHINE_EXITING_RESCUE_MODE, work, err);
    return reply_machine(request, reply, &machine, code, err);
}

enum error_code machine_override_failed_testing(struct api_request *request,
                                                struct api_reply *reply, struct error *err)
{
    struct machine machine;
    enum error_code code =
        machine_ask(request, MACHINE_ACTION_OVERRIDE_FAILED_TESTING, &machine, err);
    if (!code) {
        int to = machine_status_home(machine.owner_id, machine.deployed, true);
        code = settle(request, MACHINE_ACTION_OVERRIDE_FAILED_TESTING, &machine, to, err);
    }
    return reply_machine(request, reply, &machine, code, err);
}

/* What was under way is stopped; who only had it allocated has it no more, nor what runs on it. */
enum error_code machine_mark_broken(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    struct machine machine;
    enum error_code code = machine_ask(request, MACHINE_ACTION_MARK_BROKEN, &machine, err);
    if (code)
        return code;
    struct machine_life life = machine_ask_life(request);
    bool passing = machine_status_failed(machine.status) >= 0;
    bool keeps = machine.status == MACHINE_DEPLOYED;
    code = machine_ask_note(request, MACHINE_ACTION_MARK_BROKEN, &machine, err);
    if (!code)
        code =
            machine_life_settle(&life, &machine, MACHINE_BROKEN, machine_ask_comment(request), err);
    if (!code && !keeps)
        code = machine_life_let_go(&life, &machine, err);
    if (!code && !keeps)
        code = machine_life_new_key(&life, machine.system_id, err);
    if (!code && passing)
        code = machine_life_power_off(&life, &machine, err);
    return reply_machine(request, reply, &machine, code, err);
}

enum error_code machine_mark_fixed(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    struct machine machine;
    enum error_code code = machine_ask(request, MACHINE_ACTION_MARK_FIXED, &machine, err);
    if (!code) {
        /* who had it deployed has it still */
        int to = machine_status_home(machine.owner_id, machine.deployed, machine.commissioned);
        code = settle(request, MACHINE_ACTION_MARK_FIXED, &machine, to, err);
    }
    return reply_machine(request, reply, &machine, code, err);
}

static enum error_code set_locked(struct api_request *request, struct api_reply *reply, bool locked,
                                  struct error *err)
{
    DB_STATEMENT(machine_set_locked,
                 "UPDATE node SET locked = $2::bool, updated = now() WHERE id = $1");
    enum machine_action_kind kind = locked ? MACHINE_ACTION_LOCK : MACHINE_ACTION_UNLOCK;
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_MACHINES, &machine, err);
    if (!code && machine.locked == locked)
        return error_set(err, ERR_CONFLICT, locked ? "%s is locked already." : "%s is not locked.",
                         machine.hostname);
    if (!code)
        code = machine_ask_about(request, kind, &machine, err);
    if (!code)
        code = machine_ask_note(request, kind, &machine, err);
    if (!code)
        code = db_query(request->db, &machine_set_locked,
                        DB_PARAMS(db_number(request->arena, machine.id), locked ? "true" : "false"),
                        NULL, err);
    return reply_machine(request, reply, &machine, code, err);
}

enum error_code machine_lock(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return set_locked(request, reply, true, err);
}

enum error_code machine_unlock(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    return set_locked(request, reply, false, err);
}

enum error_code machine_release(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    struct machine machine;
    struct machine_release release;
    enum error_code code = node_reply_find(request, NODE_MACHINES, &machine, err);
    if (!code)
        code = machine_store_check_owner(request, &machine, err);
    if (!code)
        code = machine_release_read(request, &release, err);
    /* asked for again: it is on its way, or there */
    bool again = !code && (machine.status == MACHINE_READY || machine.status == MACHINE_RELEASING);
    if (!code && !again)
        code = machine_ask_about(request, MACHINE_ACTION_RELEASE, &machine, err);
    if (!code && !again)
        code = machine_release_begin(request, &machine, &release, err);
    return reply_machine(request, reply, &machine, code, err);
}
