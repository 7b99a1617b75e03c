/* API commands: see api_run.h. */
#include "src/cli/api_run.h"

#include <jansson.h>
#include <string.h>

#include "src/base/container.h"
#include "src/cli/api_output.h"
#include "src/cli/api_subject.h"
#include "src/cli/doc_text.h"
#include "src/cli/machine_wait.h"
#include "src/wire/http_client.h"
#include "src/wire/oauth.h"

enum { CALL_TIMEOUT_MS = 300 * 1000, ANSWER_BYTES = 1 << 30, HELP_WIDTH = 96 };

static enum error_code explain(const struct profile *profile, enum error_code code,
                               struct error *err)
{
    struct error cause = *err;
    if (code == ERR_UNAVAILABLE || code == ERR_TIMEOUT)
        return error_set(err, code,
                         "%s; is the address of profile \"%s\" right (%s) and a region up? "
                         "On a region ask: gantry status",
                         cause.text, profile->name, profile->url);
    if (code == ERR_FORBIDDEN)
        return error_set(err, code,
                         "%s; the endpoint does not prove itself against %s; give the cluster's CA "
                         "with: gantry login %s URL KEY --ca FILE",
                         cause.text, profile->ca ? profile->ca : "the system's certificates",
                         profile->name);
    return code;
}

enum error_code api_run_call(struct cli *cli, const struct profile *profile,
                             const struct api_request_bytes *bytes, struct api_run_answer *answer,
                             struct error *err)
{
    struct oauth_key key;
    enum error_code code = oauth_key_parse(profile->key, cli->arena, &key, err);
    if (code)
        return error_wrap(err, "profile \"%s\"", profile->name);
    const char *headers[] = {oauth_header(&key, cli->arena), "Accept: application/json, */*"};
    struct http_client_request request = {
        .method = bytes->method,
        .url = bytes->url,
        .headers = headers,
        .headers_count = (int)COUNT_OF(headers),
        .body = bytes->form,
        .body_size = bytes->form ? strlen(bytes->form) : 0,
        .spool = bytes->has_file ? &bytes->multipart.body : NULL,
        .content_type = bytes->content_type,
        .tls = {.ca_file = profile->ca},
        .timeout_ms = CALL_TIMEOUT_MS,
        .reply_limit = ANSWER_BYTES,
    };
    struct http_client *client = http_client_new();
    struct http_client_reply got;
    code = http_client_run(client, &request, cli->arena, &got, err);
    http_client_free(client);
    if (code)
        return explain(profile, code, err);
    const char *type = http_client_header(&got, "content-type", cli->arena);
    *answer = (struct api_run_answer){.status = got.status,
                                      .content_type = type ? type : "",
                                      .body = got.body,
                                      .body_size = got.body_size};
    if (got.status >= 200 && got.status < 300)
        return ERR_OK;
    code = api_output_code(got.status);
    error_set(err, code, "%s (HTTP %d)", api_output_error(cli->arena, got.body), got.status);
    if (code == ERR_UNAUTHORIZED)
        error_set(err, code,
                  "the API key of profile \"%s\" is not accepted (HTTP 401); make a new one on the "
                  "page, then: gantry login %s %s KEY",
                  profile->name, profile->name, profile->url);
    return code;
}

/* With --wait it is the machine as it is in the end that is printed, whether or not it went well.
 */
static enum error_code wait_and_print(struct cli *cli, const struct profile *profile,
                                      const char *subject, json_t *value, struct error *err)
{
    enum error_code code = cli->wait ? machine_wait(cli, profile, &value, err) : ERR_OK;
    if (!code || code == ERR_INTERNAL)
        api_output_print(cli, subject, value, stdout);
    json_decref(value);
    return code;
}

static enum error_code print_answer(struct cli *cli, const struct profile *profile,
                                    const char *subject, const struct api_run_answer *answer,
                                    struct error *err)
{
    bool is_json = !strncmp(answer->content_type, "application/json", 16);
    json_t *value = NULL;
    if (is_json && answer->body_size) {
        json_error_t where;
        value = json_loadb(answer->body, answer->body_size, JSON_DECODE_ANY, &where);
        if (!value)
            return error_set(err, ERR_CORRUPT, "the answer is no JSON: %s", where.text);
        return wait_and_print(cli, profile, subject, value, err);
    }
    fwrite(answer->body, 1, answer->body_size, stdout);
    if (!strncmp(answer->content_type, "text/", 5) && answer->body_size &&
        answer->body[answer->body_size - 1] != '\n')
        putchar('\n');
    return ERR_OK;
}

