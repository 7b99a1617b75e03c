/* Who asks: see identity.h. */
#include "src/region/identity.h"

#include <string.h>

#include "src/region/http_call.h"
#include "src/region/oauth.h"
#include "src/region/session_store.h"
#include "src/region/token_store.h"
#include "src/wire/digest.h"

static enum error_code by_key(struct api_request *request, const struct oauth *oauth,
                              struct error *err)
{
    struct token_owner *owner = ARENA_NEW(request->arena, struct token_owner);
    const struct seal_ring *ring = http_settings(request->http)->ring;
    enum error_code code = token_store_check(request->db, ring, oauth, request->arena, owner, err);
    if (code)
        return code;
    if (owner->system_id) {
        request->system_id = owner->system_id;
        return ERR_OK;
    }
    if (!owner->is_active)
        return error_set(err, ERR_FORBIDDEN, "User %s is inactive.", owner->user.username);
    request->user = &owner->user;
    return ERR_OK;
}

const char *identity_cookie(const struct api_request *request, const char *name)
{
    const char *at = api_header(request, "Cookie");
    size_t length = strlen(name);
    while (at && *(at += strspn(at, "; \t"))) {
        size_t size = strcspn(at, ";");
        if (size > length && at[length] == '=' && !strncmp(at, name, length))
            return arena_strndup(request->arena, at + length + 1, size - length - 1);
        at += size;
    }
    return NULL;
}

/*
 * A browser sends its cookie along with whatever a foreign page makes it send; only our own pages
 * can read the token. Reading is harmless.
 */
static enum error_code check_csrf(struct api_request *request, const struct session *session,
                                  struct error *err)
{
    const char *in_form = form_take(request->params, "csrfmiddlewaretoken");
    const char *token = api_header(request, "X-CSRFToken");
    const char *method = request->call->method;
    if (!token)
        token = in_form;
    if (!strcmp(method, "GET") || !strcmp(method, "HEAD"))
        return ERR_OK;
    if (!token || !digest_equal_text(token, session->csrf))
        return error_set(err, ERR_FORBIDDEN, "CSRF Failed: CSRF token missing or incorrect.");
    return ERR_OK;
}

static enum error_code by_session(struct api_request *request, struct session *session,
                                  struct error *err)
{
    if (!session->is_active)
        return error_set(err, ERR_FORBIDDEN, "User %s is inactive.", session->user.username);
    request->user = &session->user;
    return check_csrf(request, session, err);
}

enum error_code identity_find(struct api_request *request, struct error *err)
{
    const char *header = api_header(request, "Authorization");
    const char *cookie = identity_cookie(request, "sessionid");
    struct oauth oauth;
    if (cookie) {
        struct session *session = ARENA_NEW(request->arena, struct session);
        bool alive;
        enum error_code code =
            session_store_find(request->db, cookie, request->arena, session, &alive, err);
        if (code || alive)
            return code ? code : by_session(request, session, err);
    }
    bool found = header && oauth_is_header(header);
    enum error_code code = found ? oauth_parse(header, request->arena, &oauth, err)
                                 : oauth_from_form(request->params, &oauth, &found, err);
    if (code || !found)
        return code;
    return by_key(request, &oauth, err);
}
