/* `gantry cluster join`: see join.h; the exchange: src/model/join.h. */
#include "src/cli/join.h"

#include <string.h>

#include "src/base/container.h"
#include "src/cli/join_call.h"
#include "src/wire/ca.h"

static void print_help(void)
{
    printf(
        "usage: gantry cluster join TOKEN [--config FILE]\n\n"
        "Make this host what TOKEN is for, a region or a rack controller of its cluster: makes a\n"
        "key here, has the cluster sign it, and leaves what the cluster gives where gantry-rackd\n"
        "or gantry-regiond looks for it. TOKEN may be - to read it from standard input, or "
        "@FILE.\n\n"
        "  --config FILE  the program's configuration (default: /etc/gantry/rackd.conf or\n"
        "                 regiond.conf); --set section.key=value overrides a key\n\n"
        "example:\n  on a region:   gantry cluster token create --role rack\n"
        "  on the host:   gantry cluster join eyJpZCI6... && systemctl start gantry-fenced\n");
}

static enum error_code parse(int argc, char **argv, struct join_words *join, struct error *err)
{
    *join = (struct join_words){0};
    for (int i = 1; i < argc; i++) {
        bool is_config = !strcmp(argv[i], "--config"), is_set = !strcmp(argv[i], "--set");
        if ((is_config || is_set) && i + 1 == argc)
            return cli_usage(err, "cluster join ", "%s needs a value", argv[i]);
        if (is_config)
            join->config = argv[++i];
        else if (is_set && join->sets_count < (int)COUNT_OF(join->sets))
            join->sets[join->sets_count++] = argv[++i];
        else if (!strncmp(argv[i], "--", 2) || join->token)
            return cli_usage(err, "cluster join ", "unknown word \"%.100s\"", argv[i]);
        else
            join->token = argv[i];
    }
    return join->token ? ERR_OK : cli_usage(err, "cluster join ", "TOKEN is missing");
}

enum error_code join_run(struct cli *cli, int argc, char **argv, struct error *err)
{
    struct join_words words;
    struct join_token token;
    if (cli->help) {
        print_help();
        return ERR_OK;
    }
    enum error_code code = parse(argc, argv, &words, err);
    if (!code && (!strcmp(words.token, "-") || *words.token == '@'))
        code = cli_read_secret(cli, words.token + (*words.token == '@'), &words.token, err);
    code = code ? code : join_token_parse(words.token, cli->arena, &token, err);
    if (!code && !strcmp(token.role, CA_ROLE_RACK))
        code = join_as_rack(cli, &words, &token, err);
    else if (!code && !strcmp(token.role, CA_ROLE_REGION))
        code = join_as_region(cli, &words, &token, err);
    else if (!code)
        code = error_set(err, ERR_BAD_INPUT,
                         "this token is for %.40s; a host joins with: gantry cluster token "
                         "create --role rack (or region)",
                         token.role);
    return code ? error_wrap(err, "cluster join") : ERR_OK;
}
