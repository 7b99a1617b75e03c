/* People: the actions of users/. Source: MAAS API 2.0, users. */
#include <string.h>

#include "src/region/event_store.h"
#include "src/region/routes.h"
#include "src/region/sshkey_store.h"
#include "src/region/user_store.h"

struct user_list {
    struct json_out *out;
    struct arena *arena;
};

static void write_user(void *subject, const struct api_user *user)
{
    const struct user_list *list = subject;
    struct json_out *out = list->out;
    json_out_open_object(out, NULL);
    json_out_text(out, "username", user->username);
    json_out_text(out, "email", user->email);
    json_out_bool(out, "is_superuser", user->is_superuser);
    json_out_bool(out, "is_local", true);
    json_out_text(out, "resource_uri",
                  arena_printf(list->arena, "/MAAS/api/2.0/users/%s/", user->username));
    json_out_close_object(out);
}

static void reply_user(struct api_request *request, struct api_reply *reply,
                       const struct api_user *user)
{
    struct user_list list = {api_reply_json(reply), request->arena};
    write_user(&list, user);
}

enum error_code users_whoami(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    (void)err;
    reply_user(request, reply, request->user);
    return ERR_OK;
}

enum error_code users_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct user_list list = {api_reply_json(reply), request->arena};
    json_out_open_list(list.out, NULL);
    enum error_code code = user_store_each(request->db, write_user, &list, err);
    if (!code)
        json_out_close_list(list.out);
    return code;
}

static const char *check_username(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@.+-_";
    if (strlen(name) > 150)
        return "Ensure this value has at most 150 characters.";
    return name[strspn(name, allowed)]
               ? "Enter a valid username. It may hold letters, digits and @.+-_ only."
               : NULL;
}

static enum error_code read_new_user(struct api_request *request, struct api_reply *reply,
                                     struct user_new *user, struct error *err)
{
    const char *is_superuser;
    enum error_code code = api_need(request, "username", &user->username, err);
    if (!code)
        code = api_need(request, "email", &user->email, err);
    if (!code)
        code = api_need_text(request, "password", &user->password, err);
    if (!code)
        code = api_need(request, "is_superuser", &is_superuser, err);
    if (!code)
        code = api_param_bool(request, "is_superuser", &user->is_superuser, err);
    if (code)
        return code;
    const char *wrong = check_username(user->username);
    if (wrong)
        api_field_error(reply, "username", "%s", wrong);
    if (!strchr(user->email, '@') || strlen(user->email) > 254)
        api_field_error(reply, "email", "Enter a valid email address.");
    if (strlen(user->password) > 1024)
        api_field_error(reply, "password", "Ensure this value has at most 1024 characters.");
    return api_fields_valid(reply, err);
}

static enum error_code note(struct api_request *request, const char *what, const char *username,
                            struct error *err)
{
    return event_audit(request, "AUTHORISATION",
                       arena_printf(request->arena, "%s '%s'.", what, username), err);
}

enum error_code users_create(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    struct user_new user = {0};
    struct api_user made = {0};
    const char *key = api_param(request, "key");
    enum error_code code = read_new_user(request, reply, &user, err);
    if (code)
        return code;
    code = user_store_create(request->db, &user, request->arena, &made.id, err);
    if (code == ERR_CONFLICT) {
        api_field_error(reply, "username", "User with this Username already exists.");
        return api_fields_valid(reply, err);
    }
    if (!code && key && *key)
        code = sshkey_store_create(request->db, made.id, key, request->arena, NULL, err);
    if (code == ERR_BAD_INPUT && made.id) {
        api_field_error(reply, "key", "%s", err->text);
        return api_fields_valid(reply, err);
    }
    if (!code)
        code = user_store_find(request->db, user.username, request->arena, &made, err);
    if (!code)
        code =
            note(request, made.is_superuser ? "Created admin" : "Created user", made.username, err);
    if (!code)
        reply_user(request, reply, &made);
    return code;
}

enum error_code user_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct api_user user;
    enum error_code code =
        user_store_find(request->db, api_path(request, "username"), request->arena, &user, err);
    if (!code)
        reply_user(request, reply, &user);
    return code;
}

enum error_code user_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct api_user user, heir;
    const char *to = api_param(request, "transfer_resources_to");
    enum error_code code =
        user_store_find(request->db, api_path(request, "username"), request->arena, &user, err);
    if (!code && user.id == request->user->id)
        return error_set(err, ERR_BAD_INPUT, "An administrator cannot delete herself.");
    if (!code && to && *to) {
        code = user_store_find(request->db, to, request->arena, &heir, err);
        if (!code)
            code = user_store_transfer(request->db, user.id, heir.id, request->arena, err);
    }
    if (!code)
        code = user_store_delete(request->db, user.id, request->arena, err);
    if (code == ERR_CONFLICT)
        return error_set(err, ERR_BAD_INPUT,
                         "User %s still owns resources: name a user to transfer them to.",
                         user.username);
    if (!code)
        code = note(request, "Deleted user", user.username, err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
