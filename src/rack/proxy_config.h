/*
 * HAProxy's configuration for machines: their /MAAS/ requests go from the rack's provisioning
 * addresses to a region that is well, over mutual TLS. Pure.
 */
#pragma once

#include "src/base/error.h"
#include "src/base/limits.h"
#include "src/base/spool.h"
#include "src/rack/membership.h"

enum { PROXY_CONFIG_PATHS = 16, PROXY_CONFIG_PATH = 128 };

/** What machines may ask for: whole paths, or beginnings. */
struct proxy_config_paths {
    struct {
        char path[PROXY_CONFIG_PATH];
        bool beginning;
    } path[PROXY_CONFIG_PATHS];
    int count;
};

/** From the words of [proxy] allow: an asterisk at the end = a beginning. Errors: BAD_INPUT. */
enum error_code proxy_config_read_paths(const char *text, struct proxy_config_paths *paths,
                                        struct error *err);

struct proxy_config {
    const struct proxy_config_paths *paths;
    const struct membership *regions;
    int listeners;        /* fd@HAPROXY_FIRST_FD and those behind */
    const char *pem_file; /* certificate and key of this rack */
    const char *ca_file;
};

void proxy_config_write(struct spool *out, const struct proxy_config *config);
