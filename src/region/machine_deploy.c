/* What a deployment is asked for: see machine_deploy.h. */
#include "src/region/machine_deploy.h"

#include <jansson.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/model/hwe_kernel.h"
#include "src/model/machine_status.h"
#include "src/model/storage_layout.h"
#include "src/region/address_claim.h"
#include "src/region/deploy_image.h"
#include "src/region/http.h"
#include "src/region/image_store.h"
#include "src/region/script_run.h"
#include "src/region/setting.h"
#include "src/wire/digest.h"

enum { USER_DATA_BYTES = 2 << 20, NAME_BYTES = 128 };

enum error_code machine_deploy_user_data(struct api_request *request, struct api_reply *reply,
                                         const char **user_data, struct error *err)
{
    size_t size = 0, text_size = 0;
    const char *text = api_content(request, "user_data", &text_size);
    *user_data = NULL;
    if (!text || !text_size)
        return ERR_OK;
    const char *bytes = digest_base64_parse(request->arena, text, text_size, &size);
    if (!bytes)
        api_field_error(reply, "user_data", "Enter base64-encoded data.");
    else if (size > USER_DATA_BYTES)
        api_field_error(reply, "user_data", "At most %d bytes.", USER_DATA_BYTES);
    else
        *user_data = digest_base64(request->arena, bytes, size);
    (void)err;
    return ERR_OK;
}

static bool is_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *p))
            return false;
    return *text && *text != '.' && strlen(text) <= NAME_BYTES;
}

/* "jammy", "ubuntu/jammy", "22.04", "custom/NAME", with osystem beside it; else what the settings
 * say. */
static enum error_code read_series(struct api_request *request, struct api_reply *reply,
                                   struct machine_deploy *deploy, struct error *err)
{
    const char *text = api_param(request, "distro_series");
    const char *osystem = api_param(request, "osystem");
    const char *slash = text ? strchr(text, '/') : NULL;
    bool named = text && *text;
    enum error_code code =
        setting_text(request->db, "default_osystem", request->arena, &deploy->osystem, err);
    if (!code)
        code = setting_text(request->db, "default_distro_series", request->arena, &deploy->series,
                            err);
    if (code)
        return code;
    if (named) {
        deploy->series = slash ? slash + 1 : text;
        deploy->osystem = slash ? arena_strndup(request->arena, text, (size_t)(slash - text)) : "";
    }
    if (osystem && *osystem && !slash)
        deploy->osystem = osystem;
    if ((*deploy->osystem && !is_name(deploy->osystem)) || !is_name(deploy->series))
        api_field_error(reply, "distro_series", "'%.100s' is not a valid distro_series.",
                        named ? text : deploy->series);
    return ERR_OK;
}

/* What there is instead. */
static enum error_code refuse_series(struct api_request *request, struct api_reply *reply,
                                     const struct deploy_image *wanted, struct error *err)
{
    const char *names;
    enum error_code code = deploy_image_names(request->db, wanted, request->arena, &names, err);
    if (code)
        return code;
    const char *advice = *names ? arena_printf(request->arena, "It should be one of: %s.", names)
                                : "No image is imported yet: see boot-resources.";
    api_field_error(reply, "distro_series", "'%s%s%s' is not a valid distro_series for %s. %s",
                    wanted->osystem, *wanted->osystem ? "/" : "", wanted->series,
                    wanted->architecture, advice);
    return api_fields_valid(reply, err);
}

/* Of the kernels that the image has; what nobody asked for of a machine, the settings may. */
static enum error_code choose_kernel(struct api_request *request, struct api_reply *reply,
                                     const struct deploy_image_found *found, const char *minimum,
                                     struct machine_deploy *deploy, struct error *err)
{
    struct hwe_kernel_wish wish = {.asked = deploy->hwe_kernel, .minimum = minimum};
    struct error refusal;
    enum error_code code =
        deploy_image_kernels(request->db, found, request->arena, &wish.available, err);
    if (!code && !*minimum)
        code =
            setting_text(request->db, "default_min_hwe_kernel", request->arena, &wish.minimum, err);
    if (code)
        return code;
    if (hwe_kernel_choose(&wish, request->arena, &deploy->hwe_kernel, &refusal))
        api_field_error(reply, "hwe_kernel", "%s", refusal.text);
    return ERR_OK;
}

