/* One API call as bytes: see api_request.h. */
#include "src/cli/api_request.h"

#include <string.h>

#include "src/cli/api_subject.h"
#include "src/wire/http_client.h"

/** Length of NAME in "NAME=..." or "NAME@=...", 0 if the word is no parameter. */
static size_t name_length(const char *word)
{
    size_t length =
        strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    const char *after = word + length;
    return length && (*after == '=' || (*after == '@' && after[1] == '=')) ? length : 0;
}

int api_request_count_parts(int argc, char **argv)
{
    int count = 0;
    for (int i = 0; i < argc; i++)
        count += name_length(argv[i]) == 0;
    return count;
}

static enum error_code add_param(struct cli *cli, const char *word, struct api_request *request,
                                 struct error *err)
{
    if (request->params_count == API_REQUEST_PARAMS)
        return error_set(err, ERR_TOO_LARGE, "more than %d parameters", API_REQUEST_PARAMS);
    struct api_request_param *param = &request->params[request->params_count++];
    size_t length = name_length(word);
    param->name = arena_strndup(cli->arena, word, length);
    param->is_file = word[length] == '@';
    if (!param->is_file) {
        param->value = word + length + 1;
        param->size = strlen(param->value);
        return ERR_OK;
    }
    char *bytes = NULL;
    enum error_code code =
        cli_read_input(cli, word + length + 2, CLI_INPUT_BYTES, &bytes, &param->size, err);
    if (code)
        return error_wrap(err, "%s", param->name);
    param->value = bytes;
    return ERR_OK;
}

enum error_code api_request_parse(struct cli *cli, const struct api_action *action, int argc,
                                  char **argv, struct api_request *request, struct error *err)
{
    *request = (struct api_request){.action = action};
    struct api_subject_parts parts;
    api_subject_parts(api_handler_find(action->handler_name)->path, cli->arena, &parts);
    const char *command =
        arena_printf(cli->arena, "%s %s ", api_subject_name(action->handler_name, cli->arena),
                     api_subject_verb(action, cli->arena));
    for (int i = 0; i < argc; i++) {
        if (name_length(argv[i])) {
            enum error_code code = add_param(cli, argv[i], request, err);
            if (code)
                return code;
            continue;
        }
        if (!strncmp(argv[i], "--", 2))
            return cli_usage(err, command, "there is no flag %.60s; parameters are NAME=VALUE",
                             argv[i]);
        if (request->parts_count == parts.count)
            return cli_usage(err, command,
                             "one word too many: \"%.100s\"; parameters are NAME=VALUE", argv[i]);
        if (!*argv[i])
            return cli_usage(err, command, "%s is empty", parts.names[request->parts_count]);
        request->parts[request->parts_count++] = argv[i];
    }
    if (request->parts_count < parts.count)
        return cli_usage(err, command, "%s is missing", parts.names[request->parts_count]);
    return ERR_OK;
}

/** name=value pairs, percent-encoded (RFC 3986 unreserved letters stay). */
static const char *form_text(const struct api_request *request, struct arena *arena)
{
    const char *text = "";
    for (int i = 0; i < request->params_count; i++) {
        const struct api_request_param *param = &request->params[i];
        text = arena_printf(arena, "%s%s%s=%s", text, i ? "&" : "", param->name,
                            http_client_escape(arena, param->value));
    }
    return text;
}

static enum error_code render_body(const struct api_request *request, struct arena *arena,
                                   struct api_request_bytes *bytes, struct error *err)
{
    for (int i = 0; i < request->params_count; i++)
        bytes->has_file = bytes->has_file || request->params[i].is_file;
    if (!bytes->has_file) {
        bytes->content_type = "application/x-www-form-urlencoded";
        bytes->form = form_text(request, arena);
        return ERR_OK;
    }
    for (int i = 0; i < request->params_count; i++) {
        const struct api_request_param *param = &request->params[i];
        struct multipart_file file = {.name = param->name,
                                      .filename = param->name,
                                      .bytes = param->value,
                                      .size = param->size};
        if (param->is_file)
            multipart_file(&bytes->multipart, &file);
        else
            multipart_text(&bytes->multipart, param->name, param->value);
    }
    bytes->content_type = bytes->multipart.content_type;
    return multipart_finish(&bytes->multipart, err);
}

/** The path template with its parts filled in. */
static const char *fill_path(const struct api_request *request, struct arena *arena)
{
    const char *text = "", *at = api_handler_find(request->action->handler_name)->path;
    for (int part = 0;; part++) {
        const char *open = strchr(at, '{');
        if (!open)
            return arena_printf(arena, "%s%s", text, at);
        ASSERT(part < request->parts_count);
        text = arena_printf(arena, "%s%.*s%s", text, (int)(open - at), at,
                            http_client_escape(arena, request->parts[part]));
        at = strchr(open, '}') + 1;
    }
}

enum error_code api_request_render(const struct api_request *request, const char *base,
                                   struct arena *arena, struct api_request_bytes *bytes,
                                   struct error *err)
{
    const struct api_action *action = request->action;
    bool in_query = action->method == API_GET || action->method == API_DELETE;
    const char *query = in_query ? form_text(request, arena) : "";
    const char *op = action->op ? arena_printf(arena, "op=%s", action->op) : "";
    *bytes = (struct api_request_bytes){
        .method = api_method_name(action->method),
        .url = arena_printf(arena, "%s%s%s%s%s%s", base, fill_path(request, arena),
                            *op || *query ? "?" : "", op, *op && *query ? "&" : "", query),
    };
    multipart_init(&bytes->multipart);
    return in_query ? ERR_OK : render_body(request, arena, bytes, err);
}

void api_request_close(struct api_request_bytes *bytes)
{
    multipart_close(&bytes->multipart);
}
