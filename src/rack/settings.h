/* rackd.conf. Read once at start. */
#pragma once

#include "src/base/config.h"
#include "src/base/interfaces.h"

struct settings {
    const char *name; /* of this rack; "" = the host's name, filled in by settings_read */
    const char *data_dir, *run_dir;
    const char *boot_dir;                             /* boot loaders */
    const char *provision_names;                      /* as written: "eth1, eth2" */
    char provision[LIMIT_INTERFACES][INTERFACE_NAME]; /* where machines are served */
    int provision_count;
    int boot_port; /* HTTP boot */
    int cache_mib; /* images on disk */
    int proxy_port;
    const char *proxy_allow; /* paths, by spaces */
    const char *haproxy;
    const char *health_address; /* "" = all */
    int health_port;
    const char *ipmitool, *snmpget, *snmpset, *virsh, *ssh;
    int log_format, log_level;
};

/** Read and check. Errors: BAD_INPUT, NOT_FOUND (no such file). */
enum error_code settings_read(const struct config_source *source, struct arena *arena,
                              struct settings *settings, struct error *err);

/** Print every key with its help. */
void settings_print(void);
