/* Machines' lives: see machine_life.h. */
#include "src/region/machine_life.h"

#include "src/model/machine_status.h"
#include "src/region/event_store.h"
#include "src/region/operation_store.h"
#include "src/region/script_set.h"
#include "src/region/token_store.h"

/* The ephemeral system powers itself off: it gets this long to end in an orderly way. */
enum { OFF_DELAY_S = 15 };

enum error_code machine_life_new_key(const struct machine_life *life, const char *system_id,
                                     struct error *err)
{
    DB_STATEMENT(machine_life_old_keys, "DELETE FROM api_token WHERE system_id = $1");
    struct token token;
    enum error_code code =
        db_query(life->db, &machine_life_old_keys, DB_PARAMS(system_id), NULL, err);
    return code ? code
                : token_store_create(life->db, life->ring,
                                     &(struct token_for){.system_id = system_id}, life->arena,
                                     &token, err);
}

enum error_code machine_life_let_go(const struct machine_life *life, struct machine *machine,
                                    struct error *err)
{
    DB_STATEMENT(machine_life_let_go_row,
                 "UPDATE node SET owner_id = NULL, owner_data = '{}', agent_name = '', "
                 "locked = false, user_data = NULL, deploy_options = '{}', erase_options = '{}', "
                 "osystem = '', distro_series = '', hwe_kernel = NULL, ephemeral_deploy = false, "
                 "enable_hw_sync = false, sync_interval = NULL, last_sync = NULL, deployed = NULL, "
                 "agent_task = '' WHERE id = $1");
    DB_STATEMENT(machine_life_let_go_addresses,
                 "UPDATE ip_address SET ip = NULL, updated = now() WHERE alloc_type = 0 AND ip IS "
                 "NOT NULL AND interface_id IN (SELECT id FROM interface WHERE node_id = $1)");
    DB_STATEMENT(machine_life_let_go_specials,
                 "DELETE FROM special_filesystem WHERE node_id = $1 AND acquired");
    const char *id = db_number(life->arena, machine->id);
    enum error_code code = db_query(life->db, &machine_life_let_go_row, DB_PARAMS(id), NULL, err);
    if (!code)
        code = db_query(life->db, &machine_life_let_go_addresses, DB_PARAMS(id), NULL, err);
    if (!code)
        code = db_query(life->db, &machine_life_let_go_specials, DB_PARAMS(id), NULL, err);
    if (!code) {
        machine->owner_id = 0;
        machine->deployed = false;
    }
    return code;
}

enum error_code machine_life_free(const struct machine_life *life, struct machine *machine,
                                  struct error *err)
{
    enum error_code code = machine_life_settle(life, machine, MACHINE_READY, NULL, err);
    if (!code)
        code = machine_life_let_go(life, machine, err);
    return code ? code : machine_life_new_key(life, machine->system_id, err);
}

enum error_code machine_life_settle(const struct machine_life *life, struct machine *machine,
                                    int to, const char *why, struct error *err)
{
    struct machine_move move = {to, life->username, why};
    enum error_code code = machine_move(life->db, machine, &move, life->arena, err);
    return code ? code
                : operation_cancel(life->db, machine->id, "not needed any more", life->arena, err);
}

enum error_code machine_life_end(const struct machine_life *life, struct machine *machine,
                                 enum operation_end end, struct error *err)
{
    switch (end) {
    case OPERATION_END_FREE:
        return machine_life_free(life, machine, err);
    case OPERATION_END_BACK:
        return machine_life_settle(life, machine, machine->previous_status, NULL, err);
    default:
        return ERR_OK;
    }
}

enum error_code machine_life_begin(const struct machine_life *life, struct machine *machine, int to,
                                   const char *operation, struct error *err)
{
    struct machine_move move = {.to = to, .username = life->username, .homeless = true};
    struct operation_begin begin = {operation, life->username, 0};
    bool begun = false;
    enum error_code code = machine_move(life->db, machine, &move, life->arena, err);
    if (!code)
        code = operation_begin(life->db, machine, &begin, &begun, life->arena, err);
    if (!code && !begun)
        code = machine_life_end(life, machine, operation_kind_find(operation)->end, err);
    return code;
}

enum error_code machine_life_fail(const struct machine_life *life, struct machine *machine,
                                  const char *event_type, const char *why, struct error *err)
{
    struct event event = {event_type, machine->system_id, life->username, why};
    int failed = machine_status_failed(machine->status);
    enum error_code code = script_set_abort(life->db, machine->id, life->arena, err);
    if (!code && failed >= 0)
        code = machine_life_settle(life, machine, failed, why, err);
    return code ? code : event_add(life->db, &event, life->arena, err);
}

enum error_code machine_life_power_off(const struct machine_life *life,
                                       const struct machine *machine, struct error *err)
{
    bool begun;
    return operation_begin(life->db, machine,
                           &(struct operation_begin){"off", life->username, OFF_DELAY_S}, &begun,
                           life->arena, err);
}
