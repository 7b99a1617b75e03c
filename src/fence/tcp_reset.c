/* Connections of an address end: see tcp_reset.h. */
#include "src/fence/tcp_reset.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "src/base/clock.h"

#ifndef SOCK_DESTROY
#define SOCK_DESTROY 21
#endif

enum { WAIT_US = 2000 }; /* for a part of the kernel's answer */

/* The kernel's numbers of a connection's conditions: its tcp_states.h. */
enum { ESTABLISHED = 1, FIN_WAIT_2 = 5, TIME_WAIT = 6, CLOSED = 7, LISTENS = 10 };

/* Who was answered QUIET_MS ago is between two requests. The kernel's clock has steps of up to 10
 * ms: what came and went in the same one may be in either order, and is given longer. */
enum { QUIET_MS = 8, SAME_MS = 200 };

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

/* One look at all connections of an address. */
struct sweep {
    int list, orders; /* sockets */
    uint64_t until_ns;
    void (*take)(struct sweep *sweep, const struct nlmsghdr *header);
    int ended, busy;
    bool whole; /* none was left out */
};

static bool ask_for_all(const struct sweep *sweep, ip4 address)
{
    struct ask ask = {
        .header = {.nlmsg_len = sizeof(ask),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = AF_INET,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                    .idiag_states = ~(1U << LISTENS | 1U << TIME_WAIT | 1U << CLOSED)},
        .attribute = {.rta_len = RTA_LENGTH(sizeof(struct near_end)),
                      .rta_type = INET_DIAG_REQ_BYTECODE},
        .near_end = {.is = {.code = INET_DIAG_BC_S_COND,
                            .yes = sizeof(struct near_end),
                            .no = sizeof(struct near_end) + sizeof(struct inet_diag_bc_op)},
                     .condition = {.family = AF_INET, .prefix_len = 32, .port = -1},
                     .address = htonl(address)},
    };
    return send(sweep->list, &ask, sizeof(ask), 0) == sizeof(ask);
}

static void end(struct sweep *sweep, const struct nlmsghdr *header)
{
    const struct inet_diag_msg *found = NLMSG_DATA(header);
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
    sweep->ended += send(sweep->orders, &order, sizeof(order), MSG_DONTWAIT) == sizeof(order);
}

/* What the kernel knows of a connection; false = not much. */
static bool take_seen(const struct nlmsghdr *header, struct tcp_info *seen)
{
    const struct inet_diag_msg *found = NLMSG_DATA(header);
    unsigned left = (unsigned)NLMSG_PAYLOAD(header, sizeof(*found));
    const struct rtattr *attribute = (const struct rtattr *)(found + 1);
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        size_t size = RTA_PAYLOAD(attribute);
        if (attribute->rta_type != INET_DIAG_INFO)
            continue;
        memset(seen, 0, sizeof(*seen));
        memcpy(seen, RTA_DATA(attribute), size < sizeof(*seen) ? size : sizeof(*seen));
        return size >= offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof(seen->tcpi_bytes_sent);
    }
    return false;
}

/* Nothing is under way either way, and what came last has been answered for a while. */
static bool is_idle(const struct nlmsghdr *header)
{
    const struct inet_diag_msg *found = NLMSG_DATA(header);
    struct tcp_info seen;
    if (found->idiag_rqueue || found->idiag_wqueue || !take_seen(header, &seen) ||
        (seen.tcpi_bytes_received && !seen.tcpi_bytes_sent))
        return false;
    if (seen.tcpi_last_data_sent == seen.tcpi_last_data_recv)
        return seen.tcpi_last_data_sent >= SAME_MS;
    return seen.tcpi_last_data_sent < seen.tcpi_last_data_recv &&
           seen.tcpi_last_data_sent >= QUIET_MS;
}

static void end_if_idle(struct sweep *sweep, const struct nlmsghdr *header)
{
    const struct inet_diag_msg *found = NLMSG_DATA(header);
    if (found->idiag_state == FIN_WAIT_2)
        return; /* all that was said has been heard */
    if (found->idiag_state == ESTABLISHED && is_idle(header))
        end(sweep, header);
    else
        sweep->busy++;
}

/* A part of the kernel's answer. False = it was the last, or no time is left. */
static bool take_part(struct sweep *sweep, const char *answer, ssize_t size)
{
    unsigned left = (unsigned)size;
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
        sweep->whole |= header->nlmsg_type == NLMSG_DONE;
        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || clock_boot_ns() >= sweep->until_ns)
            return false;
        sweep->take(sweep, header);
    }
    return true;
}

static void run(struct sweep *sweep, ip4 address)
{
    char answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct timeval limit = {.tv_usec = WAIT_US};
    sweep->list = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    sweep->orders = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (sweep->list >= 0 && sweep->orders >= 0 && clock_boot_ns() < sweep->until_ns &&
        ask_for_all(sweep, address)) {
        setsockopt(sweep->list, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        ssize_t size = recv(sweep->list, answer, sizeof(answer), 0);
        while (size > 0 && take_part(sweep, answer, size))
            size = recv(sweep->list, answer, sizeof(answer), 0);
    }
    if (sweep->list >= 0)
        close(sweep->list);
    if (sweep->orders >= 0)
        close(sweep->orders);
}

int tcp_reset_all(ip4 address, uint64_t until_ns)
{
    struct sweep sweep = {.until_ns = until_ns, .take = end};
    run(&sweep, address);
    return sweep.ended;
}

bool tcp_reset_idle(ip4 address, uint64_t until_ns)
{
    struct sweep sweep = {.until_ns = until_ns, .take = end_if_idle};
    run(&sweep, address);
    return sweep.whole && !sweep.busy;
}
