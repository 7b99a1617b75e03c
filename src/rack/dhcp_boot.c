/* Which boot file a client is told: see dhcp_boot.h. */
#include "src/rack/dhcp_boot.h"

#include <stdio.h>
#include <string.h>

#include "src/base/container.h"

/* Encapsulated in option 175: what iPXE can do. */
enum { IPXE_HTTP = 19, IPXE_BZIMAGE = 24, IPXE_EFI = 36 };

static const struct dhcp_boot rows[] = {
    /* iPXE comes first: it sends the architecture of the firmware below it as well. */
    {"ipxe", -1, false, "ipxe.cfg", true, NULL},
    {"bios", 0x0000, false, "lpxelinux.0", false, "URL"},
    {"uefi", 0x0007, false, "bootx64.efi", false, NULL},
    {"uefi-ebc", 0x0009, false, "bootx64.efi", false, NULL}, /* some x64 firmware says 9 */
    {"uefi-http", 0x0010, true, "ipxe.efi", true, NULL},
    {"arm64", 0x000b, false, "bootaa64.efi", false, NULL},
    {"arm64-http", 0x0013, true, "bootaa64.efi", true, NULL},
    {"ppc64el", 0x000c, false, "bootppc64.bin", false, NULL},
    {"powernv", 0x000e, false, "pxelinux.0", false, "ppc64el/"},
    {"s390x", 0x001f, false, "boots390x.bin", false, "s390x/"},
};

static bool starts_with(const struct dhcp_packet *packet, uint8_t option, const char *text)
{
    size_t size, length = strlen(text);
    const uint8_t *value = dhcp_packet_option(packet, option, &size);
    return value && size >= length && !memcmp(value, text, length);
}

/* iPXE sends the bare word, where RFC 3004 wants a list of texts with a length before each. */
static bool is_user_class_ipxe(const struct dhcp_packet *packet)
{
    size_t size;
    const uint8_t *value = dhcp_packet_option(packet, DHCP_OPTION_USER_CLASS, &size);
    if (!value)
        return false;
    if (size == 4 && !memcmp(value, "iPXE", 4))
        return true;
    for (size_t at = 0; at < size && value[at] <= size - at - 1; at += 1u + value[at])
        if (value[at] == 4 && !memcmp(value + at + 1, "iPXE", 4))
            return true;
    return false;
}

/* iPXE as firmware: able to load by HTTP, and to run a kernel or an EFI program. */
static bool is_able_ipxe(const struct dhcp_packet *packet)
{
    size_t size;
    bool http = false, runs = false;
    const uint8_t *value = dhcp_packet_option(packet, DHCP_OPTION_IPXE, &size);
    if (!value)
        return false;
    for (size_t at = 0; at + 1 < size && value[at + 1] <= size - at - 2; at += 2u + value[at + 1]) {
        http = http || value[at] == IPXE_HTTP;
        runs = runs || value[at] == IPXE_BZIMAGE || value[at] == IPXE_EFI;
    }
    return http && runs;
}

/* The client lists the architectures it can boot, the best one first (RFC 4578 2.1). */
static bool has_architecture(const struct dhcp_packet *packet, int architecture)
{
    size_t size;
    const uint8_t *value = dhcp_packet_option(packet, DHCP_OPTION_ARCHITECTURE, &size);
    if (!value)
        return false;
    for (size_t at = 0; at + 1 < size; at += 2)
        if ((value[at] << 8 | value[at + 1]) == architecture)
            return true;
    return false;
}

const struct dhcp_boot *dhcp_boot_rows(int *count)
{
    *count = (int)COUNT_OF(rows);
    return rows;
}

const struct dhcp_boot *dhcp_boot_find(const struct dhcp_packet *packet)
{
    if (is_user_class_ipxe(packet) || is_able_ipxe(packet))
        return &rows[0];
    bool http = starts_with(packet, DHCP_OPTION_VENDOR_CLASS, "HTTPClient");
    for (size_t i = 1; i < COUNT_OF(rows); i++)
        if (rows[i].http == http && has_architecture(packet, rows[i].architecture))
            return &rows[i];
    return NULL;
}

void dhcp_boot_fill(const struct dhcp_boot *boot, ip4 rack, struct dhcp_boot_answer *answer)
{
    char address[IP4_TEXT], base[64];
    ip4_format(rack, address);
    snprintf(base, sizeof(base), "http://%s:%d/", address, DHCP_BOOT_PORT);
    bool prefix_is_url = boot->path_prefix && !strcmp(boot->path_prefix, "URL");
    answer->name = boot->name;
    answer->no_proxy = boot == &rows[0];
    answer->vendor_class = boot->http ? "HTTPClient" : NULL;
    snprintf(answer->file, sizeof(answer->file), "%s%s", boot->url ? base : "", boot->file);
    snprintf(answer->path_prefix, sizeof(answer->path_prefix), "%s",
             prefix_is_url       ? base
             : boot->path_prefix ? boot->path_prefix
                                 : "");
}
