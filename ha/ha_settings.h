/* What ha needs to know of this region's configuration. Texts outlive ha. */
#pragma once

struct ha_settings {
    const char *name, *address; /* of this region */
    const char *data_dir, *run_dir;
    const char *pg_bin_dir;
    int pg_port, hop_port, health_port;
    const char *api_socket;                            /* regiond's own listener, a unix socket */
    const char *ca_file, *certificate_file, *key_file; /* PEM */
    const char *endpoint_certificate_file, *endpoint_key_file; /* what HAProxy shows */
    unsigned endpoint_generation; /* counts its makings; 0 = there is none yet */
    const char *revoked_file;     /* list of revoked certificates, PEM */
    unsigned revoked_generation;  /* counts its makings; 0 = there is none yet */
    const char *haproxy;          /* the program */
};
