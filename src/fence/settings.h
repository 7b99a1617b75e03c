/* fenced.conf. Read once at start. */
#pragma once

#include <sys/types.h>

#include "src/base/config.h"

struct settings {
    const char *name; /* of this controller: its cgroup is gantry-NAME */
    const char *user, *run_dir, *state_dir;
    bool regiond, rackd; /* start them */
    const char *regiond_path, *regiond_config, *rackd_path, *rackd_config;
    const char *bin_dir, *data_root; /* of PostgreSQL */
    int log_format, log_level;
    uid_t uid;
    gid_t gid; /* of user */
};

/** Read and check. Errors: BAD_INPUT, NOT_FOUND (no such user, no such file). */
enum error_code settings_read(const struct config_source *source, struct arena *arena,
                              struct settings *settings, struct error *err);

/** Print every key with its help. */
void settings_print(void);
