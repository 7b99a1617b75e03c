/* Addresses on interfaces: see netlink.h. Source: rtnetlink(7), linux/if_addr.h. */
#include "src/fence/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef IFA_PROTO
#define IFA_PROTO 11 /* Linux 5.18 */
#endif

struct change {
    struct nlmsghdr header;
    struct ifaddrmsg address;
    char attributes[128];
};

enum error_code netlink_open(int *fd, struct error *err)
{
    *fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (*fd < 0)
        return error_errno(err, "netlink");
    struct timeval limit = {.tv_sec = 2};
    setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return ERR_OK;
}

static void put(struct change *change, unsigned short type, const void *bytes, size_t size)
{
    size_t at = NLMSG_ALIGN(change->header.nlmsg_len);
    ASSERT(at + RTA_SPACE(size) <= sizeof(*change));
    struct rtattr *attribute = (struct rtattr *)((char *)change + at);
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), bytes, size);
    change->header.nlmsg_len = (unsigned)(at + RTA_SPACE(size));
}

/* Send and wait for the kernel's acknowledgement; the errno it answers, 0 = done. */
static int exchange(int fd, struct change *change)
{
    static unsigned sequence;
    change->header.nlmsg_seq = ++sequence;
    if (send(fd, change, change->header.nlmsg_len, 0) < 0)
        return errno;
    for (;;) {
        char answer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
        ssize_t n = recv(fd, answer, sizeof(answer), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < (ssize_t)sizeof(struct nlmsghdr))
            return n < 0 ? errno : EPROTO;
        const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
        if (header->nlmsg_seq != sequence || header->nlmsg_type != NLMSG_ERROR)
            continue; /* an answer to an earlier, given up request */
        const struct nlmsgerr *error = (const struct nlmsgerr *)NLMSG_DATA(header);
        return -error->error;
    }
}

static void prepare(struct change *change, unsigned short type, unsigned short flags,
                    struct ip4_net address, unsigned interface)
{
    uint32_t ip = htonl(address.address);
    *change = (struct change){0};
    change->header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg));
    change->header.nlmsg_type = type;
    change->header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
    change->address.ifa_family = AF_INET;
    change->address.ifa_prefixlen = (unsigned char)address.prefix;
    change->address.ifa_index = interface;
    put(change, IFA_LOCAL, &ip, sizeof(ip));
    put(change, IFA_ADDRESS, &ip, sizeof(ip));
}

enum error_code netlink_add(int fd, struct ip4_net address, const char *interface, unsigned valid_s,
                            struct error *err)
{
    unsigned index = if_nametoindex(interface);
    if (!index)
        return error_set(err, ERR_NOT_FOUND, "there is no interface %s", interface);
    struct change change;
    struct ifa_cacheinfo lifetime = {.ifa_prefered = valid_s, .ifa_valid = valid_s};
    uint8_t proto = NETLINK_PROTO;
    prepare(&change, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, address, index);
    put(&change, IFA_CACHEINFO, &lifetime, sizeof(lifetime));
    put(&change, IFA_PROTO, &proto, sizeof(proto));
    errno = exchange(fd, &change);
    return errno ? error_errno(err, "cannot put the address on %s", interface) : ERR_OK;
}

enum error_code netlink_drop(int fd, struct ip4_net address, const char *interface,
                             struct error *err)
{
    unsigned index = if_nametoindex(interface);
    if (!index)
        return ERR_OK;
    struct change change;
    prepare(&change, RTM_DELADDR, 0, address, index);
    errno = exchange(fd, &change);
    return errno && errno != EADDRNOTAVAIL
               ? error_errno(err, "cannot remove the address from %s", interface)
               : ERR_OK;
}

/* One message of a dump: is it a marked address? Then into *address and *index. */
static bool is_marked(const struct nlmsghdr *header, struct ip4_net *address, unsigned *index)
{
    const struct ifaddrmsg *message = (const struct ifaddrmsg *)NLMSG_DATA(header);
    unsigned left = (unsigned)IFA_PAYLOAD(header);
    bool marked = false;
    *index = message->ifa_index;
    address->prefix = message->ifa_prefixlen;
    for (const struct rtattr *a = IFA_RTA(message); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFA_PROTO)
            marked = *(const uint8_t *)RTA_DATA(a) == NETLINK_PROTO;
        if (a->rta_type == IFA_LOCAL)
            address->address = ntohl(*(const uint32_t *)RTA_DATA(a));
    }
    return marked && message->ifa_family == AF_INET;
}

struct marked {
    struct ip4_net address[64];
    unsigned index[64];
    int count;
};

/* Collect the marked addresses of a whole dump. */
static int list_marked(int fd, struct marked *marked)
{
    struct change ask = {0};
    ask.header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg));
    ask.header.nlmsg_type = RTM_GETADDR;
    ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    ask.address.ifa_family = AF_INET;
    if (send(fd, &ask, ask.header.nlmsg_len, 0) < 0)
        return errno;
    for (;;) {
        char answer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
        ssize_t n = recv(fd, answer, sizeof(answer), 0);
        if (n < 0)
            return errno;
        unsigned left = (unsigned)n;
        for (const struct nlmsghdr *h = (const struct nlmsghdr *)answer; NLMSG_OK(h, left);
             h = NLMSG_NEXT(h, left)) {
            int at = marked->count;
            if (h->nlmsg_type == NLMSG_DONE)
                return 0;
            if (h->nlmsg_type == NLMSG_ERROR)
                return EPROTO;
            if (at < 64 && is_marked(h, &marked->address[at], &marked->index[at]))
                marked->count++;
        }
    }
}

int netlink_drop_marked(int fd, struct error *err)
{
    struct marked marked = {.count = 0};
    errno = list_marked(fd, &marked);
    if (errno) {
        error_errno(err, "cannot list addresses");
        return -1;
    }
    for (int i = 0; i < marked.count; i++) {
        struct change change;
        prepare(&change, RTM_DELADDR, 0, marked.address[i], marked.index[i]);
        exchange(fd, &change);
    }
    return marked.count;
}
