/* A child's end of its socket pair with gantry-fenced: see fence_link.h. */
#include "src/wire/fence_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"

struct pending {
    struct pending *next;
    struct fence_link *link;
    uint32_t number;
    uint64_t owed_ns; /* when it was sent, if the answer comes at once; else 0 */
    fence_answer *answer;
    void *subject;
};

struct fence_link {
    uv_poll_t poll;
    struct loop *loop;
    int fd;
    struct fence_events events;
    void *owner;
    struct pending *pending;
    uint32_t last_number;
    bool closed, told;
};

/* One packet; *fd = the descriptor it carried or -1. Errors: UNAVAILABLE at the end, BUSY = none.
 */
static enum error_code receive(struct fence_link *link, struct fence_reply *reply, int *fd)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {reply, sizeof(*reply)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    *fd = -1;
    ssize_t n = recvmsg(link->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return ERR_BUSY;
    if (n <= 0)
        return ERR_UNAVAILABLE;
    ASSERT(n == (ssize_t)sizeof(*reply));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    ASSERT(reply->code < ERR_COUNT);
    reply->text[FENCE_TEXT - 1] = '\0';
    return ERR_OK;
}

static void dispatch(struct fence_link *link, const struct fence_reply *reply, int fd)
{
    if (reply->kind != FENCE_REPLY) {
        link->events.notice(link->owner, reply);
        return;
    }
    for (struct pending **p = &link->pending; *p; p = &(*p)->next) {
        struct pending *pending = *p;
        if (pending->number != reply->number)
            continue;
        *p = pending->next;
        pending->answer(pending->subject, reply, fd);
        free(pending);
        return;
    }
    if (fd >= 0) /* nobody waits for it any more */
        close(fd);
}

static void lose(struct fence_link *link)
{
    if (!link->closed)
        uv_poll_stop(&link->poll);
    link->closed = true;
    if (!link->told)
        link->events.closed(link->owner);
    link->told = true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct fence_link *link = container_of(poll, struct fence_link, poll);
    struct fence_reply reply;
    int fd;
    enum error_code code = status < 0 ? ERR_UNAVAILABLE : ERR_OK;
    while (!code && !link->closed) {
        code = receive(link, &reply, &fd);
        if (!code)
            dispatch(link, &reply, fd);
    }
    if (code == ERR_UNAVAILABLE)
        lose(link);
}

enum error_code fence_link_open(struct loop *loop, int fd, const struct fence_events *events,
                                void *owner, struct fence_link **out, struct error *err)
{
    int type;
    socklen_t size = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_SEQPACKET)
        return error_set(err, ERR_UNAVAILABLE,
                         "descriptor %d is not a link to gantry-fenced: this program is started by "
                         "gantry-fenced, not by hand",
                         fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    struct fence_link *link = calloc(1, sizeof(*link));
    ASSERT(link);
    link->loop = loop;
    link->fd = fd;
    link->events = *events;
    link->owner = owner;
    int rv = uv_poll_init(&loop->uv, &link->poll, fd);
    ASSERT(rv == 0);
    rv = uv_poll_start(&link->poll, UV_READABLE, on_readable);
    ASSERT(rv == 0);
    *out = link;
    return ERR_OK;
}

static bool transmit(struct fence_link *link, struct fence_request *request)
{
    if (++link->last_number == 0)
        link->last_number = 1;
    request->number = link->last_number;
    return !link->closed && send(link->fd, request, sizeof(*request),
                                 MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(*request);
}

static void answer_unsent(void *subject)
{
    struct pending *pending = subject;
    struct fence_reply reply = {.kind = FENCE_REPLY,
                                .number = pending->number,
                                .code = ERR_UNAVAILABLE,
                                .text = "gantry-fenced does not answer"};
    pending->answer(pending->subject, &reply, -1);
    free(pending);
}

void fence_link_send(struct fence_link *link, struct fence_request *request, fence_answer *answer,
                     void *subject)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    ASSERT(pending);
    bool sent = transmit(link, request);
    bool at_once = request->type == FENCE_LEASE || request->type == FENCE_QUERY;
    uint64_t owed_ns = at_once ? clock_boot_ns() : 0;
    *pending = (struct pending){link->pending, link, request->number, owed_ns, answer, subject};
    if (sent)
        link->pending = pending;
    else
        loop_post(link->loop, answer_unsent, pending);
}

uint64_t fence_link_owed_ms(const struct fence_link *link)
{
    uint64_t now_ns = clock_boot_ns(), oldest_ns = now_ns;
    for (const struct pending *pending = link->pending; pending; pending = pending->next)
        if (pending->owed_ns && pending->owed_ns < oldest_ns)
            oldest_ns = pending->owed_ns;
    return (now_ns - oldest_ns) / CLOCK_MS;
}

static void on_closed(uv_handle_t *handle)
{
    struct fence_link *link = container_of((uv_poll_t *)handle, struct fence_link, poll);
    while (link->pending) {
        struct pending *next = link->pending->next;
        free(link->pending);
        link->pending = next;
    }
    close(link->fd);
    free(link);
}

void fence_link_close(struct fence_link *link)
{
    if (!link)
        return;
    link->closed = link->told = true;
    uv_close((uv_handle_t *)&link->poll, on_closed);
}

enum error_code fence_link_ask(struct fence_link *link, struct fence_request *request,
                               struct fence_reply *reply, int *fd, struct error *err)
{
    int carried = -1;
    enum error_code code = transmit(link, request) ? ERR_OK : ERR_UNAVAILABLE;
    while (!code) {
        struct pollfd poll_fd = {link->fd, POLLIN, 0};
        poll(&poll_fd, 1, -1);
        code = receive(link, reply, &carried);
        if (code == ERR_BUSY)
            code = ERR_OK;
        else if (!code && reply->kind == FENCE_REPLY && reply->number == request->number)
            break;
        else if (!code)
            dispatch(link, reply, carried);
    }
    if (code)
        return error_set(err, ERR_UNAVAILABLE, "gantry-fenced is gone");
    if (fd)
        *fd = carried;
    else if (carried >= 0)
        close(carried);
    return reply->code ? error_set(err, reply->code, "%s", reply->text) : ERR_OK;
}
