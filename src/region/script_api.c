/* Scripts: the actions of scripts/ and scripts/{name}. Source: MAAS API 2.0, scripts. */
#include <string.h>

#include "src/base/container.h"
#include "src/region/event_store.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/script_form.h"
#include "src/region/script_sql.h"
#include "src/region/script_store.h"

static const struct rows_one script_one = {
    &(const struct db_statement){
        "script_one", "SELECT to_json(x) FROM (" SCRIPT_SQL("$2::bool") " WHERE s.id = $1) x"},
    "Script"};

static enum error_code find(struct api_request *request, struct script *script, struct error *err)
{
    return script_store_find(request->db, api_path(request, "name"), request->arena, script, err);
}

static enum error_code reply_script(struct api_request *request, struct api_reply *reply,
                                    int64_t id, struct error *err)
{
    bool content = false;
    enum error_code code = api_param_bool(request, "include_script", &content, err);
    return code ? code
                : rows_reply_one(
                      request, reply, &script_one,
                      DB_PARAMS(db_number(request->arena, id), content ? "true" : "false"), err);
}

static enum error_code log_change(struct api_request *request, const char *what, const char *name,
                                  struct error *err)
{
    struct event event = {.type = "SCRIPT",
                          .username = request->user->username,
                          .description = arena_printf(request->arena, "%s '%s'.", what, name)};
    return event_add(request->db, &event, request->arena, err);
}

/* What the parameters say, each problem noted under its name. */
static void read_form(struct api_request *request, struct api_reply *reply,
                      struct script_header *header)
{
    static const char *const keys[] = {"name",
                                       "title",
                                       "description",
                                       "type",
                                       "hardware_type",
                                       "parallel",
                                       "timeout",
                                       "destructive",
                                       "may_reboot",
                                       "recommission",
                                       "tags",
                                       "for_hardware",
                                       "apply_configured_networking"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *text = api_param(request, keys[i]);
        struct error why;
        json_t *value = text ? json_string(text) : NULL;
        if (!text)
            continue;
        if (!value) {
            api_field_error(reply, keys[i], "Not UTF-8.");
            continue;
        }
        if (script_header_set(header, keys[i], value, request->arena, &why))
            api_field_error(reply, keys[i], "%s", why.text + strlen(keys[i]) + 2);
        json_decref(value);
    }
}

/* The script's own words count more than those of the request. */
static void lay_over(struct script_header *form, struct script_header *own)
{
#define TAKE_TEXT(member)   form->member = own->member ? own->member : form->member
#define TAKE_NUMBER(member) form->member = own->member >= 0 ? own->member : form->member
#define TAKE_JSON(member)               \
    do {                                \
        if (own->member) {              \
            json_decref(form->member);  \
            form->member = own->member; \
            own->member = NULL;         \
        }                               \
    } while (0)
    TAKE_TEXT(name);
    TAKE_TEXT(title);
    TAKE_TEXT(description);
    TAKE_NUMBER(type);
    TAKE_NUMBER(hardware);
    TAKE_NUMBER(parallel);
    TAKE_NUMBER(timeout_s);
    TAKE_NUMBER(destructive);
    TAKE_NUMBER(may_reboot);
    TAKE_NUMBER(recommission);
    TAKE_NUMBER(apply_netconf);
    TAKE_JSON(tags);
    TAKE_JSON(for_hardware);
    TAKE_JSON(parameters);
    TAKE_JSON(packages);
    TAKE_JSON(results);
#undef TAKE_TEXT
#undef TAKE_NUMBER
#undef TAKE_JSON
}

/* The text of the field; .bytes NULL when it was not given. */
static void read_text(struct api_request *request, struct api_reply *reply, const char *field,
                      struct script_text *text)
{
    *text = (struct script_text){.comment = api_param(request, "comment")};
    text->bytes = api_content(request, field, &text->size);
    if (text->comment && strlen(text->comment) > 4096)
        api_field_error(reply, "comment", "Ensure this value has at most 4096 characters.");
    if (text->bytes && !text->size)
        api_field_error(reply, field, "This field is required.");
    else if (text->bytes && text->size > SCRIPT_BYTES)
        api_field_error(reply, field, "A script has at most %d bytes.", SCRIPT_BYTES);
    else if (text->bytes && (text->size < 2 || memcmp(text->bytes, "#!/", 2)))
        api_field_error(reply, field, "Must start with shebang.");
}

/* Form, text and the text's header as one. Errors: BAD_INPUT with the fields. */
static enum error_code read_script(struct api_request *request, struct api_reply *reply,
                                   struct script_header *header, struct script_text *text,
                                   struct error *err)
{
    struct script_header own;
    struct error why;
    script_header_init(&own);
    read_form(request, reply, header);
    read_text(request, reply, "script", text);
    if (text->bytes && script_header_parse(text->bytes, text->size, request->arena, &own, &why))
        api_field_error(reply, "script", "%s", why.text);
    lay_over(header, &own);
    script_header_close(&own);
    if (header->title && strlen(header->title) > SCRIPT_TITLE_BYTES)
        api_field_error(reply, "title", "Ensure this value has at most %d characters.",
                        SCRIPT_TITLE_BYTES);
    return api_fields_valid(reply, err);
}