static void print_subject(struct cli *cli, const char *subject)
{
    int count;
    const struct api_action **actions = api_subject_actions(subject, cli->arena, &count);
    printf("usage: gantry %s ACTION [WORDS] [NAME=VALUE...]\n\n", subject);
    for (int i = 0; i < count; i++) {
        struct doc_text doc;
        struct api_subject_parts parts;
        doc_text_read(actions[i]->doc, cli->arena, &doc);
        api_subject_parts(api_handler_find(actions[i]->handler_name)->path, cli->arena, &parts);
        const char *words = api_subject_verb(actions[i], cli->arena);
        for (int k = 0; k < parts.count; k++)
            words = arena_printf(cli->arena, "%s {%s}", words, parts.names[k]);
        printf("  %-34s ", words);
        doc_text_wrap(stdout, doc.summary, 37, HELP_WIDTH);
    }
    printf("\nMore of one action: gantry %s ACTION --help\n", subject);
}

static const char *access_text(enum api_access access)
{
    return access == API_ADMIN  ? "administrators"
           : access == API_USER ? "every user with an API key"
                                : "everybody, also without an API key";
}

static void print_example(struct cli *cli, const struct api_action *action, const char *subject,
                          const struct doc_text *doc, const struct api_subject_parts *parts)
{
    printf("\nexample:\n  gantry %s %s", subject, api_subject_verb(action, cli->arena));
    for (int i = 0; i < parts->count; i++)
        printf(" %s", !strcmp(parts->names[i], "system_id") ? "4y3h7n"
                      : !strcmp(parts->names[i], "id")      ? "1"
                                                            : "NAME");
    int shown = 0;
    for (int pass = 0; pass < 2 && !shown; pass++)
        for (int i = 0; i < doc->params_count && shown < 3; i++)
            if (pass == 1 ? shown == 0 : doc->params[i].needed) {
                printf(" %s=VALUE", doc->params[i].name);
                shown++;
            }
    putchar('\n');
}

static void print_action(struct cli *cli, const struct api_action *action)
{
    const struct api_handler *row = api_handler_find(action->handler_name);
    const char *subject = api_subject_name(action->handler_name, cli->arena);
    struct doc_text doc;
    struct api_subject_parts parts;
    doc_text_read(action->doc, cli->arena, &doc);
    api_subject_parts(row->path, cli->arena, &parts);
    printf("usage: gantry %s %s", subject, api_subject_verb(action, cli->arena));
    for (int i = 0; i < parts.count; i++)
        printf(" {%s}", parts.names[i]);
    printf("%s\n\n%s\n%s%s", doc.params_count ? " [NAME=VALUE...]" : "", doc.summary, doc.more,
           *doc.more ? "\n" : "");
    if (doc.params_count)
        printf("\nparameters (NAME@=FILE sends the content of a file; a list repeats NAME):\n");
    for (int i = 0; i < doc.params_count; i++) {
        printf("  %-20s ", doc.params[i].name);
        doc_text_wrap(stdout, doc.params[i].text, 23, HELP_WIDTH);
    }
    print_example(cli, action, subject, &doc, &parts);
    printf("\nfor: %s; request: %s /MAAS/api/2.0/%s%s%s\n", access_text(action->access),
           api_method_name(action->method), row->path, action->op ? "?op=" : "",
           action->op ? action->op : "");
}

enum error_code api_run(struct cli *cli, int argc, char **argv, struct error *err)
{
    if (argc < 2) {
        print_subject(cli, argv[0]);
        return cli->help ? ERR_OK : cli_usage(err, "", "%s: say what to do", argv[0]);
    }
    const struct api_action *action;
    int parts = api_request_count_parts(argc - 2, argv + 2);
    enum error_code code = api_subject_find(argv[0], argv[1], parts, cli->arena, &action, err);
    if (code)
        return code;
    if (cli->help) {
        print_action(cli, action);
        return ERR_OK;
    }
    struct profile profile;
    struct api_request *request = ARENA_NEW(cli->arena, struct api_request);
    code = api_request_parse(cli, action, argc - 2, argv + 2, request, err);
    if (!code)
        code = profile_choose(cli, &profile, err);
    if (code)
        return code;
    struct api_request_bytes bytes;
    struct api_run_answer answer;
    const char *subject = api_subject_name(action->handler_name, cli->arena);
    code = api_request_render(request, profile.url, cli->arena, &bytes, err);
    if (!code)
        code = api_run_call(cli, &profile, &bytes, &answer, err);
    api_request_close(&bytes);
    if (!code)
        code = print_answer(cli, &profile, subject, &answer, err);
    return code ? error_wrap(err, "%s %s", subject, argv[1]) : ERR_OK;
}
