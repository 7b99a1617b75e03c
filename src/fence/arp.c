/* ARP: see arp.h. Source: RFC 826, 5227, 5944. */
#include "src/fence/arp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct frame {
    struct ether_header ether;
    struct ether_arp arp;
} __attribute__((packed));

enum { FRAMES_MOST = 512 }; /* about what waits in a socket: a flood must not keep fenced here */

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

enum error_code arp_open(const char *interface, int *fd, struct error *err)
{
    struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
    where.sll_ifindex = (int)if_nametoindex(interface);
    if (!where.sll_ifindex)
        return error_set(err, ERR_NOT_FOUND, "there is no interface %s", interface);
    *fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ARP));
    if (*fd < 0)
        return error_errno(err, "%s: packet socket", interface);
    if (bind(*fd, (struct sockaddr *)&where, sizeof(where))) {
        error_errno(err, "%s: packet socket", interface);
        close(*fd);
        *fd = -1;
        return err->code;
    }
    return ERR_OK;
}

static bool own_mac(int fd, const char *interface, uint8_t mac[6])
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
    if (ioctl(fd, SIOCGIFHWADDR, &request))
        return false;
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    return true;
}

/* sender 0 is a probe; target is always the address itself. */
static void transmit(int fd, const char *interface, uint16_t operation, ip4 sender, ip4 target)
{
    struct frame frame = {0};
    uint8_t mac[6];
    if (!own_mac(fd, interface, mac))
        return;
    uint32_t from = htonl(sender), to = htonl(target);
    memcpy(frame.ether.ether_dhost, broadcast, 6);
    memcpy(frame.ether.ether_shost, mac, 6);
    frame.ether.ether_type = htons(ETHERTYPE_ARP);
    frame.arp.ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
    frame.arp.ea_hdr.ar_pro = htons(ETHERTYPE_IP);
    frame.arp.ea_hdr.ar_hln = 6;
    frame.arp.ea_hdr.ar_pln = 4;
    frame.arp.ea_hdr.ar_op = htons(operation);
    memcpy(frame.arp.arp_sha, mac, 6);
    memcpy(frame.arp.arp_spa, &from, 4);
    if (operation == ARPOP_REPLY)
        memcpy(frame.arp.arp_tha, broadcast, 6);
    memcpy(frame.arp.arp_tpa, &to, 4);
    if (send(fd, &frame, sizeof(frame), MSG_DONTWAIT) < 0)
        return; /* link down: announced again when the schedule comes round */
}

void arp_announce(int fd, const char *interface, ip4 address)
{
    transmit(fd, interface, ARPOP_REQUEST, address, address);
    transmit(fd, interface, ARPOP_REPLY, address, address);
}

void arp_probe(int fd, const char *interface, ip4 address)
{
    transmit(fd, interface, ARPOP_REQUEST, 0, address);
}

bool arp_link_is_up(int fd, const char *interface)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
    return !ioctl(fd, SIOCGIFFLAGS, &request) && request.ifr_flags & IFF_RUNNING;
}

bool arp_read(const void *bytes, size_t size, ip4 address, const struct mac *own, struct mac *mac)
{
    struct frame frame;
    uint32_t wanted = htonl(address);
    if (size < sizeof(frame))
        return false;
    memcpy(&frame, bytes, sizeof(frame));
    uint16_t hardware = ntohs(frame.arp.ea_hdr.ar_hrd), operation = ntohs(frame.arp.ea_hdr.ar_op);
    if (frame.ether.ether_type != htons(ETHERTYPE_ARP) ||
        (hardware != ARPHRD_ETHER && hardware != ARPHRD_IEEE802) ||
        frame.arp.ea_hdr.ar_pro != htons(ETHERTYPE_IP) || frame.arp.ea_hdr.ar_hln != 6 ||
        frame.arp.ea_hdr.ar_pln != 4 || (operation != ARPOP_REQUEST && operation != ARPOP_REPLY) ||
        memcmp(frame.arp.arp_spa, &wanted, 4) != 0 ||
        !memcmp(frame.arp.arp_sha, own->bytes, sizeof(own->bytes)))
        return false;
    memcpy(mac->bytes, frame.arp.arp_sha, sizeof(mac->bytes));
    return true;
}

bool arp_is_used(int fd, const char *interface, ip4 address, struct mac *mac)
{
    uint8_t bytes[sizeof(struct frame)];
    struct mac own;
    if (!own_mac(fd, interface, own.bytes))
        return false;
    for (int i = 0; i < FRAMES_MOST; i++) {
        ssize_t size = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (size < 0)
            return false;
        if (arp_read(bytes, (size_t)size, address, &own, mac))
            return true;
    }
    return false;
}
