/*
 * gantry: the command line of a Gantry cluster. Three kinds of commands: own ones (the table
 * below), those of the control socket (src/model/control_commands.def), and every API action
 * (src/model/actions/).
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/cli/api_run.h"
#include "src/cli/api_subject.h"
#include "src/cli/cli.h"
#include "src/cli/control_run.h"
#include "src/cli/commands.h"

static void print_help(struct cli *cli)
{
    printf("usage: gantry [--profile PROFILE] [--json] COMMAND ...\n\n"
           "The cluster, on a region:\n");
    for (int i = 0; i < control_commands_count; i++)
        printf("  %-24s %.*s\n", control_commands[i].name,
               (int)strcspn(control_commands[i].doc, "\n"), control_commands[i].doc);
    printf("\nThis program and this host:\n");
    for (int i = 0; i < cli_commands_count; i++)
        printf("  %-24s %s\n", cli_commands[i].name, cli_commands[i].summary);
    int count;
    const char **subjects = api_subject_all(cli->arena, &count);
    printf("\nThe API, with a profile (gantry login):\n ");
    for (int i = 0, column = 1; i < count; i++) {
        int width = (int)strlen(subjects[i]) + 1;
        if (column + width > 96) {
            printf("\n ");
            column = 1;
        }
        printf(" %s", subjects[i]);
        column += width;
    }
    printf("\n  as in: gantry machine list, gantry subnet create cidr=10.0.0.0/24\n\n"
           "More: gantry COMMAND --help. Flags of all commands:\n"
           "  --json             print JSON instead of tables\n"
           "  --wait             with an action on a machine: stay until it has ended\n"
           "  --profile PROFILE  whom to speak to and as whom (or GANTRY_PROFILE)\n"
           "  --socket PATH      control socket of this host's region (or GANTRY_SOCKET)\n"
           "Exit status: 0 done, 1 failed, 2 wrong use, 3 refused, 4 not found, 5 conflict,\n"
           "6 not reachable or busy: try again.\n");
}

static enum error_code print_version(void)
{
    printf("gantry " GANTRY_VERSION "\n");
    return ERR_OK;
}

static enum error_code run(struct cli *cli, int argc, char **argv, struct error *err)
{
    argc = cli_take_flags(cli, argc, argv, err);
    if (argc < 0)
        return err->code;
    if (argc < 2 || (argc == 2 && !strcmp(argv[1], "help"))) {
        print_help(cli);
        return argc < 2 && !cli->help ? error_set(err, ERR_BAD_INPUT, "say what to do") : ERR_OK;
    }
    if (!strcmp(argv[1], "--version"))
        return print_version();
    int words;
    const struct cli_command *command = commands_find(argc - 1, argv + 1, &words);
    if (command)
        return command->run(cli, argc - words, argv + words, err);
    if (control_run_is_group(argv[1]))
        return control_run(cli, argc - 1, argv + 1, err);
    if (api_subject_exists(argv[1]))
        return api_run(cli, argc - 1, argv + 1, err);
    return cli_usage(err, "", "there is no command \"%.100s\"", argv[1]);
}

int main(int argc, char **argv)
{
    struct cli cli = {
        .arena = arena_new(),
        .profile = getenv("GANTRY_PROFILE"),
        .socket = getenv("GANTRY_SOCKET"),
    };
    if (!cli.socket)
        cli.socket = "/run/gantry/regiond.sock";
    if (cli.profile && !*cli.profile)
        cli.profile = NULL;
    struct error err = {0};
    enum error_code code = run(&cli, argc, argv, &err);
    if (!code && fflush(stdout))
        code = error_errno(&err, "write to standard output");
    if (code)
        fprintf(stderr, "gantry: %s\n", err.text);
    arena_free(cli.arena);
    return error_exit_status(code);
}
