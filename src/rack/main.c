/*
 * gantry-rackd: the rack controller. One control loop; blocking work on threads of its own. Started
 * by gantry-fenced, as the unprivileged user.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "src/base/log.h"
#include "src/rack/rack.h"

enum { MAX_SETS = 32 };

static void usage(void)
{
    puts(
        "gantry-rackd [--config FILE] [--set section.key=value]... [--check]\n"
        "\n"
        "The rack controller; started by gantry-fenced.\n"
        "\n"
        "  --config FILE    configuration (default /etc/gantry/rackd.conf)\n"
        "  --set S.K=VALUE  a key that overrides the file; GANTRY_S_K in the environment does too\n"
        "  --check          read the configuration, say whether it is sound, and exit\n"
        "  --help-config    print every key with its meaning and default\n"
        "  --version        print the version");
}

static int run(const struct config_source *source, bool check_only)
{
    static struct rack rack;
    struct error err;
    rack.arena = arena_new();
    enum error_code code = settings_read(source, rack.arena, &rack.settings, &err);
    if (!code)
        log_setup("gantry-rackd", (enum log_format)rack.settings.log_format,
                  (enum log_level)rack.settings.log_level);
    if (!code && check_only)
        return 0;
    mallopt(M_ARENA_MAX, 2); /* threads are few and short-lived */
    code = code ? code : rack_start(&rack, &err);
    if (code)
        rack_fail(&err);
    loop_run(&rack.loop);
    return 0;
}

int main(int argc, char **argv)
{
    const char *sets[MAX_SETS];
    struct config_source source = {
        .path = "/etc/gantry/rackd.conf", .must_exist = true, .sets = sets};
    bool check_only = false;
    log_setup("gantry-rackd", LOG_TEXT, LOG_INFO);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--config") && i + 1 < argc) {
            source.path = argv[++i];
        } else if (!strcmp(argv[i], "--set") && i + 1 < argc && source.sets_count < MAX_SETS) {
            sets[source.sets_count++] = argv[++i];
        } else if (!strcmp(argv[i], "--check")) {
            check_only = true;
        } else if (!strcmp(argv[i], "--help-config")) {
            settings_print();
            return 0;
        } else if (!strcmp(argv[i], "--version")) {
            puts("gantry-rackd " GANTRY_VERSION);
            return 0;
        } else {
            bool help = !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
            usage();
            return help ? 0 : 2;
        }
    }
    return run(&source, check_only);
}
