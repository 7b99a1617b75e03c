/* Giving machines back: see machine_release.h. */
#include "src/region/machine_release.h"

#include "src/region/event_store.h"
#include "src/region/script_run.h"
#include "src/region/script_set.h"
#include "src/region/setting.h"

/* The setting, unless the request says something. */
static enum error_code read_choice(struct api_request *request, const char *name,
                                   const char *setting, bool *value, struct error *err)
{
    enum error_code code = setting_bool(request->db, setting, request->arena, value, err);
    return code ? code : api_param_bool(request, name, value, err);
}

enum error_code machine_release_read(struct api_request *request, struct machine_release *release,
                                     struct error *err)
{
    bool always = false;
    *release = (struct machine_release){0};
    enum error_code code =
        setting_bool(request->db, "enable_disk_erasing_on_release", request->arena, &always, err);
    if (!code)
        code = api_param_bool(request, "erase", &release->erase, err);
    if (!code)
        code = read_choice(request, "secure_erase", "disk_erase_with_secure_erase",
                           &release->secure_erase, err);
    if (!code)
        code = read_choice(request, "quick_erase", "disk_erase_with_quick_erase",
                           &release->quick_erase, err);
    release->erase = release->erase || always;
    return code;
}

enum error_code machine_release_begin(struct api_request *request, struct machine *machine,
                                      const struct machine_release *release, struct error *err)
{
    DB_STATEMENT(machine_release_options, "UPDATE node SET erase_options = jsonb_build_object("
                                          "'secure_erase', $2::bool, 'quick_erase', $3::bool) "
                                          "WHERE id = $1");
    struct machine_life life = machine_ask_life(request);
    int64_t scripts = 0;
    struct event erasing = {"REQUEST_NODE_ERASE_DISK", machine->system_id, life.username, NULL};
    enum error_code code = machine_ask_note(request, MACHINE_ACTION_RELEASE, machine, err);
    if (!code)
        code = script_run_start(request, machine, SCRIPT_RELEASE, err);
    if (!code)
        code = script_set_current(request->db, machine->id, SCRIPT_RELEASE, request->arena,
                                  &scripts, err);
    /* what runs on it now has no say in how this ends */
    if (!code)
        code = machine_life_new_key(&life, machine->system_id, err);
    if (code)
        return code;
    if (!release->erase)
        return machine_life_begin(&life, machine, MACHINE_RELEASING,
                                  scripts ? "release_scripts" : "release", err);
    code = event_add(request->db, &erasing, request->arena, err);
    if (!code)
        code = db_query(request->db, &machine_release_options,
                        DB_PARAMS(db_number(request->arena, machine->id),
                                  release->secure_erase ? "true" : "false",
                                  release->quick_erase ? "true" : "false"),
                        NULL, err);
    return code ? code : machine_life_begin(&life, machine, MACHINE_DISK_ERASING, "erase", err);
}
