/* The commands of the control table: see control_run.h. */
#include "src/cli/control_run.h"

#include <string.h>

#include "src/cli/control_client.h"
#include "src/cli/doc_text.h"
#include "src/cli/status.h"

const struct control_command *control_run_find(int argc, char **argv, int *words)
{
    const struct control_command *best = NULL;
    *words = 0;
    for (int i = 0; i < control_commands_count; i++) {
        int matched = cli_match_words(control_commands[i].name, argc, argv);
        if (matched > *words) {
            *words = matched;
            best = &control_commands[i];
        }
    }
    return best;
}

static bool in_group(const char *name, const char *word)
{
    size_t length = strlen(word);
    return !strncmp(name, word, length) && (!name[length] || name[length] == ' ');
}

bool control_run_is_group(const char *word)
{
    for (int i = 0; i < control_commands_count; i++)
        if (in_group(control_commands[i].name, word))
            return true;
    return false;
}

/** "--admin-user" is the flag of parameter admin_user. */
static bool flag_is(const char *flag, size_t length, const char *param)
{
    if (length != strlen(param) + 2 || strncmp(flag, "--", 2))
        return false;
    for (size_t i = 0; param[i]; i++)
        if (flag[i + 2] != (param[i] == '_' ? '-' : param[i]))
            return false;
    return true;
}

static const struct doc_text_param *find_param(const struct doc_text *doc, const char *flag,
                                               size_t length)
{
    for (int i = 0; i < doc->params_count; i++)
        if (flag_is(flag, length, doc->params[i].name))
            return &doc->params[i];
    return NULL;
}

/** A word without a flag is the first needed parameter that is not there yet: "cluster remove r2".
 */
static const struct doc_text_param *find_bare(const struct doc_text *doc, const json_t *request)
{
    for (int i = 0; i < doc->params_count; i++)
        if (doc->params[i].needed && !json_object_get(request, doc->params[i].name))
            return &doc->params[i];
    return NULL;
}

static enum error_code put(json_t *request, const char *name, const char *value, struct error *err)
{
    json_t *text = json_string(value);
    if (!text)
        return error_set(err, ERR_BAD_INPUT, "the value of --%s is no UTF-8", name);
    json_object_set_new(request, name, text);
    return ERR_OK;
}

/** Takes one or two words; returns how many, or -1 with *err. */
static int take_param(struct cli *cli, const struct doc_text *doc, int argc, char **argv,
                      json_t *request, struct error *err)
{
    static const char file_end[] = "-file";
    size_t length = strcspn(argv[0], "="), end = strlen(file_end);
    const struct doc_text_param *param = find_param(doc, argv[0], length);
    bool from_file = false;
    const struct doc_text_param *bare = *argv[0] != '-' ? find_bare(doc, request) : NULL;
    if (bare)
        return put(request, bare->name, argv[0], err) ? -1 : 1;
    if (!param && length > end && !strncmp(argv[0] + length - end, file_end, end)) {
        param = find_param(doc, argv[0], length - end);
        from_file = true;
    }
    if (!param) {
        error_set(err, ERR_BAD_INPUT, "unknown word \"%.100s\"", argv[0]);
        return -1;
    }
    bool joined = argv[0][length] == '=';
    const char *value = joined ? argv[0] + length + 1 : argc > 1 ? argv[1] : NULL;
    if (!value || json_object_get(request, param->name)) {
        error_set(err, ERR_BAD_INPUT, "%.*s %s", (int)length, argv[0],
                  value ? "is given twice" : "needs a value");
        return -1;
    }
    if (from_file && cli_read_secret(cli, value, &value, err))
        return -1;
    return put(request, param->name, value, err) ? -1 : joined ? 1 : 2;
}

