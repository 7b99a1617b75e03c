/* Ethernet interfaces. See inventory.h. Source: sysfs-class-net ABI, ethtool(8)'s ETHTOOL_GDRVINFO.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/agent/inventory.h"

#define NET_FOLDER "/sys/class/net"
enum { ARPHRD_ETHERNET = 1 };

static const char *firmware_of(const struct tree *tree, const char *name)
{
    if (*tree->root) /* a recorded tree has no driver to ask */
        return NULL;
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (char *)&driver};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    bool done = ioctl(fd, SIOCETHTOOL, &request) == 0;
    close(fd);
    driver.fw_version[sizeof(driver.fw_version) - 1] = '\0';
    const char *text = done ? tree_clean(tree->arena, driver.fw_version) : NULL;
    return text && strcmp(text, "N/A") != 0 ? text : NULL;
}

static void name_interface(const struct tree *tree, const struct inventory *inventory,
                           struct inventory_interface *interface)
{
    const char *address = interface->place.address;
    for (int i = 0; address && i < inventory->pci_count; i++)
        if (!strcmp(inventory->pci[i].address, address)) {
            interface->vendor = inventory->pci[i].vendor;
            interface->product = inventory->pci[i].product;
        }
    for (int i = 0; address && i < inventory->usb_count; i++)
        if (!strcmp(inventory->usb[i].address, address)) {
            interface->vendor = inventory->usb[i].vendor;
            interface->product = inventory->usb[i].product;
        }
    interface->firmware_version = firmware_of(tree, interface->name);
}

static bool is_ethernet(const struct tree *tree, const char *name, struct mac *mac)
{
    static const struct mac zero;
    int64_t type;
    const char *text = tree_text(tree, NET_FOLDER "/%s/address", name);
    return tree_has(tree, NET_FOLDER "/%s/device", name) &&
           !tree_has(tree, NET_FOLDER "/%s/phy80211", name) &&
           tree_number(tree, &type, NET_FOLDER "/%s/type", name) && type == ARPHRD_ETHERNET &&
           text && mac_parse(text, mac) && !mac_equal(*mac, zero);
}

/* Some clouds show one card twice, with one address: the first is it. */
static bool is_known(const struct inventory *inventory, struct mac mac)
{
    for (int i = 0; i < inventory->interfaces_count; i++)
        if (mac_equal(inventory->interfaces[i].mac, mac))
            return true;
    return false;
}

void inventory_interface_read(const struct tree *tree, const struct mac *boot_mac,
                              struct inventory *inventory)
{
    int count;
    const char *const *names = tree_names(tree, NET_FOLDER, &count);
    inventory->interfaces =
        ARENA_ARRAY(tree->arena, struct inventory_interface, INVENTORY_INTERFACES);
    for (int i = 0; i < count && inventory->interfaces_count < INVENTORY_INTERFACES; i++) {
        struct mac mac;
        if (!is_ethernet(tree, names[i], &mac) || is_known(inventory, mac))
            continue;
        struct inventory_interface *interface =
            &inventory->interfaces[inventory->interfaces_count++];
        const char *path = arena_printf(tree->arena, NET_FOLDER "/%s/device", names[i]);
        *interface = (struct inventory_interface){
            .name = names[i],
            .mac = mac,
            .boot = boot_mac && mac_equal(mac, *boot_mac),
            .driver = tree_link(tree, "%s/driver", path),
            .place = inventory_place_of(tree, path),
        };
        if (!tree_number(tree, &interface->link, NET_FOLDER "/%s/carrier", names[i]))
            interface->link = -1;
        if (!tree_number(tree, &interface->speed_mbps, NET_FOLDER "/%s/speed", names[i]) ||
            interface->speed_mbps <= 0)
            interface->speed_mbps = -1;
        if (!tree_number(tree, &interface->mtu, NET_FOLDER "/%s/mtu", names[i]))
            interface->mtu = -1;
        name_interface(tree, inventory, interface);
    }
}
