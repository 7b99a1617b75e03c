/*
 * gantry-rackd: the rack controller. One control loop; blocking work on threads of its own. Started
 * by gantry-fenced, as the unprivileged user.
 */
#include <malloc.h>

#include "src/base/log.h"
#include "src/base/program.h"
#include "src/rack/rack.h"

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
    static const struct program program = {
        .name = "gantry-rackd",
        .is = "The rack controller; started by gantry-fenced.",
        .config = "/etc/gantry/rackd.conf",
        .print_keys = settings_print,
        .run = run,
    };
    return program_main(&program, argc, argv);
}