enum error_code control_run_parse(struct cli *cli, const struct control_command *command, int argc,
                                  char **argv, json_t *request, struct error *err)
{
    struct doc_text doc;
    doc_text_read(command->doc, cli->arena, &doc);
    json_object_set_new(request, "command", json_string(command->name));
    for (int i = 0; i < argc;) {
        struct error why = {0};
        int taken = take_param(cli, &doc, argc - i, argv + i, request, &why);
        if (taken < 0)
            return cli_usage(err, arena_printf(cli->arena, "%s ", command->name), "%s", why.text);
        i += taken;
    }
    for (int i = 0; i < doc.params_count; i++)
        if (doc.params[i].needed && !json_object_get(request, doc.params[i].name))
            return cli_usage(err, arena_printf(cli->arena, "%s ", command->name), "--%s is missing",
                             doc.params[i].name);
    return ERR_OK;
}

static void print_help(struct cli *cli, const struct control_command *command)
{
    struct doc_text doc;
    doc_text_read(command->doc, cli->arena, &doc);
    printf("usage: gantry %s%s\n\n%s\n%s%s", command->name, doc.params_count ? " [FLAGS]" : "",
           doc.summary, doc.more, *doc.more ? "\n" : "");
    if (doc.params_count)
        printf("\nflags (or --NAME-file FILE for the content of a file, - for stdin):\n");
    for (int i = 0; i < doc.params_count; i++) {
        char *flag = arena_strdup(cli->arena, doc.params[i].name);
        for (char *p = flag; *p; p++)
            if (*p == '_')
                *p = '-';
        printf("  --%-16s ", flag);
        doc_text_wrap(stdout, doc.params[i].text, 21, 96);
    }
    printf("\nexample:\n  gantry %s\n", command->example);
}

static void print_group(const char *word)
{
    printf("usage: gantry COMMAND\n\n");
    for (int i = 0; i < control_commands_count; i++)
        if (in_group(control_commands[i].name, word))
            printf("  %-22s %.*s\n", control_commands[i].name,
                   (int)strcspn(control_commands[i].doc, "\n"), control_commands[i].doc);
    for (int i = 0; i < cli_commands_count; i++)
        if (in_group(cli_commands[i].name, word))
            printf("  %-22s %s\n", cli_commands[i].name, cli_commands[i].summary);
    printf("\nAll but join speak to the gantry-regiond of this host over its control socket\n"
           "(/run/gantry/regiond.sock; another: --socket PATH or GANTRY_SOCKET).\n");
}

static void show_progress(const char *text)
{
    fprintf(stderr, "  %s\n", text);
}

static void print_reply(struct cli *cli, json_t *reply)
{
    json_object_del(reply, "ok");
    if (cli->json) {
        json_dumpf(reply, stdout, JSON_INDENT(2));
        putchar('\n');
        return;
    }
    const char *token = json_string_value(json_object_get(reply, "token"));
    if (token) {
        printf("%s\n", token);
        fprintf(stderr, "On the host that joins, run: gantry cluster join TOKEN\n");
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach (reply, name, value) {
        if (json_is_string(value))
            printf("%-14s %s\n", name, json_string_value(value));
        else
            printf("%-14s %s\n", name, status_text(value, cli->arena));
    }
}

enum error_code control_run(struct cli *cli, int argc, char **argv, struct error *err)
{
    int words;
    const struct control_command *command = control_run_find(argc, argv, &words);
    if (!command) {
        print_group(argv[0]);
        return cli->help || argc == 1
                   ? ERR_OK
                   : error_set(err, ERR_BAD_INPUT, "there is no command \"%s %.100s\"", argv[0],
                               argv[1]);
    }
    if (cli->help) {
        print_help(cli, command);
        return ERR_OK;
    }
    json_t *request = json_object(), *reply = NULL;
    enum error_code code =
        control_run_parse(cli, command, argc - words, argv + words, request, err);
    if (code) {
        json_decref(request);
        return code;
    }
    code = control_client_ask(cli, request, show_progress, &reply, err);
    if (code)
        return error_wrap(err, "%s", command->name);
    if (!strcmp(command->name, "status") && !cli->json)
        status_print(cli, reply, stdout);
    else
        print_reply(cli, reply);
    json_decref(reply);
    return ERR_OK;
}
