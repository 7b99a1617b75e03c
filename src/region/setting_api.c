/* Settings: the actions of maas/. */
#include "src/region/event_store.h"
#include "src/region/routes.h"
#include "src/region/setting.h"

enum error_code maas_get_config(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    const char *name, *json;
    enum error_code code = api_need(request, "name", &name, err);
    if (code)
        return code;
    if (setting_is_secret(name) && !request->user->is_superuser)
        return error_set(err, ERR_FORBIDDEN, "This setting is for administrators.");
    code = setting_json(request->db, name, request->arena, &json, err);
    if (code == ERR_NOT_FOUND)
        return error_set(err, ERR_BAD_INPUT, "%.100s is not a valid config setting.", name);
    if (!code)
        json_out_raw(api_reply_json(reply), NULL, json);
    return code;
}

enum error_code maas_set_config(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    const char *name, *value = api_param(request, "value");
    enum error_code code = api_need(request, "name", &name, err);
    if (!code && !value)
        return error_set(err, ERR_BAD_INPUT, "No provided value!");
    if (!code)
        code = setting_set(request->db, name, value, request->arena, err);
    if (code == ERR_NOT_FOUND)
        return error_set(err, ERR_BAD_INPUT, "%.100s is not a valid config setting.", name);
    if (code == ERR_BAD_INPUT && value) {
        api_field_error(reply, name, "%s", err->text);
        return api_fields_valid(reply, err);
    }
    if (!code)
        code = event_audit(request, "SETTINGS",
                           arena_printf(request->arena, "Updated setting '%s'.", name), err);
    if (!code)
        api_reply_text(reply, 200, "OK");
    return code;
}
