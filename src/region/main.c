/*
 * gantry-regiond: the region controller. One control loop (consensus, database member, virtual IP),
 * a pool of threads that answers the API. Started by gantry-fenced, as the unprivileged user.
 */
#include <malloc.h>

#include "src/base/log.h"
#include "src/base/program.h"
#include "src/region/region.h"

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
    static const struct program program = {
        .name = "gantry-regiond",
        .is = "The region controller; started by gantry-fenced.",
        .config = "/etc/gantry/regiond.conf",
        .print_keys = settings_print,
        .run = run,
    };
    return program_main(&program, argc, argv);
}
