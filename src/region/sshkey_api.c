/* SSH keys: the actions of account/prefs/sshkeys/. Source: MAAS API 2.0, sshkeys. */
#include "src/region/event_store.h"
#include "src/region/routes.h"
#include "src/region/setting.h"
#include "src/region/sshkey_source.h"
#include "src/region/sshkey_store.h"
#include "src/region/user_store.h"

static void write_key(struct json_out *out, const struct sshkey *key, struct arena *arena)
{
    json_out_open_object(out, NULL);
    json_out_int(out, "id", key->id);
    json_out_text(out, "key", key->key);
    json_out_text(out, "keysource", key->keysource);
    json_out_text(
        out, "resource_uri",
        arena_printf(arena, "/MAAS/api/2.0/account/prefs/sshkeys/%lld/", (long long)key->id));
    json_out_close_object(out);
}

static void reply_keys(struct api_request *request, struct api_reply *reply,
                       const struct sshkey_list *list)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    for (int i = 0; i < list->count; i++)
        write_key(out, &list->keys[i], request->arena);
    json_out_close_list(out);
}

enum error_code sshkeys_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    struct sshkey_list list;
    enum error_code code =
        sshkey_store_list(request->db, request->user->id, NULL, request->arena, &list, err);
    if (!code)
        reply_keys(request, reply, &list);
    return code;
}

enum error_code sshkeys_create(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    const char *text = NULL, *username = api_param(request, "user");
    struct api_user owner = *request->user;
    struct sshkey key;
    enum error_code code = api_need_text(request, "key", &text, err);
    if (!code && username && *username) {
        if (!request->user->is_superuser)
            return error_set(err, ERR_FORBIDDEN, "Only administrators add keys of other users.");
        code = user_store_find(request->db, username, request->arena, &owner, err);
    }
    if (!code)
        code = sshkey_store_create(request->db, owner.id, text, request->arena, &key, err);
    if (code == ERR_CONFLICT || (code == ERR_BAD_INPUT && text)) {
        api_field_error(reply, "key", "%s", err->text);
        return api_fields_valid(reply, err);
    }
    if (!code)
        code = event_audit(request, "AUTHORISATION",
                           arena_printf(request->arena, "Created SSH key %lld of '%s'.",
                                        (long long)key.id, owner.username),
                           err);
    if (code)
        return code;
    write_key(api_reply_json(reply), &key, request->arena);
    reply->status = 201;
    return ERR_OK;
}

/* ---- from where they are published ---- */

struct import {
    const struct api_request *request;
    struct sshkey_source source;
    const char *base, *proxy;
    struct sshkey_list_texts texts;
    struct sshkey_list kept; /* all there are from this source then */
};

static enum error_code keep(struct db *db, void *subject, struct error *err)
{
    struct import *import = subject;
    const struct api_request *request = import->request;
    struct sshkey_import found = {request->user->id, import->source.text, import->texts.texts,
                                  import->texts.count};
    enum error_code code = sshkey_store_import(db, &found, request->arena, err);
    if (!code)
        code = event_audit(
            request, "AUTHORISATION",
            arena_printf(request->arena, "Imported SSH keys from '%s'.", import->source.text), err);
    return code ? code
                : sshkey_store_list(db, request->user->id, import->source.text, request->arena,
                                    &import->kept, err);
}

static enum error_code fetch(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    struct import *import = request->after_subject;
    enum error_code code = sshkey_source_fetch(&import->source, import->base, import->proxy,
                                               request->arena, &import->texts, err);
    if (!code)
        code = db_transact(request->db, DB_WRITE, keep, import, err);
    if (!code)
        reply_keys(request, reply, &import->kept);
    return code;
}

enum error_code sshkeys_import(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    struct import *import = ARENA_NEW(request->arena, struct import);
    const char *text;
    (void)reply;
    import->request = request;
    enum error_code code = api_need(request, "keysource", &text, err);
    if (!code)
        code = sshkey_source_parse(text, request->arena, &import->source, err);
    if (!code)
        code = setting_text(request->db, import->source.service->setting, request->arena,
                            &import->base, err);
    if (!code)
        code = setting_proxy(request->db, request->arena, &import->proxy, err);
    if (!code)
        api_after(request, fetch, import);
    return code;
}

static enum error_code find_own(struct api_request *request, struct sshkey *key, struct error *err)
{
    enum error_code code =
        sshkey_store_find(request->db, api_path(request, "id"), request->arena, key, err);
    if (!code && key->account_id != request->user->id)
        return error_set(err, ERR_FORBIDDEN, "Can't touch a key of another user.");
    return code;
}

enum error_code sshkey_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct sshkey key;
    enum error_code code = find_own(request, &key, err);
    if (!code)
        write_key(api_reply_json(reply), &key, request->arena);
    return code;
}

enum error_code sshkey_delete(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct sshkey key;
    enum error_code code = find_own(request, &key, err);
    if (!code)
        code = sshkey_store_delete(request->db, api_path(request, "id"), err);
    if (!code)
        code = event_audit(request, "AUTHORISATION",
                           arena_printf(request->arena, "Deleted SSH key %lld.", (long long)key.id),
                           err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}
