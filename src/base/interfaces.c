/* The network interfaces of this host: see interfaces.h. Source: getifaddrs(3), packet(7). */
#include "src/base/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>

static struct interface *find(struct interfaces *interfaces, const char *name)
{
    for (int i = 0; i < interfaces->count; i++)
        if (!strcmp(interfaces->interface[i].name, name))
            return &interfaces->interface[i];
    return NULL;
}

static void add_interface(struct interfaces *interfaces, const struct ifaddrs *entry)
{
    const struct sockaddr_ll *link = (const struct sockaddr_ll *)(const void *)entry->ifa_addr;
    if (link->sll_hatype != ARPHRD_ETHER || link->sll_halen != sizeof(struct mac) ||
        interfaces->count == LIMIT_INTERFACES)
        return;
    struct interface *interface = &interfaces->interface[interfaces->count++];
    snprintf(interface->name, sizeof(interface->name), "%s", entry->ifa_name);
    interface->index = (unsigned)link->sll_ifindex;
    interface->up = (entry->ifa_flags & IFF_UP) && (entry->ifa_flags & IFF_RUNNING);
    memcpy(interface->mac.bytes, link->sll_addr, sizeof(interface->mac.bytes));
}

static void add_address(struct interfaces *interfaces, const struct ifaddrs *entry)
{
    struct interface *interface = find(interfaces, entry->ifa_name);
    if (!interface || interface->addresses == INTERFACE_ADDRESSES || !entry->ifa_netmask)
        return;
    const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)entry->ifa_addr;
    const struct sockaddr_in *mask = (const struct sockaddr_in *)(const void *)entry->ifa_netmask;
    interface->address[interface->addresses++] = (struct ip4_net){
        ntohl(address->sin_addr.s_addr), __builtin_popcount((unsigned)mask->sin_addr.s_addr)};
}

enum error_code interfaces_read(struct interfaces *interfaces, struct error *err)
{
    struct ifaddrs *list = NULL;
    memset(interfaces, 0, sizeof(*interfaces));
    if (getifaddrs(&list))
        return error_errno(err, "list of network interfaces");
    for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
        if (entry->ifa_addr && entry->ifa_addr->sa_family == AF_PACKET)
            add_interface(interfaces, entry);
    /* A label like eth0:1 is the name of an address, not of an interface: cut off. */
    for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
        entry->ifa_name[strcspn(entry->ifa_name, ":")] = '\0';
        if (entry->ifa_addr && entry->ifa_addr->sa_family == AF_INET)
            add_address(interfaces, entry);
    }
    freeifaddrs(list);
    return ERR_OK;
}

const struct interface *interfaces_find(const struct interfaces *interfaces, const char *name)
{
    return find((struct interfaces *)(uintptr_t)interfaces, name);
}

bool interfaces_equal(const struct interfaces *a, const struct interfaces *b)
{
    /* interfaces_read zeroes what it does not fill, padding included. */
    return a->count == b->count &&
           !memcmp(a->interface, b->interface, sizeof(a->interface[0]) * (size_t)a->count);
}

static json_t *list_addresses(const struct interface *interface)
{
    char text[IP4_NET_TEXT];
    json_t *list = json_array();
    for (int i = 0; i < interface->addresses; i++)
        json_array_append_new(list, json_string(ip4_net_format(interface->address[i], text)));
    return list;
}

json_t *interfaces_json(const struct interfaces *interfaces)
{
    char mac[MAC_TEXT];
    json_t *list = json_array();
    for (int i = 0; i < interfaces->count; i++) {
        const struct interface *interface = &interfaces->interface[i];
        json_array_append_new(list, json_pack("{ss ss sb so}", "name", interface->name, "mac",
                                              mac_format(interface->mac, mac), "up", interface->up,
                                              "addresses", list_addresses(interface)));
    }
    return list;
}
