/* Tags: the actions of tags/ and tags/{name}/. Source: MAAS API 2.0, tags. */
#include <stdio.h>
#include <string.h>

#include "src/region/event_store.h"
#include "src/region/node_filter.h"
#include "src/region/node_json.h"
#include "src/region/routes.h"
#include "src/region/tag_rule.h"
#include "src/region/tag_store.h"

static void write_tag(struct json_out *out, const struct tag *tag)
{
    char uri[300];
    int size = snprintf(uri, sizeof(uri), "/MAAS/api/2.0/tags/%s/", tag->name);
    json_out_open_object(out, NULL);
    json_out_text(out, "name", tag->name);
    json_out_text(out, "definition", tag->definition);
    json_out_text(out, "comment", tag->comment);
    json_out_text(out, "kernel_opts", tag->kernel_opts);
    json_out_text_n(out, "resource_uri", uri, (size_t)size);
    json_out_close_object(out);
}

static enum error_code write_row(void *subject, const struct db_rows *rows, struct error *err)
{
    struct tag tag = {0, db_text(rows, 0, 0), db_text(rows, 0, 1), db_text(rows, 0, 2),
                      db_text(rows, 0, 3)};
    (void)err;
    write_tag(subject, &tag);
    return ERR_OK;
}

static enum error_code find(struct api_request *request, struct tag *tag, struct error *err)
{
    return tag_store_find(request->db, api_path(request, "name"), request->arena, tag, err);
}

static enum error_code reply_tag(struct api_request *request, struct api_reply *reply,
                                 const char *name, struct error *err)
{
    struct tag tag;
    enum error_code code = tag_store_find(request->db, name, request->arena, &tag, err);
    if (!code)
        write_tag(api_reply_json(reply), &tag);
    return code;
}

static enum error_code log_change(struct api_request *request, const char *format, const char *name,
                                  struct error *err)
{
    return event_audit(request, "TAG", arena_printf(request->arena, "%s '%s'.", format, name), err);
}

static void check_form(struct api_request *request, struct api_reply *reply, struct tag *tag)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const char *definition = api_param(request, "definition");
    struct error why;
    tag->name = api_param(request, "name");
    tag->comment = api_param(request, "comment");
    tag->kernel_opts = api_param(request, "kernel_opts");
    if (tag->name &&
        (!*tag->name || strlen(tag->name) > 256 || tag->name[strspn(tag->name, allowed)]))
        api_field_error(reply, "name",
                        "Invalid tag name (must be a series of unicode letters, "
                        "numbers, dashes, dots or underscores).");
    if (tag->comment && strlen(tag->comment) > 4096)
        api_field_error(reply, "comment", "Ensure this value has at most 4096 characters.");
    if (tag->kernel_opts && strlen(tag->kernel_opts) > 1024)
        api_field_error(reply, "kernel_opts", "Ensure this value has at most 1024 characters.");
    if (definition && *definition && tag_rule_check(definition, &why))
        api_field_error(reply, "definition", "%s", why.text);
    tag->definition = definition;
}

/* The nodes follow the rule once it is there: with many of them that takes a while. */
struct rule_change {
    int64_t tag_id;
    struct arena *arena;
};

static enum error_code apply_rule(struct db *db, void *subject, struct error *err)
{
    const struct rule_change *change = subject;
    return tag_rule_apply_tag(db, change->tag_id, change->arena, err);
}

static enum error_code follow_rule(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    (void)reply;
    return db_transact(request->db, DB_WRITE, apply_rule, request->after_subject, err);
}

static void follow_rule_after(struct api_request *request, int64_t tag_id)
{
    struct rule_change *change = ARENA_NEW(request->arena, struct rule_change);
    *change = (struct rule_change){tag_id, request->arena};
    api_after(request, follow_rule, change);
}

static enum error_code name_taken(struct api_reply *reply, struct error *err)
{
    api_field_error(reply, "name", "Tag with this Name already exists.");
    return api_fields_valid(reply, err);
}

