/* Command lines of a controller's programs: see program.h. */
#include "src/base/program.h"

#include <stdio.h>
#include <string.h>

#include "src/base/log.h"

enum { MAX_SETS = 32 };

static void usage(const struct program *program)
{
    printf(
        "%s [--config FILE] [--set section.key=value]... [--check]\n"
        "\n"
        "%s\n"
        "\n"
        "  --config FILE    configuration (default %s)\n"
        "  --set S.K=VALUE  a key that overrides the file; GANTRY_S_K in the environment does too\n"
        "  --check          read the configuration, say whether it is sound, and exit\n"
        "  --help-config    print every key with its meaning and default\n"
        "  --version        print the version\n",
        program->name, program->is, program->config);
}

/* What is said and then the program ends; -1 = it is none of these. */
static int say(const struct program *program, const char *flag)
{
    if (!strcmp(flag, "--help-config")) {
        program->print_keys();
        return 0;
    }
    if (!strcmp(flag, "--version")) {
        printf("%s %s\n", program->name, GANTRY_VERSION);
        return 0;
    }
    if (!strcmp(flag, "--help") || !strcmp(flag, "-h")) {
        usage(program);
        return 0;
    }
    return -1;
}

int program_main(const struct program *program, int argc, char **argv)
{
    const char *sets[MAX_SETS];
    struct config_source source = {.path = program->config, .must_exist = true, .sets = sets};
    bool check_only = false;
    log_setup(program->name, LOG_TEXT, LOG_INFO);
    for (int i = 1; i < argc; i++) {
        int said = say(program, argv[i]);
        if (said >= 0)
            return said;
        if (!strcmp(argv[i], "--config") && i + 1 < argc) {
            source.path = argv[++i];
        } else if (!strcmp(argv[i], "--set") && i + 1 < argc && source.sets_count < MAX_SETS) {
            sets[source.sets_count++] = argv[++i];
        } else if (!strcmp(argv[i], "--check")) {
            check_only = true;
        } else {
            usage(program);
            return 2;
        }
    }
    return program->run(&source, check_only);
}