enum error_code machine_deploy_image(struct api_request *request, struct api_reply *reply,
                                     const struct machine *machine, struct machine_deploy *deploy,
                                     struct error *err)
{
    DB_STATEMENT(machine_deploy_kind,
                 "SELECT architecture, min_hwe_kernel FROM node WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct deploy_image_found found;
    enum error_code code = db_query(request->db, &machine_deploy_kind,
                                    DB_PARAMS(db_number(request->arena, machine->id)), &rows, err);
    if (code)
        return code;
    struct deploy_image wanted = {.folder = http_settings(request->http)->images,
                                  .osystem = deploy->osystem,
                                  .series = deploy->series,
                                  .architecture = db_text(&rows, 0, 0)};
    code = deploy_image_find(request->db, &wanted, request->arena, &found, err);
    if (code == ERR_NOT_FOUND)
        return refuse_series(request, reply, &wanted, err);
    if (code)
        return code;
    const char *form = json_string_value(json_object_get(found.task, "form"));
    if (deploy->ephemeral && form && !strncmp(form, "dd", 2))
        api_field_error(reply, "ephemeral_deploy", "An image of a whole disk needs a disk.");
    json_decref(found.task);
    code = choose_kernel(request, reply, &found, db_text(&rows, 0, 1), deploy, err);
    if (!code)
        code = api_fields_valid(reply, err);
    if (code)
        return code;
    deploy->osystem = found.osystem;
    deploy->series = found.series;
    return found.resource_id
               ? image_store_deployed(request->db, found.resource_id, request->arena, err)
               : ERR_OK;
}

static enum error_code refuse_true(struct api_request *request, struct api_reply *reply,
                                   const char *name, const char *why, struct error *err)
{
    bool value = false;
    enum error_code code = api_param_bool(request, name, &value, err);
    if (!code && value)
        api_field_error(reply, name, "%s", why);
    return code;
}

static enum error_code read_options(struct api_request *request, struct machine_deploy *deploy,
                                    struct error *err)
{
    static const char *const texts[] = {"license_key", "storage_layout"};
    __attribute__((cleanup(json_decrefp))) json_t *options = json_object();
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = api_param(request, texts[i]);
        if (text && json_object_set_new(options, texts[i], json_string(text)))
            return error_set(err, ERR_BAD_INPUT, "Invalid %s: not a text in UTF-8", texts[i]);
    }
    deploy->options = json_out_dump(request->arena, options);
    return ERR_OK;
}

enum error_code machine_deploy_read(struct api_request *request, struct api_reply *reply,
                                    struct machine_deploy *deploy, struct error *err)
{
    static const char *const refused[][2] = {
        {"install_kvm", "This version makes no VM hosts."},
        {"register_vmhost", "This version makes no VM hosts."},
        {"install_rackd", "Racks join the cluster by `gantry cluster join`."},
        {"vcenter_registration", "This version registers nothing with vCenter."},
        {"bridge_all", "This version makes no bridges of its own: create them before."},
        {"enable_kernel_crash_dump", "This version installs nothing that keeps crash dumps."},
    };
    *deploy = (struct machine_deploy){0};
    enum error_code code = machine_deploy_user_data(request, reply, &deploy->user_data, err);
    if (!code)
        code = read_series(request, reply, deploy, err);
    if (!code)
        code = api_param_bool(request, "ephemeral_deploy", &deploy->ephemeral, err);
    if (!code)
        code = api_param_bool(request, "enable_hw_sync", &deploy->hw_sync, err);
    for (size_t i = 0; i < COUNT_OF(refused) && !code; i++)
        code = refuse_true(request, reply, refused[i][0], refused[i][1], err);
    if (!code)
        code = read_options(request, deploy, err);
    const char *layout = api_param(request, "storage_layout");
    if (layout && !storage_layout_is_known(layout))
        api_field_error(reply, "storage_layout",
                        "Select a valid choice. %.64s is not one of flat, lvm.", layout);
    deploy->hwe_kernel = api_param(request, "hwe_kernel");
    return code ? code : api_fields_valid(reply, err);
}

enum error_code machine_deploy_begin(struct api_request *request, struct machine *machine,
                                     const struct machine_deploy *deploy, struct error *err)
{
    DB_STATEMENT(machine_deploy_keep,
                 "UPDATE node SET user_data = decode($2, 'base64'), osystem = $3, "
                 "distro_series = $4, hwe_kernel = nullif($5, ''), ephemeral_deploy = $6::bool, "
                 "enable_hw_sync = $7::bool, deploy_options = $8, deployed = NULL, "
                 "agent_name = coalesce($9, agent_name) WHERE id = $1");
    struct machine_life life = machine_ask_life(request);
    const char *id = db_number(request->arena, machine->id);
    enum error_code code = machine_ask_note(request, MACHINE_ACTION_DEPLOY, machine, err);
    if (!code)
        code = db_query(request->db, &machine_deploy_keep,
                        DB_PARAMS(id, deploy->user_data, deploy->osystem, deploy->series,
                                  deploy->hwe_kernel, deploy->ephemeral ? "true" : "false",
                                  deploy->hw_sync ? "true" : "false", deploy->options,
                                  api_param(request, "agent_name")),
                        NULL, err);
    if (!code)
        code = script_run_open_set(request->db, machine, SCRIPT_INSTALLATION, request->arena, err);
    if (!code)
        code = address_claim(request->db, machine->id, request->arena, err);
    if (!code)
        code = machine_life_new_key(&life, machine->system_id, err);
    return code ? code : machine_life_begin(&life, machine, MACHINE_DEPLOYING, "deploy", err);
}
