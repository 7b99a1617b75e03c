/*
 * Logging in and out of the web page, and from a name and a password to an API key: pages below
 * /MAAS/accounts/. Source: MAAS API 2.0, login.
 */
#include <string.h>

#include "src/region/http.h"
#include "src/region/identity.h"
#include "src/region/routes.h"
#include "src/region/session_store.h"
#include "src/region/setting.h"
#include "src/region/token_store.h"
#include "src/region/user_store.h"

/* The session of the cookie, if there is a living one. */
static enum error_code find_session(struct api_request *request, struct session *session,
                                    bool *found, struct error *err)
{
    const char *cookie = identity_cookie(request, "sessionid");
    *found = false;
    if (!cookie)
        return ERR_OK;
    return session_store_find(request->db, cookie, request->arena, session, found, err);
}

static void set_cookie(struct api_request *request, struct api_reply *reply, const char *cookie,
                       const char *attributes)
{
    bool secure = !strncmp(request->base_url, "https:", 6);
    api_reply_header(reply, "Set-Cookie",
                     arena_printf(request->arena, "%s; Path=/; SameSite=Lax%s%s", cookie,
                                  attributes, secure ? "; Secure" : ""));
}

enum error_code page_login_read(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    struct session session;
    bool found, any = true;
    enum error_code code = find_session(request, &session, &found, err);
    if (!code)
        code = user_store_any(request->db, &any, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_bool(out, "authenticated", found);
    json_out_null(out, "external_auth_url");
    json_out_bool(out, "no_users", !any);
    json_out_close_object(out);
    return ERR_OK;
}

static enum error_code check_form(struct api_request *request, struct api_user *user,
                                  struct error *err)
{
    const char *username = api_param(request, "username"),
               *password = api_param(request, "password");
    if (!username || !*username || !password || !*password)
        return error_set(err, ERR_UNAUTHORIZED, "A username and a password are required.");
    return user_store_check_password(request->db, username, password, request->arena, user, err);
}

enum error_code page_login(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct session session;
    struct api_user user = {0};
    struct session_new made = {0};
    bool found;
    enum error_code code = find_session(request, &session, &found, err);
    if (!code && found) {
        api_reply_empty(reply, 204);
        return ERR_OK;
    }
    if (!code)
        code = check_form(request, &user, err);
    if (code == ERR_UNAUTHORIZED || code == ERR_FORBIDDEN) {
        api_field_error(reply, "__all__", "%s", err->text);
        return api_fields_valid(reply, err);
    }
    if (!code)
        code = setting_int(request->db, "session_length", request->arena, &made.length_s, err);
    made.account_id = user.id;
    if (!code)
        code = session_store_sweep(request->db, err);
    if (!code)
        code = session_store_create(request->db, &made, request->arena, err);
    if (code)
        return code;
    api_reply_empty(reply, 204);
    const char *age = arena_printf(request->arena, "; Max-Age=%lld", (long long)made.length_s);
    set_cookie(request, reply, arena_printf(request->arena, "sessionid=%s", made.cookie),
               arena_printf(request->arena, "; HttpOnly%s", age));
    set_cookie(request, reply, arena_printf(request->arena, "csrftoken=%s", made.csrf), age);
    return ERR_OK;
}

enum error_code page_logout(struct api_request *request, struct api_reply *reply, struct error *err)
{
    const char *cookie = identity_cookie(request, "sessionid");
    enum error_code code = ERR_OK;
    if (cookie && request->user)
        code = session_store_delete(request->db, cookie, err);
    if (code)
        return code;
    api_reply_empty(reply, 204);
    set_cookie(request, reply, "sessionid=", "; HttpOnly; Max-Age=0");
    set_cookie(request, reply, "csrftoken=", "; Max-Age=0");
    return ERR_OK;
}

enum error_code page_csrf(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct session session;
    bool found;
    enum error_code code = find_session(request, &session, &found, err);
    if (!code && !found)
        return error_set(err, ERR_FORBIDDEN, "Not logged in.");
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "csrf", session.csrf);
    json_out_close_object(out);
    return ERR_OK;
}

enum error_code page_authenticate(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    const struct seal_ring *ring = http_settings(request->http)->ring;
    struct token_for whose = {.name = api_param(request, "consumer")};
    struct api_user user = {0};
    struct token token;
    enum error_code code = check_form(request, &user, err);
    if (code == ERR_UNAUTHORIZED)
        return error_set(err, ERR_FORBIDDEN, "Wrong username or password.");
    whose.account_id = user.id;
    if (!code)
        code = token_store_ensure(request->db, ring, &whose, request->arena, &token, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "consumer_key", token.consumer_key);
    json_out_text(out, "name", token.name);
    json_out_text(out, "token_key", token.token_key);
    json_out_text(out, "token_secret", token.secret);
    json_out_close_object(out);
    return ERR_OK;
}
