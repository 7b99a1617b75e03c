/* Bounds of arrays and of everything foreign, in one place. */
#pragma once

enum {
    LIMIT_REGIONS = 7,
    LIMIT_RACKS = 64,
    LIMIT_VIPS = 16,
    LIMIT_NAME = 64,              /* host, region, rack, zone... names, with the NUL */
    LIMIT_PATH = 1024,            /* file names, with the NUL */
    LIMIT_FRAME_BYTES = 1 << 20,  /* one message between programs */
    LIMIT_BODY_BYTES = 64 << 20,  /* one API request body */
    LIMIT_PARAMS = 1024,          /* parameters of one API request */
    LIMIT_LEASES = 65536,         /* DHCP leases of one rack */
    LIMIT_TFTP_SESSIONS = 1024,   /* of one rack, all its threads together */
    LIMIT_CONFIG_BYTES = 1 << 20, /* a configuration file */
    LIMIT_INTERFACES = 64,        /* network interfaces of one host */
};
