/* API keys of the user who asks: the actions of account/. */
#include <string.h>

#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/routes.h"
#include "src/region/token_store.h"

static const struct seal_ring *ring_of(const struct api_request *request)
{
    return http_settings(request->http)->ring;
}

static enum error_code note(struct api_request *request, const char *what, const char *name,
                            struct error *err)
{
    return event_audit(request, "AUTHORISATION",
                       arena_printf(request->arena, "%s API key '%.100s'.", what, name), err);
}

/* A key may be given whole or as its middle part. */
static const char *middle_part(const char *key, struct arena *arena)
{
    const char *first = strchr(key, ':');
    return first ? arena_strndup(arena, first + 1, strcspn(first + 1, ":")) : key;
}

enum error_code account_create_token(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    struct token_for whose = {.account_id = request->user->id, .name = api_param(request, "name")};
    struct token token;
    enum error_code code =
        token_store_create(request->db, ring_of(request), &whose, request->arena, &token, err);
    if (!code)
        code = note(request, "Created", token.name, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "token_key", token.token_key);
    json_out_text(out, "token_secret", token.secret);
    json_out_text(out, "consumer_key", token.consumer_key);
    json_out_text(out, "name", token.name);
    json_out_close_object(out);
    return ERR_OK;
}

enum error_code account_delete_token(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    const char *key;
    enum error_code code = api_need(request, "token_key", &key, err);
    if (!code)
        code = token_store_delete(request->db, db_number(request->arena, request->user->id),
                                  middle_part(key, request->arena), err);
    if (!code)
        code = note(request, "Deleted", middle_part(key, request->arena), err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}

enum error_code account_rename_token(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    const char *key, *name;
    enum error_code code = api_need(request, "token", &key, err);
    if (!code)
        code = api_need(request, "name", &name, err);
    if (!code)
        code = token_store_rename(request->db, db_number(request->arena, request->user->id),
                                  middle_part(key, request->arena), name, err);
    if (!code)
        code = note(request, "Renamed", name, err);
    if (!code)
        api_reply_text(reply, 202, "Accepted");
    return code;
}

enum error_code account_list_tokens(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    struct token_for whose = {.account_id = request->user->id};
    struct token_list list;
    enum error_code code =
        token_store_list(request->db, ring_of(request), &whose, request->arena, &list, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    for (int i = 0; i < list.count; i++) {
        const struct token *token = &list.tokens[i];
        json_out_open_object(out, NULL);
        json_out_text(out, "name", token->name);
        json_out_text(out, "token",
                      arena_printf(request->arena, "%s:%s:%s", token->consumer_key,
                                   token->token_key, token->secret));
        json_out_close_object(out);
    }
    json_out_close_list(out);
    return ERR_OK;
}
