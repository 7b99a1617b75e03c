/* Sockets that need rights: see listen.h. Source: ip(7), packet(7), RFC 4861. */
#include "src/fence/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/address.h"

enum { BACKLOG = 1024, DHCP_PORT = 67 };

/* The ports a child may ask for: what the programs are documented to use. */
static bool port_allowed(uint32_t kind, uint32_t port)
{
    if (kind == FENCE_LISTEN_UDP)
        return port == 69;
    return kind != FENCE_LISTEN_TCP || port == 80 || port == 443 || (port >= 1024 && port < 65536);
}

static enum error_code fail(const char *what, const struct fence_request *request,
                            struct error *err)
{
    if (errno == EADDRINUSE)
        return error_set(err, ERR_CONFLICT,
                         "port %u on %s is in use by another program: stop it, or change the port",
                         request->listen.port,
                         request->listen.address[0] ? request->listen.address
                                                    : request->listen.interface);
    return error_errno(err, "%s", what);
}

static bool set_flag(int fd, int level, int name)
{
    int on = 1;
    return setsockopt(fd, level, name, &on, sizeof(on)) == 0;
}

static bool bind_device(int fd, const char *interface)
{
    return !*interface || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
                                     (socklen_t)strlen(interface) + 1) == 0;
}

static enum error_code open_inet(const struct fence_request *request, int type, uint32_t port,
                                 int *fd, struct error *err)
{
    ip4 ip = 0;
    if (request->listen.address[0] && !ip4_parse(request->listen.address, &ip))
        return error_set(err, ERR_BAD_INPUT, "not an IPv4 address: %.15s", request->listen.address);
    struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(ip)};
    *fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return fail("socket", request, err);
    /* FREEBIND: a virtual address need not be here yet. */
    if ((type == SOCK_STREAM && !set_flag(*fd, SOL_SOCKET, SO_REUSEADDR)) ||
        !set_flag(*fd, IPPROTO_IP, IP_FREEBIND) || !bind_device(*fd, request->listen.interface))
        return fail("socket options", request, err);
    if (type == SOCK_DGRAM &&
        (!set_flag(*fd, IPPROTO_IP, IP_PKTINFO) || !set_flag(*fd, SOL_SOCKET, SO_BROADCAST)))
        return fail("socket options", request, err);
    if (bind(*fd, (struct sockaddr *)&where, sizeof(where)) ||
        (type == SOCK_STREAM && listen(*fd, BACKLOG)))
        return fail("bind", request, err);
    return ERR_OK;
}

static enum error_code open_packet(const struct fence_request *request, unsigned index, int *fd,
                                   struct error *err)
{
    struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_ifindex = (int)index};
    *fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&where, sizeof(where)))
        return fail("packet socket", request, err);
    return ERR_OK;
}

static enum error_code open_router(const struct fence_request *request, unsigned index, int *fd,
                                   struct error *err)
{
    struct icmp6_filter filter;
    struct ipv6_mreq all_routers = {.ipv6mr_interface = index};
    int hops = 255; /* RFC 4861 4.2: receivers drop anything else */
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
    inet_pton(AF_INET6, "ff02::2", &all_routers.ipv6mr_multiaddr);
    *fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
    if (*fd < 0 || !bind_device(*fd, request->listen.interface) ||
        setsockopt(*fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) ||
        setsockopt(*fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &all_routers, sizeof(all_routers)) ||
        setsockopt(*fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) ||
        setsockopt(*fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops)))
        return fail("router solicitation socket", request, err);
    return ERR_OK;
}

enum error_code listen_open(const struct fence_request *request, int *fd, struct error *err)
{
    const char *interface = request->listen.interface;
    uint32_t kind = request->listen.kind;
    bool needs_interface =
        kind == FENCE_LISTEN_DHCP || kind == FENCE_LISTEN_PACKET || kind == FENCE_LISTEN_ROUTER;
    unsigned index = *interface ? if_nametoindex(interface) : 0;
    *fd = -1;
    if ((*interface || needs_interface) && !index)
        return error_set(err, ERR_NOT_FOUND, "there is no interface %s", interface);
    if (!port_allowed(kind, request->listen.port))
        return error_set(err, ERR_BAD_INPUT, "port %u is not among those of this system",
                         request->listen.port);
    enum error_code code = ERR_BAD_INPUT;
    if (kind == FENCE_LISTEN_TCP)
        code = open_inet(request, SOCK_STREAM, request->listen.port, fd, err);
    else if (kind == FENCE_LISTEN_UDP)
        code = open_inet(request, SOCK_DGRAM, request->listen.port, fd, err);
    else if (kind == FENCE_LISTEN_DHCP)
        code = open_inet(request, SOCK_DGRAM, DHCP_PORT, fd, err);
    else if (kind == FENCE_LISTEN_PACKET)
        code = open_packet(request, index, fd, err);
    else if (kind == FENCE_LISTEN_ROUTER)
        code = open_router(request, index, fd, err);
    if (code && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return code;
}
