/* Having scripts run on machines: see script_run.h. */
#include "src/region/script_run.h"

#include <jansson.h>

#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/model/machine_status.h"
#include "src/model/script.h"
#include "src/region/script_set.h"

static const char *const flags[] = {"enable_ssh", "skip_bmc_config", "skip_networking",
                                    "skip_storage"};
static const char *const lists[] = {"commissioning_scripts", "testing_scripts"};

static enum error_code read_options(struct api_request *request, json_t *options, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        bool value = false;
        enum error_code code = api_param_bool(request, flags[i], &value, err);
        if (code)
            return code;
        json_object_set_new(options, flags[i], json_boolean(value));
    }
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const char *text = api_param(request, lists[i]);
        json_t *value = text ? json_string(text) : json_null();
        if (!value)
            return error_set(err, ERR_BAD_INPUT, "Invalid %s: not a text in UTF-8", lists[i]);
        json_object_set_new(options, lists[i], value);
    }
    return ERR_OK;
}

enum error_code script_run_options(struct api_request *request, const struct machine *machine,
                                   struct error *err)
{
    DB_STATEMENT(script_run_keep, "UPDATE node SET script_options = $2 WHERE id = $1");
    __attribute__((cleanup(json_decrefp))) json_t *options = json_object();
    enum error_code code = read_options(request, options, err);
    if (code)
        return code;
    return db_query(
        request->db, &script_run_keep,
        DB_PARAMS(db_number(request->arena, machine->id), json_out_dump(request->arena, options)),
        NULL, err);
}

enum error_code script_run_open_set(struct db *db, const struct machine *machine,
                                    enum script_type type, struct arena *arena, struct error *err)
{
    DB_STATEMENT(
        script_run_new_set,
        "WITH made AS (INSERT INTO script_set (node_id, type) VALUES ($1, $2::int) RETURNING id) "
        "UPDATE node SET "
        "commissioning_set_id = CASE WHEN $2::int = 0 THEN made.id ELSE commissioning_set_id END, "
        "installation_set_id = CASE WHEN $2::int = 1 THEN made.id ELSE installation_set_id END, "
        "testing_set_id = CASE WHEN $2::int = 2 THEN made.id ELSE testing_set_id END, "
        "release_set_id = CASE WHEN $2::int = 3 THEN made.id ELSE release_set_id END "
        "FROM made WHERE node.id = $1");
    return db_query(db, &script_run_new_set,
                    DB_PARAMS(db_number(arena, machine->id), db_number(arena, (int64_t)type)), NULL,
                    err);
}

enum error_code script_run_start(struct api_request *request, const struct machine *machine,
                                 enum script_type type, struct error *err)
{
    static const char *const names[] = {[SCRIPT_COMMISSIONING] = "commissioning_scripts",
                                        [SCRIPT_TESTING] = "testing_scripts",
                                        [SCRIPT_RELEASE] = "scripts"};
    __attribute__((cleanup(json_decrefp))) json_t *parameters = json_object();
    struct script_choice choice = {machine->id, (int)type, api_param(request, names[type]),
                                   parameters};
    int64_t set_id;
    for (int i = 0; i < api_param_count(request); i++) {
        const char *name, *value;
        api_param_at(request, i, &name, &value);
        json_object_set_new(parameters, name, json_string(value));
    }
    struct error why;
    enum error_code code = script_set_start(request->db, &choice, request->arena, &set_id, &why);
    return code == ERR_BAD_INPUT ? error_set(err, code, "%s: %s", names[type], why.text)
           : code                ? error_set(err, code, "%s", why.text)
                                 : ERR_OK;
}

enum error_code script_run_commission(struct api_request *request, struct machine *machine,
                                      struct error *err)
{
    struct machine_life life = machine_ask_life(request);
    enum error_code code = script_run_options(request, machine, err);
    if (!code)
        code = script_run_start(request, machine, SCRIPT_COMMISSIONING, err);
    if (!code)
        code = script_run_start(request, machine, SCRIPT_TESTING, err);
    if (!code && machine->owner_id)
        code = machine_life_let_go(&life, machine, err);
    if (!code)
        code = machine_life_new_key(&life, machine->system_id, err);
    return code ? code
                : machine_life_begin(&life, machine, MACHINE_COMMISSIONING, "commission", err);
}
