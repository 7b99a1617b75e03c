/* Connections of an address end: see tcp_reset.h. */
#include "src/fence/tcp_reset.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "src/base/clock.h"

#ifndef SOCK_DESTROY
#define SOCK_DESTROY 21
#endif

enum { WAIT_US = 2000 }; /* for a part of the kernel's answer */

/* "Is the near end this address?", in the kernel's byte code. */
struct near_end {
    struct inet_diag_bc_op is;
    struct inet_diag_hostcond condition;
    uint32_t address;
};

struct ask {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
    struct rtattr attribute;
    struct near_end near_end;
};

static bool ask_for_all(int fd, ip4 address)
{
    struct ask ask = {
        .header = {.nlmsg_len = sizeof(ask),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = AF_INET,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = ~(1U << TCP_LISTEN | 1U << TCP_TIME_WAIT | 1U << TCP_CLOSE)},
        .attribute = {.rta_len = RTA_LENGTH(sizeof(struct near_end)),
                      .rta_type = INET_DIAG_REQ_BYTECODE},
        .near_end = {.is = {.code = INET_DIAG_BC_S_COND,
                            .yes = sizeof(struct near_end),
                            .no = sizeof(struct near_end) + sizeof(struct inet_diag_bc_op)},
                     .condition = {.family = AF_INET, .prefix_len = 32, .port = -1},
                     .address = htonl(address)},
    };
    return send(fd, &ask, sizeof(ask), 0) == sizeof(ask);
}

static bool end(int fd, const struct inet_diag_msg *found)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } order = {
        .header = {.nlmsg_len = sizeof(order),
                   .nlmsg_type = SOCK_DESTROY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = AF_INET,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1U << found->idiag_state,
                    .id = found->id},
    };
    return send(fd, &order, sizeof(order), MSG_DONTWAIT) == sizeof(order);
}

/* A part of the kernel's answer. False = it was the last, or no time is left. */
static bool end_those(int orders, const char *answer, ssize_t size, uint64_t until_ns, int *ended)
{
    unsigned left = (unsigned)size;
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || clock_boot_ns() >= until_ns)
            return false;
        *ended += end(orders, NLMSG_DATA(header));
    }
    return true;
}

int tcp_reset_all(ip4 address, uint64_t until_ns)
{
    char answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct timeval limit = {.tv_usec = WAIT_US};
    int ended = 0;
    int list = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    int orders = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (list >= 0 && orders >= 0 && clock_boot_ns() < until_ns && ask_for_all(list, address)) {
        setsockopt(list, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        ssize_t size = recv(list, answer, sizeof(answer), 0);
        while (size > 0 && end_those(orders, answer, size, until_ns, &ended))
            size = recv(list, answer, sizeof(answer), 0);
    }
    if (list >= 0)
        close(list);
    if (orders >= 0)
        close(orders);
    return ended;
}
