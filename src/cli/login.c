/* Profiles on the command line: see login.h. */
#include "src/cli/login.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/api_run.h"
#include "src/cli/profile.h"
#include "src/cli/table.h"
#include "src/wire/oauth.h"

static void print_login_help(void)
{
    printf(
        "usage: gantry login PROFILE URL [KEY] [--key-file FILE] [--ca FILE]\n\n"
        "Keep the address of an API and a key for it under the name PROFILE, after trying them,\n"
        "and use it from now on. Without KEY it is read from FILE, or from standard input, so\n"
        "that it does not stand in the shell's history.\n\n"
        "  URL         like http://10.0.0.1:5240/MAAS/ or https://10.0.0.1:5443/MAAS/\n"
        "  KEY         three parts, CONSUMER:TOKEN:SECRET, as `gantry cluster init` prints it\n"
        "  --ca FILE   the cluster's CA certificate (PEM), for https\n\n"
        "Profiles are kept in $XDG_CONFIG_HOME/gantry/profiles.json (~/.config/gantry), 0600.\n\n"
        "example:\n  gantry login lab http://10.0.0.1:5240/MAAS/ --key-file admin.key\n");
}

struct login {
    const char *words[3]; /* PROFILE URL KEY */
    int words_count;
    const char *ca, *key_file;
};

static enum error_code parse(int argc, char **argv, struct login *login, struct error *err)
{
    *login = (struct login){0};
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        if (!strcmp(argv[i], "--ca"))
            value = &login->ca;
        else if (!strcmp(argv[i], "--key-file"))
            value = &login->key_file;
        if (value && i + 1 == argc)
            return cli_usage(err, "login ", "%s needs a value", argv[i]);
        if (value) {
            *value = argv[++i];
            continue;
        }
        if (!strncmp(argv[i], "--", 2) || login->words_count == 3)
            return cli_usage(err, "login ", "unknown word \"%.100s\"", argv[i]);
        login->words[login->words_count++] = argv[i];
    }
    if (login->words_count < 2 || !*login->words[0] || *login->words[0] == '-')
        return cli_usage(err, "login ", "PROFILE and URL are needed");
    if (login->words_count == 3 && login->key_file)
        return cli_usage(err, "login ", "give KEY or --key-file, not both");
    return ERR_OK;
}

static enum error_code whole_path(struct cli *cli, const char *path, const char **whole,
                                  struct error *err)
{
    char *real = realpath(path, NULL);
    if (!real)
        return error_errno(err, "--ca %s", path);
    *whole = arena_strdup(cli->arena, real);
    free(real);
    return ERR_OK;
}

/** Ask who the key's user is; the name goes to *username. */
static enum error_code try_key(struct cli *cli, const struct profile *profile,
                               const char **username, struct error *err)
{
    struct api_request_bytes bytes = {
        .method = "GET",
        .url = arena_printf(cli->arena, "%susers/?op=whoami", profile->url),
    };
    struct api_run_answer answer;
    enum error_code code = api_run_call(cli, profile, &bytes, &answer, err);
    if (code == ERR_UNAUTHORIZED)
        return error_set(err, code, "%s does not accept this API key", profile->url);
    if (code)
        return code;
    json_t *user = json_loadb(answer.body, answer.body_size, 0, NULL);
    *username = arena_strdup(cli->arena, json_string_value(json_object_get(user, "username")));
    json_decref(user);
    return *username ? ERR_OK
                     : error_set(err, ERR_CORRUPT,
                                 "%s is no MAAS API: it answers, but not who I am", profile->url);
}

static enum error_code make_profile(struct cli *cli, const struct login *login,
                                    struct profile *profile, struct error *err)
{
    *profile = (struct profile){.name = login->words[0], .key = login->words[2]};
    enum error_code code = profile_normal_url(cli->arena, login->words[1], &profile->url, err);
    if (!code && login->ca)
        code = whole_path(cli, login->ca, &profile->ca, err);
    if (!code && (!profile->key || !strcmp(profile->key, "-")))
        code = cli_read_secret(cli, login->key_file ? login->key_file : "-", &profile->key, err);
    struct oauth_key key;
    return code ? code : oauth_key_parse(profile->key, cli->arena, &key, err);
}

