/* regiond.conf. Read once at start. */
#pragma once

#include "src/base/config.h"

/** How often and how long: the row of a profile. */
struct settings_timing {
    unsigned heartbeat_ms, election_ms; /* of raft */
    unsigned lease_ms;                  /* of each kind of lease, for a new cluster */
};

struct settings {
    const char *name, *address; /* of this region */
    const char *data_dir, *run_dir;
    const char *pg_bin_dir;
    const char *vip_net, *vip_interface; /* of a new cluster; "" = none */
    int http_port, https_port;           /* on the virtual IPs */
    int raft_port, rack_port, hop_port, pg_port, health_port;
    const char *haproxy;
    int profile; /* index into the table of timings */
    int api_threads;
    int dhcp_term_s;
    int log_format, log_level;
};

/** Read and check. Errors: BAD_INPUT, NOT_FOUND (no such file). */
enum error_code settings_read(const struct config_source *source, struct arena *arena,
                              struct settings *settings, struct error *err);

/** Print every key with its help. */
void settings_print(void);

const struct settings_timing *settings_timing(const struct settings *settings);
