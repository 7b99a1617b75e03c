/* Answers router solicitations: see router_advert.h. */
#include "src/rack/router_advert.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum {
    RETRY_MS = 5000,
    BURST = 64,
    HOP_LIMIT = 64,
    SOURCE_LINK_LAYER = 1,
    RATE_PER_S = 100,    /* answers on one interface: a room of machines, no flood */
    EVERYBODY_MS = 3000, /* between two that go to everybody (6.2.6) */
    LOG_EVERY_S = 60,
};

struct listener {
    struct router_advert *advert;
    char name[INTERFACE_NAME];
    unsigned index;
    int fd;
    uv_poll_t poll;
    struct loop_timer retry;
    bool asking, polling, closing;
    int handles;                /* that still have to close */
    uint64_t second, in_second; /* the rate: answers in this second */
    uint64_t everybody_ns;      /* when the last one went to everybody */
};

struct router_advert {
    struct loop *loop;
    struct fence_link *fence;
    int count;
    struct listener *listener[LIMIT_INTERFACES];
    uint64_t answered, refused, limited, unsent;
    struct log_gate gate;
};

bool router_advert_is_solicit(const void *packet, size_t size, int hop_limit,
                              const struct in6_addr *from)
{
    const uint8_t *bytes = packet;
    if (size < sizeof(struct nd_router_solicit) || bytes[0] != ND_ROUTER_SOLICIT || bytes[1] != 0 ||
        hop_limit != 255)
        return false;
    for (size_t at = sizeof(struct nd_router_solicit); at < size; at += 8u * bytes[at + 1]) {
        if (size - at < 2 || bytes[at + 1] == 0 || 8u * bytes[at + 1] > size - at)
            return false;
        if (bytes[at] == SOURCE_LINK_LAYER && IN6_IS_ADDR_UNSPECIFIED(from))
            return false;
    }
    return IN6_IS_ADDR_UNSPECIFIED(from) || IN6_IS_ADDR_LINKLOCAL(from);
}

/* Too many in this second, or too soon to everybody again. */
static bool is_limited(struct listener *listener, bool everybody)
{
    uint64_t now_ns = clock_boot_ns();
    if (now_ns / CLOCK_S != listener->second) {
        listener->second = now_ns / CLOCK_S;
        listener->in_second = 0;
    }
    if (++listener->in_second > RATE_PER_S)
        return true;
    if (!everybody)
        return false;
    if (listener->everybody_ns && now_ns - listener->everybody_ns < EVERYBODY_MS * CLOCK_MS)
        return true;
    listener->everybody_ns = now_ns;
    return false;
}

/* Router lifetime 0: "I am no default router"; no prefix, no flags. The kernel adds the checksum.
 */
static void answer(struct listener *listener, const struct sockaddr_in6 *from)
{
    struct router_advert *advert = listener->advert;
    struct nd_router_advert message = {.nd_ra_type = ND_ROUTER_ADVERT,
                                       .nd_ra_curhoplimit = HOP_LIMIT};
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_addr = from->sin6_addr, .sin6_scope_id = listener->index};
    bool everybody = IN6_IS_ADDR_UNSPECIFIED(&from->sin6_addr);
    if (everybody) /* ff02::1, all nodes */
        to.sin6_addr = (struct in6_addr){.s6_addr = {0xff, 0x02, [15] = 1}};
    if (is_limited(listener, everybody))
        advert->limited++;
    else if (sendto(listener->fd, &message, sizeof(message), MSG_DONTWAIT, (struct sockaddr *)&to,
                    sizeof(to)) == (ssize_t)sizeof(message))
        advert->answered++;
    else
        advert->unsent++; /* as while our own address is tentative; they ask again */
}

static int hop_limit_of(struct msghdr *message)
{
    int hops = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)
            memcpy(&hops, CMSG_DATA(c), sizeof(hops));
    return hops;
}