static enum error_code name_taken(struct api_reply *reply, struct error *err)
{
    api_field_error(reply, "name", "Script with this Name already exists.");
    return api_fields_valid(reply, err);
}

enum error_code scripts_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(script_list,
                 "SELECT to_json(x) FROM (" SCRIPT_SQL(
                     "$4::bool") " WHERE ($1::int IS NULL OR s.type = $1::int) AND ($2::int IS "
                                 "NULL OR s.hardware_type = $2::int) AND ($3::text[] IS NULL OR "
                                 "s.name = ANY ($3::text[]) OR s.tags && $3::text[])) x "
                                 "ORDER BY x.name");
    const char *type, *hardware;
    bool content = false;
    enum error_code code = script_form_word(request, "type", script_type_parse, &type, err);
    if (!code)
        code = script_form_word(request, "hardware_type", script_hardware_parse, &hardware, err);
    if (!code)
        code = api_param_bool(request, "include_script", &content, err);
    return code ? code
                : rows_reply_list(
                      request, reply, &script_list,
                      DB_PARAMS(type, hardware,
                                script_form_words(request->arena, api_param(request, "filters")),
                                content ? "true" : "false"),
                      err);
}

static enum error_code create(struct api_request *request, struct api_reply *reply,
                              struct script_header *header, const struct script_text *text,
                              struct error *err)
{
    int64_t id = 0;
    if (header->type < 0)
        header->type = SCRIPT_TESTING;
    enum error_code code = script_store_create(request->db, header, text, request->arena, &id, err);
    if (code == ERR_CONFLICT)
        return name_taken(reply, err);
    if (!code)
        code = log_change(request, "Created script", header->name, err);
    return code ? code : reply_script(request, reply, id, err);
}

enum error_code scripts_create(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    struct script_header header;
    struct script_text text;
    script_header_init(&header);
    enum error_code code = read_script(request, reply, &header, &text, err);
    if (!code) {
        if (!text.bytes)
            api_field_error(reply, "script", "This field is required.");
        if (!header.name)
            api_field_error(reply, "name", "This field is required.");
        code = api_fields_valid(reply, err);
    }
    if (!code)
        code = create(request, reply, &header, &text, err);
    script_header_close(&header);
    return code;
}

enum error_code script_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct script script;
    enum error_code code = find(request, &script, err);
    return code ? code : reply_script(request, reply, script.id, err);
}

/* What comes with the program keeps its text: only tags and time limit are people's. */
static void check_default(const struct script *script, const struct script_header *header,
                          const struct script_text *text, struct api_reply *reply)
{
    if (script->is_default &&
        (text->bytes || header->name || header->title || header->description || header->type >= 0 ||
         header->hardware >= 0 || header->parallel >= 0 || header->destructive >= 0 ||
         header->may_reboot >= 0 || header->recommission >= 0 || header->apply_netconf >= 0 ||
         header->for_hardware))
        api_field_error(reply, "__all__",
                        "Not allowed to change on default scripts: only tags and timeout are.");
}

enum error_code script_update(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct script script;
    struct script_header header;
    struct script_text text;
    enum error_code code = find(request, &script, err);
    if (code)
        return code;
    script_header_init(&header);
    code = read_script(request, reply, &header, &text, err);
    if (!code) {
        check_default(&script, &header, &text, reply);
        code = api_fields_valid(reply, err);
    }
    if (!code)
        code = script_store_update(request->db, script.id, &header, text.bytes ? &text : NULL,
                                   request->arena, err);
    script_header_close(&header);
    if (code == ERR_CONFLICT)
        return name_taken(reply, err);
    if (!code)
        code = log_change(request, "Updated script", script.name, err);
    return code ? code : reply_script(request, reply, script.id, err);
}

static enum error_code remove_script(struct api_request *request, struct api_reply *reply,
                                     const struct script *script, struct error *err)
{
    if (script->is_default)
        return error_set(err, ERR_BAD_INPUT, "Unable to delete default script");
    enum error_code code = script_store_delete(request->db, script->id, request->arena, err);
    if (code)
        return code;
    api_reply_empty(reply, 204);
    return log_change(request, "Deleted script", script->name, err);
}

enum error_code script_delete(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct script script;
    enum error_code code = find(request, &script, err);
    return code ? code : remove_script(request, reply, &script, err);
}

