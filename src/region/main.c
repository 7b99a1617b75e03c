/*
 * gantry-regiond: the region controller. One control loop (consensus, database member, virtual IP),
 * a pool of threads that answers the API. Started by gantry-fenced, as the unprivileged user.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "src/base/log.h"
#include "src/region/region.h"

enum { MAX_SETS = 32 };

static void usage(void)
{
    puts(
        "gantry-regiond [--config FILE] [--set section.key=value]... [--check]\n"
        "\n"
        "The region controller; started by gantry-fenced.\n"
        "\n"
        "  --config FILE    configuration (default /etc/gantry/regiond.conf)\n"
        "  --set S.K=VALUE  a key that overrides the file; GANTRY_S_K in the environment does too\n"
        "  --check          read the configuration, say whether it is sound, and exit\n"
        "  --help-config    print every key with its meaning and default\n"
        "  --version        print the version");
}

static int run(const struct config_source *source, bool check_only)
{
    static struct region region;
    struct error err;
    region.arena = arena_new();
    enum error_code code = settings_read(source, region.arena, &region.settings, &err);
    if (!code)
        log_setup("gantry-regiond", (enum log_format)region.settings.log_format,
                  (enum log_level)region.settings.log_level);
    if (!code && check_only)
        return 0;
    mallopt(M_ARENA_MAX, 2); /* threads are many and small: an arena each would cost more */
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* what a long list took goes back to the system */
    code = code ? code : region_start(&region, &err);
    if (code)
        region_fail(&err);
    loop_run(&region.loop);
    return 0;
}

int main(int argc, char **argv)
{
    const char *sets[MAX_SETS];
    struct config_source source = {
        .path = "/etc/gantry/regiond.conf", .must_exist = true, .sets = sets};
    bool check_only = false;
    log_setup("gantry-regiond", LOG_TEXT, LOG_INFO);
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
            puts("gantry-regiond " GANTRY_VERSION);
            return 0;
        } else {
            bool help = !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
            usage();
            return help ? 0 : 2;
        }
    }
    return run(&source, check_only);
}
