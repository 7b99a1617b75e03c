/* Who asks: see identity.h. */
#include "src/region/identity.h"

#include <string.h>

#include "src/region/http_call.h"
#include "src/region/oauth.h"
#include "src/region/token_store.h"

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

enum error_code identity_find(struct api_request *request, struct error *err)
{
    const char *header = api_header(request, "Authorization");
    struct oauth oauth;
    bool found = header && oauth_is_header(header);
    enum error_code code = found ? oauth_parse(header, request->arena, &oauth, err)
                                 : oauth_from_form(request->params, &oauth, &found, err);
    if (code || !found)
        return code;
    return by_key(request, &oauth, err);
}
