/* The sockets of DHCP on one interface: see dhcp_socket.h. Source: ip(7), packet(7). */
#include "src/rack/dhcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/container.h"

enum {
    RETRY_MS = 5000,
    BURST = 64,               /* datagrams before others on the loop have their turn */
    RECEIVE_BUFFER = 4 << 20, /* a rack full of machines that are switched on at once */
    SERVER_PORT = 67,
    CLIENT_PORT = 68,
};

struct dhcp_socket {
    struct loop *loop;
    struct fence_link *fence;
    struct interface interface;
    struct dhcp_socket_events events;
    void *owner;
    int udp, packet;
    uv_poll_t poll;
    struct loop_timer retry;
    bool asking, polling, closing;
    int handles; /* that still have to close */
};

static void ask(struct dhcp_socket *socket, uint32_t kind);

static void close_descriptors(struct dhcp_socket *socket)
{
    if (socket->udp >= 0)
        close(socket->udp);
    if (socket->packet >= 0)
        close(socket->packet);
    socket->udp = socket->packet = -1;
}

static void free_when_done(struct dhcp_socket *socket)
{
    if (!socket->closing || socket->asking || socket->handles)
        return;
    close_descriptors(socket); /* one that fenced sent late */
    free(socket);
}

static ip4 destination_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo where;
            memcpy(&where, CMSG_DATA(c), sizeof(where));
            return ntohl(where.ipi_addr.s_addr);
        }
    return 0;
}

static bool receive(struct dhcp_socket *socket)
{
    uint8_t bytes[DHCP_PACKET_MAX + 1]; /* one more: a longer one shows */
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(socket->udp, &message, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR;
    socket->events.received(socket->owner, &socket->interface, bytes, (size_t)n,
                            destination_of(&message));
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct dhcp_socket *socket = container_of(poll, struct dhcp_socket, poll);
    (void)status; /* an error of the socket is read away like a datagram */
    (void)events;
    for (int i = 0; i < BURST && !socket->closing; i++)
        if (!receive(socket))
            return;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct dhcp_socket *socket = container_of((uv_poll_t *)handle, struct dhcp_socket, poll);
    socket->handles--;
    free_when_done(socket);
}

static void fail(struct dhcp_socket *socket, const char *why)
{
    socket->events.failed(socket->owner, &socket->interface, why);
    loop_timer_start(&socket->retry, RETRY_MS, 0);
}

static void start(struct dhcp_socket *socket)
{
    int size = RECEIVE_BUFFER; /* the kernel gives what it allows */
    setsockopt(socket->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    int rv = uv_poll_init(&socket->loop->uv, &socket->poll, socket->udp);
    ASSERT(rv == 0);
    socket->handles++;
    socket->polling = true;
    rv = uv_poll_start(&socket->poll, UV_READABLE, on_readable);
    ASSERT(rv == 0);
}

static void on_answer(void *subject, const struct fence_reply *reply, int fd)
{
    struct dhcp_socket *socket = subject;
    socket->asking = false;
    int *place = socket->udp < 0 ? &socket->udp : &socket->packet;
    if (fd >= 0)
        *place = fd;
    if (socket->closing)
        free_when_done(socket);
    else if (reply->code || fd < 0)
        fail(socket, reply->text);
    else if (socket->packet < 0)
        ask(socket, FENCE_LISTEN_PACKET);
    else
        start(socket);
}

static void ask(struct dhcp_socket *socket, uint32_t kind)
{
    struct fence_request request = {.type = FENCE_LISTEN};
    request.listen.kind = kind;
    memcpy(request.listen.interface, socket->interface.name, sizeof(request.listen.interface));
    socket->asking = true;
    fence_link_send(socket->fence, &request, on_answer, socket);
}

static void on_retry(struct loop_timer *timer)
{
    struct dhcp_socket *socket = container_of(timer, struct dhcp_socket, retry);
    ask(socket, socket->udp < 0 ? FENCE_LISTEN_DHCP : FENCE_LISTEN_PACKET);
}

static void on_retry_closed(struct loop_timer *timer)
{
    struct dhcp_socket *socket = container_of(timer, struct dhcp_socket, retry);
    socket->handles--;
    free_when_done(socket);
}

struct dhcp_socket *dhcp_socket_new(struct loop *loop, struct fence_link *fence,
                                    const struct interface *interface,
                                    const struct dhcp_socket_events *events, void *owner)
{
    _Static_assert((int)INTERFACE_NAME == (int)FENCE_INTERFACE, "names are copied");
    struct dhcp_socket *socket = calloc(1, sizeof(*socket));
    ASSERT(socket);
    socket->loop = loop;
    socket->fence = fence;
    socket->interface = *interface;
    socket->events = *events;
    socket->owner = owner;
    socket->udp = socket->packet = -1;
    loop_timer_init(loop, &socket->retry, on_retry);
    socket->handles++;
    ask(socket, FENCE_LISTEN_DHCP);
    return socket;
}

const struct interface *dhcp_socket_interface(const struct dhcp_socket *socket)
{
    return &socket->interface;
}

void dhcp_socket_set_interface(struct dhcp_socket *socket, const struct interface *interface)
{
    socket->interface = *interface;
}

bool dhcp_socket_is_open(const struct dhcp_socket *socket)
{
    return socket->polling;
}

static bool send_frame(struct dhcp_socket *socket, const struct dhcp_target *target,
                       const void *message, size_t size)
{
    uint8_t frame[DHCP_FRAME_MAX];
    size_t length = dhcp_reply_frame(target, socket->interface.mac, message, size, frame);
    return send(socket->packet, frame, length, MSG_DONTWAIT) == (ssize_t)length;
}

/* The source is the address the client knows this server by, also where there are several. */
static bool send_datagram(struct dhcp_socket *socket, const struct dhcp_target *target,
                          const void *message, size_t size)
{
    uint16_t port = target->way == DHCP_WAY_RELAY ? SERVER_PORT : CLIENT_PORT;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(target->to)};
    struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(target->from)};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(from))] = {0};
    struct iovec iov = {(void *)(uintptr_t)message, size};
    struct msghdr header = {.msg_name = &to,
                            .msg_namelen = sizeof(to),
                            .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(from));
    memcpy(CMSG_DATA(c), &from, sizeof(from));
    return sendmsg(socket->udp, &header, MSG_DONTWAIT) == (ssize_t)size;
}

bool dhcp_socket_send(struct dhcp_socket *socket, const struct dhcp_target *target,
                      const void *message, size_t size)
{
    if (!socket->polling)
        return false;
    return target->way == DHCP_WAY_FRAME ? send_frame(socket, target, message, size)
                                         : send_datagram(socket, target, message, size);
}

void dhcp_socket_close(struct dhcp_socket *socket)
{
    socket->closing = true;
    loop_timer_close(&socket->retry, on_retry_closed);
    if (socket->polling)
        uv_close((uv_handle_t *)&socket->poll, on_poll_closed);
    close_descriptors(socket); /* now: the port may be wanted again at once */
}
