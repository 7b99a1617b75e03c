/* fenced.conf: see settings.h. */
#include "src/fence/settings.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"

#define AT(member) offsetof(struct settings, member)

static const struct config_key schema[] = {
    {"fenced", "name", CONFIG_TEXT, AT(name), "controller",
     .help = "names this controller's cgroup (gantry-NAME) on a host with several"},
    {"fenced", "user", CONFIG_TEXT, AT(user), "gantry",
     .help = "unprivileged user of all children"},
    {"fenced", "run_dir", CONFIG_PATH, AT(run_dir), "/run/gantry",
     .help = "made at start, the user's"},
    {"fenced", "state_dir", CONFIG_PATH, AT(state_dir), "/run/gantry-fenced",
     .help = "root's own notes: which addresses are held; never on a disk that may stall"},
    {"regiond", "enabled", CONFIG_BOOL, AT(regiond), "no", .help = "start gantry-regiond"},
    {"regiond", "path", CONFIG_PATH, AT(regiond_path), "/usr/sbin/gantry-regiond",
     .help = "the program"},
    {"regiond", "config", CONFIG_PATH, AT(regiond_config), "/etc/gantry/regiond.conf",
     .help = "its configuration"},
    {"rackd", "enabled", CONFIG_BOOL, AT(rackd), "no", .help = "start gantry-rackd"},
    {"rackd", "path", CONFIG_PATH, AT(rackd_path), "/usr/sbin/gantry-rackd", .help = "the program"},
    {"rackd", "config", CONFIG_PATH, AT(rackd_config), "/etc/gantry/rackd.conf",
     .help = "its configuration"},
    {"postgres", "bin_dir", CONFIG_PATH, AT(bin_dir), "/usr/lib/postgresql/15/bin",
     .help = "where the program postgres is"},
    {"postgres", "data_root", CONFIG_PATH, AT(data_root), "/var/lib/gantry",
     .help = "data directories and configuration files of PostgreSQL must lie below it"},
    {"log", "format", CONFIG_CHOICE, AT(log_format), "text", .choices = {"text", "json"},
     .help = "text or json, to stderr"},
    {"log", "level", CONFIG_CHOICE, AT(log_level), "info",
     .choices = {"debug", "info", "warning", "error"}, .help = "lowest level written"},
};

enum error_code settings_read(const struct config_source *source, struct arena *arena,
                              struct settings *settings, struct error *err)
{
    enum error_code code = config_load(schema, (int)COUNT_OF(schema), source, arena, settings, err);
    if (code)
        return code;
    if (!*settings->name ||
        strspn(settings->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(settings->name) ||
        strlen(settings->name) > 48)
        return error_set(err, ERR_BAD_INPUT,
                         "[fenced] name = %.60s: expected lower-case letters, digits and dashes",
                         settings->name);
    if (!settings->regiond && !settings->rackd)
        return error_set(err, ERR_BAD_INPUT,
                         "nothing to start: set enabled = yes in [regiond] or [rackd]");
    const struct passwd *user = getpwnam(settings->user);
    if (!user)
        return error_set(err, ERR_NOT_FOUND, "[fenced] user = %s: there is no such user",
                         settings->user);
    if (user->pw_uid == 0)
        return error_set(err, ERR_BAD_INPUT, "[fenced] user = %s: must not be root",
                         settings->user);
    settings->uid = user->pw_uid;
    settings->gid = user->pw_gid;
    return ERR_OK;
}

void settings_print(void)
{
    config_print(schema, (int)COUNT_OF(schema));
}
