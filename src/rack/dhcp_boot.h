/*
 * Which boot file a client is told, by what its firmware or loader says of itself. One table, pure;
 * any thread. Source: RFC 4578, 3004; the processor architecture types of IANA; MAAS's boot
 * methods.
 */
#pragma once

#include "src/rack/dhcp_packet.h"

enum { DHCP_BOOT_PORT = 5248, DHCP_BOOT_TEXT = DHCP_FILE_BYTES };

/** How a client boots: one row of the table. */
struct dhcp_boot {
    const char *name;        /* for logs and statistics: "ipxe", "bios"... */
    int architecture;        /* option 93; -1 = any */
    bool http;               /* the firmware says HTTPClient, not PXEClient */
    const char *file;        /* below the boot address when url is set, else by TFTP */
    bool url;                /* the client takes a URL */
    const char *path_prefix; /* option 210, sent unasked; "URL" = the boot address itself */
};

/** What goes into a reply; empty texts are not sent. */
struct dhcp_boot_answer {
    const char *name;
    char file[DHCP_BOOT_TEXT];
    char path_prefix[DHCP_BOOT_TEXT];
    const char *vendor_class; /* option 60, or NULL */
    bool no_proxy; /* iPXE is told that no proxy will offer a boot file: it waits 2 s for one */
};

/** The rows, for tests and documentation. */
const struct dhcp_boot *dhcp_boot_rows(int *count);

/** The row for this client, or NULL: it does not boot from the network, or not with our files. */
const struct dhcp_boot *dhcp_boot_find(const struct dhcp_packet *packet);

/** Fill the answer for a client of this rack, which has the address rack on the client's network.
 */
void dhcp_boot_fill(const struct dhcp_boot *boot, ip4 rack, struct dhcp_boot_answer *answer);