static enum error_code reply_text(struct api_request *request, struct api_reply *reply,
                                  const struct script *script, int64_t revision, struct error *err)
{
    struct script_text text;
    enum error_code code =
        script_store_text(request->db, script->id, revision, request->arena, &text, err);
    if (!code)
        api_reply_bytes(reply, "application/binary", text.bytes, text.size);
    return code;
}

enum error_code script_download(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    struct script script;
    int64_t revision = 0;
    enum error_code code = find(request, &script, err);
    if (!code)
        code = api_param_int(request, "rev", &revision, err);
    if (!code)
        code = api_param_int(request, "revision", &revision, err);
    return code ? code : reply_text(request, reply, &script, revision, err);
}

enum error_code script_revert(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    struct script script;
    const char *to_text;
    int64_t to = 0;
    enum error_code code = find(request, &script, err);
    if (!code)
        code = api_need(request, "to", &to_text, err);
    if (!code)
        code = api_param_int(request, "to", &to, err);
    if (!code && script.is_default)
        code = error_set(err, ERR_BAD_INPUT, "Unable to revert default script");
    if (!code)
        code = script_store_revert(request->db, script.id, to, request->arena, err);
    if (!code)
        code = log_change(request, "Reverted script", script.name, err);
    return code ? code : reply_script(request, reply, script.id, err);
}

static enum error_code change_tag(struct api_request *request, struct api_reply *reply, bool lay,
                                  struct error *err)
{
    struct script script;
    const char *tag;
    enum error_code code = find(request, &script, err);
    if (!code)
        code = api_need(request, "tag", &tag, err);
    if (!code && (!*tag || strlen(tag) > SCRIPT_NAME_BYTES || strchr(tag, ',')))
        code = error_set(err, ERR_BAD_INPUT, "tag: expected one word without commas");
    if (!code)
        code = script_store_tag(request->db, script.id, tag, lay, request->arena, err);
    if (!code)
        code = log_change(request, lay ? "Tagged script" : "Untagged script", script.name, err);
    return code ? code : reply_script(request, reply, script.id, err);
}

enum error_code script_add_tag(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    return change_tag(request, reply, true, err);
}

enum error_code script_remove_tag(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    return change_tag(request, reply, false, err);
}

/* ---- as older clients know them ---- */

static enum error_code find_old(struct api_request *request, struct script *script,
                                struct error *err)
{
    enum error_code code = find(request, script, err);
    if (!code && script->type != SCRIPT_COMMISSIONING)
        code = error_set(err, ERR_NOT_FOUND, "No Script matches the given query.");
    return code;
}

enum error_code old_scripts_read(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    DB_STATEMENT(old_script_list, "SELECT to_json(name) FROM script WHERE type = 0 ORDER BY name");
    return rows_reply_list(request, reply, &old_script_list, DB_NO_PARAMS, err);
}

static enum error_code read_old(struct api_request *request, struct api_reply *reply,
                                struct script_text *text, struct error *err)
{
    read_text(request, reply, "content", text);
    if (!text->bytes)
        api_field_error(reply, "content", "This field is required.");
    return api_fields_valid(reply, err);
}

static void reply_old(struct api_reply *reply, const char *name, const struct script_text *text)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "name", name);
    json_out_text_n(out, "content", text->bytes, text->size);
    json_out_close_object(out);
}

enum error_code old_scripts_create(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    struct script_header header;
    struct script_text text;
    int64_t id = 0;
    script_header_init(&header);
    header.type = SCRIPT_COMMISSIONING;
    enum error_code code = api_need(request, "name", &header.name, err);
    if (code)
        return code;
    if (!script_name_ok(header.name))
        api_field_error(reply, "name", "Not a script's name.");
    code = read_old(request, reply, &text, err);
    if (!code)
        code = script_store_create(request->db, &header, &text, request->arena, &id, err);
    if (code == ERR_CONFLICT)
        return name_taken(reply, err);
    if (!code)
        code = log_change(request, "Created script", header.name, err);
    if (!code)
        reply_old(reply, header.name, &text);
    return code;
}

enum error_code old_script_read(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    struct script script;
    enum error_code code = find_old(request, &script, err);
    return code ? code : reply_text(request, reply, &script, 0, err);
}

enum error_code old_script_update(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct script script;
    struct script_text text;
    struct script_header header;
    script_header_init(&header);
    enum error_code code = find_old(request, &script, err);
    if (!code)
        code = read_old(request, reply, &text, err);
    if (!code && script.is_default)
        code = error_set(err, ERR_BAD_INPUT, "Not allowed to change on default scripts.");
    if (!code)
        code = script_store_update(request->db, script.id, &header, &text, request->arena, err);
    if (!code)
        code = log_change(request, "Updated script", script.name, err);
    if (!code)
        reply_old(reply, script.name, &text);
    return code;
}

enum error_code old_script_delete(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    struct script script;
    enum error_code code = find_old(request, &script, err);
    return code ? code : remove_script(request, reply, &script, err);
}
