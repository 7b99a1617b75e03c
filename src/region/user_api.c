/* People: the actions of users/. */
#include "src/region/routes.h"

static void write_user(struct json_out *out, const struct api_user *user, struct arena *arena)
{
    json_out_open_object(out, NULL);
    json_out_text(out, "username", user->username);
    json_out_text(out, "email", user->email);
    json_out_bool(out, "is_superuser", user->is_superuser);
    json_out_bool(out, "is_local", true);
    json_out_text(out, "resource_uri",
                  arena_printf(arena, "/MAAS/api/2.0/users/%s/", user->username));
    json_out_close_object(out);
}

enum error_code users_whoami(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    (void)err;
    write_user(api_reply_json(reply), request->user, request->arena);
    return ERR_OK;
}