enum error_code tags_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    enum error_code code = tag_store_each(request->db, write_row, out, err);
    if (!code)
        json_out_close_list(out);
    return code;
}

enum error_code tags_create(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct tag tag = {0};
    check_form(request, reply, &tag);
    if (!tag.name)
        api_field_error(reply, "name", "This field is required.");
    enum error_code code = api_fields_valid(reply, err);
    if (!code)
        code = tag_store_create(request->db, &tag, err);
    if (code == ERR_CONFLICT)
        return name_taken(reply, err);
    if (!code)
        code = log_change(request, "Created tag", tag.name, err);
    if (!code && tag.definition && *tag.definition)
        follow_rule_after(request, tag.id);
    return code ? code : reply_tag(request, reply, tag.name, err);
}

enum error_code tag_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return reply_tag(request, reply, api_path(request, "name"), err);
}

enum error_code tag_update(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct tag old, tag = {0};
    enum error_code code = find(request, &old, err);
    if (code)
        return code;
    check_form(request, reply, &tag);
    tag.id = old.id;
    code = api_fields_valid(reply, err);
    if (!code)
        code = tag_store_update(request->db, &tag, request->arena, err);
    if (code == ERR_CONFLICT)
        return name_taken(reply, err);
    if (!code)
        code = log_change(request, "Updated tag", old.name, err);
    if (!code && tag.definition && *tag.definition)
        follow_rule_after(request, tag.id);
    return code ? code : reply_tag(request, reply, tag.name ? tag.name : old.name, err);
}

enum error_code tag_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct tag tag;
    enum error_code code = find(request, &tag, err);
    if (!code)
        code = tag_store_delete(request->db, tag.id, request->arena, err);
    if (code)
        return code;
    api_reply_empty(reply, 204);
    return log_change(request, "Deleted tag", tag.name, err);
}

static enum error_code reply_nodes(struct api_request *request, struct api_reply *reply,
                                   unsigned types, struct error *err)
{
    struct tag tag;
    const char *ids;
    enum error_code code = find(request, &tag, err);
    struct node_filter filter = {.types = types, .tag = code ? NULL : tag.name};
    if (!code)
        code = node_filter_ids(request, reply, &filter, &ids, err);
    return code ? code : node_json_reply_list(request, ids, reply, err);
}

enum error_code tag_nodes(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return reply_nodes(request, reply, NODE_ALL, err);
}

enum error_code tag_machines(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return reply_nodes(request, reply, NODE_MACHINES, err);
}

enum error_code tag_devices(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return reply_nodes(request, reply, NODE_DEVICES, err);
}

enum error_code tag_rack_controllers(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    return reply_nodes(request, reply, NODE_RACKS, err);
}

enum error_code tag_region_controllers(struct api_request *request, struct api_reply *reply,
                                       struct error *err)
{
    return reply_nodes(request, reply, NODE_REGIONS, err);
}

enum error_code tag_rebuild(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct tag tag;
    enum error_code code = find(request, &tag, err);
    if (code)
        return code;
    follow_rule_after(request, tag.id);
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "rebuilding", tag.name);
    json_out_close_object(out);
    return ERR_OK;
}

enum error_code tag_update_nodes(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    struct tag tag;
    int add_count, remove_count;
    const char *const *add = api_param_list(request, "add", &add_count);
    const char *const *remove = api_param_list(request, "remove", &remove_count);
    const char *definition = api_param(request, "definition");
    struct tag_change change = {.add = db_array(request->arena, add, add_count),
                                .remove = db_array(request->arena, remove, remove_count)};
    enum error_code code = find(request, &tag, err);
    if (!code && definition && strcmp(definition, tag.definition))
        return error_set(err, ERR_CONFLICT,
                         "Definition supplied '%.200s' doesn't match current definition '%.200s'",
                         definition, tag.definition);
    if (!code)
        code = tag_store_change_nodes(request->db, tag.id, &change, request->arena, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_int(out, "added", change.added);
    json_out_int(out, "removed", change.removed);
    json_out_close_object(out);
    return ERR_OK;
}
