/* The table of own commands: see commands.h. */
#include "src/cli/commands.h"

#include <string.h>

#include "src/base/container.h"
#include "src/cli/completion.h"
#include "src/cli/control_run.h"
#include "src/cli/join.h"
#include "src/cli/login.h"

const struct cli_command cli_commands[] = {
    {"cluster join", join_run, "Make this host a region or a rack controller, with a token."},
    {"cluster status", control_run, "The same as: gantry status."},
    {"login", login_run, "Keep an API's address and key as a profile."},
    {"logout", login_forget, "Forget a profile."},
    {"profile list", login_list, "Show the profiles."},
    {"profile use", login_use, "Use a profile from now on."},
    {"completion", completion_run, "Print a script that completes commands in bash or zsh."},
};
const int cli_commands_count = (int)COUNT_OF(cli_commands);

const struct cli_command *commands_find(int argc, char **argv, int *words)
{
    const struct cli_command *best = NULL;
    *words = 0;
    for (int i = 0; i < cli_commands_count; i++) {
        int matched = cli_match_words(cli_commands[i].name, argc, argv);
        if (matched > *words) {
            *words = matched;
            best = &cli_commands[i];
        }
    }
    return best;
}