enum error_code login_run(struct cli *cli, int argc, char **argv, struct error *err)
{
    if (cli->help) {
        print_login_help();
        return ERR_OK;
    }
    struct login login;
    struct profile profile;
    const char *username = NULL;
    enum error_code code = parse(argc, argv, &login, err);
    if (!code)
        code = make_profile(cli, &login, &profile, err);
    if (!code)
        code = try_key(cli, &profile, &username, err);
    if (code)
        return code;
    struct profile_list *list = ARENA_NEW(cli->arena, struct profile_list);
    code = profile_load(cli, list, err);
    if (!code)
        code = profile_put(list, &profile, err);
    if (!code)
        code = profile_save(cli, list, err);
    if (!code)
        printf("%s: logged in to %s as %s\n", profile.name, profile.url, username);
    return code;
}

static enum error_code one_name(int argc, char **argv, const char *command, struct error *err)
{
    if (argc == 2)
        return ERR_OK;
    return error_set(err, ERR_BAD_INPUT, "usage: gantry %s PROFILE; %s: gantry profile list",
                     command, argv[0]);
}

enum error_code login_forget(struct cli *cli, int argc, char **argv, struct error *err)
{
    if (cli->help) {
        printf("usage: gantry logout PROFILE\n\nForget a profile and its key.\n");
        return ERR_OK;
    }
    struct profile_list *list = ARENA_NEW(cli->arena, struct profile_list);
    enum error_code code = one_name(argc, argv, "logout", err);
    if (!code)
        code = profile_load(cli, list, err);
    if (!code)
        code = profile_remove(list, argv[1], err);
    return code ? code : profile_save(cli, list, err);
}

enum error_code login_use(struct cli *cli, int argc, char **argv, struct error *err)
{
    if (cli->help) {
        printf("usage: gantry profile use PROFILE\n\nUse this profile where none is named.\n");
        return ERR_OK;
    }
    struct profile profile;
    struct profile_list *list = ARENA_NEW(cli->arena, struct profile_list);
    enum error_code code = one_name(argc, argv, "profile use", err);
    if (code)
        return code;
    cli->profile = argv[1];
    code = profile_choose(cli, &profile, err);
    if (!code)
        code = profile_load(cli, list, err);
    if (!code)
        code = profile_put(list, &profile, err);
    return code ? code : profile_save(cli, list, err);
}

static void print_json(const struct profile_list *list)
{
    json_t *rows = json_array();
    for (int i = 0; i < list->count; i++)
        json_array_append_new(rows, json_pack("{ss ss ss? sb}", "name", list->rows[i].name, "url",
                                              list->rows[i].url, "ca", list->rows[i].ca, "in_use",
                                              list->use && !strcmp(list->use, list->rows[i].name)));
    json_dumpf(rows, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(rows);
}

enum error_code login_list(struct cli *cli, int argc, char **argv, struct error *err)
{
    if (cli->help || argc > 1) {
        printf("usage: gantry profile list\n\nShow the profiles; the one in use has a star.\n");
        return cli->help ? ERR_OK : cli_usage(err, "profile list ", "unknown word \"%s\"", argv[1]);
    }
    struct profile_list *list = ARENA_NEW(cli->arena, struct profile_list);
    enum error_code code = profile_load(cli, list, err);
    if (code)
        return code;
    if (cli->json) {
        print_json(list);
        return ERR_OK;
    }
    struct table table;
    table_init(&table, cli->arena, (const char *const[]){"use", "profile", "url", "ca"}, 4);
    for (int i = 0; i < list->count; i++) {
        const struct profile *row = &list->rows[i];
        const char *star = list->use && !strcmp(list->use, row->name) ? "*" : " ";
        table_add(&table, (const char *const[]){star, row->name, row->url, row->ca});
    }
    table_print(&table, stdout);
    return ERR_OK;
}