static bool receive(struct listener *listener)
{
    uint8_t bytes[1500];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct sockaddr_in6 from = {0};
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof(from),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(listener->fd, &message, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR;
    if (router_advert_is_solicit(bytes, (size_t)n, hop_limit_of(&message), &from.sin6_addr))
        answer(listener, &from);
    else
        listener->advert->refused++;
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = container_of(poll, struct listener, poll);
    (void)status;
    (void)events;
    for (int i = 0; i < BURST && receive(listener); i++)
        ;
}

static void free_when_done(struct listener *listener)
{
    if (!listener->closing || listener->asking || listener->handles)
        return;
    if (listener->fd >= 0)
        close(listener->fd);
    free(listener);
}

static void start(struct listener *listener)
{
    int on = 1;
    setsockopt(listener->fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
    int rv = uv_poll_init(&listener->advert->loop->uv, &listener->poll, listener->fd);
    ASSERT(rv == 0);
    listener->handles++;
    listener->polling = true;
    rv = uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    ASSERT(rv == 0);
}

static void on_answer(void *subject, const struct fence_reply *reply, int fd)
{
    struct listener *listener = subject;
    unsigned long held;
    listener->asking = false;
    listener->fd = fd;
    if (listener->closing) {
        free_when_done(listener);
    } else if (reply->code || fd < 0) {
        if (log_gate_open(&listener->advert->gate, LOG_EVERY_S, &held))
            log_warning("router advertisements: %s: %s", listener->name, reply->text);
        loop_timer_start(&listener->retry, RETRY_MS, 0);
    } else {
        start(listener);
    }
}

static void ask(struct listener *listener)
{
    struct fence_request request = {.type = FENCE_LISTEN};
    request.listen.kind = FENCE_LISTEN_ROUTER;
    memcpy(request.listen.interface, listener->name, sizeof(request.listen.interface));
    listener->asking = true;
    fence_link_send(listener->advert->fence, &request, on_answer, listener);
}

static void on_retry(struct loop_timer *timer)
{
    ask(container_of(timer, struct listener, retry));
}

static void open_listener(struct router_advert *advert, const struct interface *interface)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    ASSERT(listener);
    listener->advert = advert;
    listener->index = interface->index;
    listener->fd = -1;
    memcpy(listener->name, interface->name, sizeof(listener->name));
    loop_timer_init(advert->loop, &listener->retry, on_retry);
    listener->handles++;
    advert->listener[advert->count++] = listener;
    ask(listener);
}

static void on_retry_closed(struct loop_timer *timer)
{
    struct listener *listener = container_of(timer, struct listener, retry);
    listener->handles--;
    free_when_done(listener);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct listener *listener = container_of((uv_poll_t *)handle, struct listener, poll);
    listener->handles--;
    free_when_done(listener);
}

static void close_listener(struct listener *listener)
{
    listener->closing = true;
    loop_timer_close(&listener->retry, on_retry_closed);
    if (listener->polling)
        uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
}

struct router_advert *router_advert_new(struct loop *loop, struct fence_link *fence)
{
    struct router_advert *advert = calloc(1, sizeof(*advert));
    ASSERT(advert);
    advert->loop = loop;
    advert->fence = fence;
    return advert;
}

void router_advert_close(struct router_advert *advert)
{
    if (!advert)
        return;
    for (int i = 0; i < advert->count; i++)
        close_listener(advert->listener[i]);
    free(advert);
}

void router_advert_set_interfaces(struct router_advert *advert, const struct interfaces *interfaces)
{
    int kept = 0;
    for (int i = 0; i < advert->count; i++) {
        struct listener *listener = advert->listener[i];
        const struct interface *now = interfaces_find(interfaces, listener->name);
        if (now && now->up && now->index == listener->index)
            advert->listener[kept++] = listener;
        else
            close_listener(listener);
    }
    advert->count = kept;
    for (int i = 0; i < interfaces->count; i++) {
        const struct interface *now = &interfaces->interface[i];
        bool here = !now->up;
        for (int j = 0; j < kept && !here; j++)
            here = advert->listener[j]->index == now->index;
        if (!here)
            open_listener(advert, now);
    }
}

void router_advert_write_metrics(const struct router_advert *advert, struct spool *spool)
{
    spool_printf(
        spool,
        "# HELP gantry_router_solicits_total Router solicitations by what became of them.\n"
        "# TYPE gantry_router_solicits_total counter\n"
        "gantry_router_solicits_total{outcome=\"answered\"} %llu\n"
        "gantry_router_solicits_total{outcome=\"refused\"} %llu\n"
        "gantry_router_solicits_total{outcome=\"limited\"} %llu\n"
        "gantry_router_solicits_total{outcome=\"unsent\"} %llu\n",
        (unsigned long long)advert->answered, (unsigned long long)advert->refused,
        (unsigned long long)advert->limited, (unsigned long long)advert->unsent);
}
