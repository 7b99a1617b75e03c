/* Shell completion: see completion.h. One case a subject; parameters complete as NAME=. */
#include "src/cli/completion.h"

#include <string.h>

#include "src/cli/api_subject.h"
#include "src/cli/doc_text.h"
#include "src/model/control_command.h"

/** The words after `typed` ("cluster token") among all commands of several words, each once. */
static const char *next_words(struct cli *cli, const char *const *names, int count,
                              const char *typed)
{
    const char *words = "";
    size_t length = strlen(typed);
    for (int i = 0; i < count; i++) {
        const char *rest = names[i];
        if (length) {
            if (strncmp(rest, typed, length) || rest[length] != ' ')
                continue;
            rest += length + 1;
        }
        const char *word = arena_strndup(cli->arena, rest, strcspn(rest, " "));
        const char *padded = arena_printf(cli->arena, " %s ", words);
        if (!strstr(padded, arena_printf(cli->arena, " %s ", word)))
            words = arena_printf(cli->arena, "%s%s%s", words, *words ? " " : "", word);
    }
    return words;
}

static const char **all_commands(struct cli *cli, int *count)
{
    const char **names = ARENA_ARRAY(cli->arena, const char *,
                                     (size_t)(cli_commands_count + control_commands_count));
    *count = 0;
    for (int i = 0; i < cli_commands_count; i++)
        names[(*count)++] = cli_commands[i].name;
    for (int i = 0; i < control_commands_count; i++)
        names[(*count)++] = control_commands[i].name;
    return names;
}

/** What completes after exactly `typed`, or after it and anything more. */
static void print_case(const char *typed, bool more, const char *words)
{
    printf("    \"%s\"%s) words=\"%s\" ;;\n", typed, more ? "*" : "", words);
}

static void print_control_flags(struct cli *cli)
{
    for (int i = 0; i < control_commands_count; i++) {
        struct doc_text doc;
        doc_text_read(control_commands[i].doc, cli->arena, &doc);
        const char *flags = "--json --help";
        for (int k = 0; k < doc.params_count; k++) {
            char *name = arena_strdup(cli->arena, doc.params[k].name);
            for (char *p = name; *p; p++)
                if (*p == '_')
                    *p = '-';
            flags = arena_printf(cli->arena, "%s --%s", flags, name);
        }
        print_case(arena_printf(cli->arena, "%s ", control_commands[i].name), true, flags);
    }
}

static void print_subjects(struct cli *cli)
{
    int subjects_count;
    const char **subjects = api_subject_all(cli->arena, &subjects_count);
    for (int i = 0; i < subjects_count; i++) {
        int count;
        const struct api_action **actions = api_subject_actions(subjects[i], cli->arena, &count);
        const char *verbs = "";
        for (int k = 0; k < count; k++) {
            const char *verb = api_subject_verb(actions[k], cli->arena),
                       *params = "--help --json --wait";
            verbs = arena_printf(cli->arena, "%s%s%s", verbs, k ? " " : "", verb);
            struct doc_text doc;
            doc_text_read(actions[k]->doc, cli->arena, &doc);
            for (int n = 0; n < doc.params_count; n++)
                params = arena_printf(cli->arena, "%s %s=", params, doc.params[n].name);
            print_case(arena_printf(cli->arena, "%s %s ", subjects[i], verb), true, params);
        }
        print_case(arena_printf(cli->arena, "%s ", subjects[i]), false, verbs);
    }
}

static void print_groups(struct cli *cli)
{
    int count, subjects_count;
    const char **names = all_commands(cli, &count);
    const char **subjects = api_subject_all(cli->arena, &subjects_count);
    const char *done = " ";
    for (int i = 0; i < count; i++) {
        const char *end = names[i];
        while ((end = strchr(end, ' '))) {
            const char *typed = arena_strndup(cli->arena, names[i], (size_t)(end - names[i]));
            end++;
            const char *mark = arena_printf(cli->arena, "<%s>", typed);
            if (strstr(done, mark))
                continue;
            done = arena_printf(cli->arena, "%s%s", done, mark);
            print_case(arena_printf(cli->arena, "%s ", typed), false,
                       next_words(cli, names, count, typed));
        }
    }
    const char *first = next_words(cli, names, count, "");
    for (int i = 0; i < subjects_count; i++)
        first = arena_printf(cli->arena, "%s %s", first, subjects[i]);
    print_case("", false, arena_printf(cli->arena, "%s --json --profile --socket --help", first));
}

enum error_code completion_run(struct cli *cli, int argc, char **argv, struct error *err)
{
    bool zsh = argc == 2 && !strcmp(argv[1], "zsh");
    if (cli->help || argc != 2 || (!zsh && strcmp(argv[1], "bash") != 0)) {
        printf("usage: gantry completion bash|zsh\n\nPrint a script for the shell to complete "
               "gantry's commands.\n\nexample:\n  . <(gantry completion bash)\n");
        return cli->help ? ERR_OK : cli_usage(err, "completion ", "say bash or zsh");
    }
    if (zsh)
        printf("autoload -U +X bashcompinit && bashcompinit\n");
    printf("# What is typed before the word under the cursor, flags left out, decides.\n"
           "_gantry() {\n"
           "  local words typed=\"\" i\n"
           "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "    case ${COMP_WORDS[i]} in --profile|--socket) ((i++)) ;; -*) ;; "
           "*) typed+=\"${COMP_WORDS[i]} \" ;; esac\n"
           "  done\n"
           "  case $typed in\n");
    print_control_flags(cli);
    print_subjects(cli);
    print_groups(cli);
    printf("    *) words=\"\" ;;\n"
           "  esac\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
           "  return 0\n"
           "}\n"
           "complete -o default -F _gantry gantry\n");
    return ERR_OK;
}
