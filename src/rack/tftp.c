/* The TFTP server: see tftp.h. */
#include "src/rack/tftp.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/rack/tftp_transfer.h"

enum { RECEIVE_MOST = 64 }; /* requests read before others get their turn */

struct tftp_listener {
    struct tftp_listener *next;
    struct tftp *tftp;
    int fd;
    uv_poll_t poll;
};

struct tftp {
    struct tftp_transfers all;
    struct boot_source *source;
    struct tftp_listener *listeners;
    struct log_gate refused_gate, limited_gate;
};

/* Refusals are answered each, counted each, and logged once a minute. */
static void note_refusal(struct tftp *tftp, const struct sockaddr_in *client, const char *why)
{
    unsigned long held;
    char text[IP4_TEXT];
    tftp->all.counts.refused++;
    if (log_gate_open(&tftp->refused_gate, 60, &held))
        log_warning("TFTP request of %s refused: %s (and %lu before)",
                    tftp_transfer_client(client, text), why, held);
}

static bool same_end(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/* A free place, or NULL: this is a repeated request (*again), or there are too many. */
static struct tftp_transfer *find_place(struct tftp *tftp, const struct sockaddr_in *client,
                                        const char *name, bool *again)
{
    struct tftp_transfer *found = NULL;
    int of_client = 0;
    *again = false;
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++) {
        struct tftp_transfer *transfer = &tftp->all.row[i];
        if (transfer->phase == TFTP_TRANSFER_FREE) {
            found = found ? found : transfer;
            continue;
        }
        of_client += transfer->client.sin_addr.s_addr == client->sin_addr.s_addr;
        if (transfer->phase != TFTP_TRANSFER_CLOSING && !transfer->left &&
            same_end(&transfer->client, client))
            *again |= tftp_transfer_is_repeated(transfer, name);
    }
    return *again || of_client >= TFTP_PER_CLIENT ? NULL : found;
}

static void start_transfer(struct tftp *tftp, const struct sockaddr_in *local,
                           const struct sockaddr_in *client, const struct tftp_packet *packet)
{
    struct tftp_ends ends = {.client = *client, .local = *local};
    struct error err;
    bool again;
    unsigned long held;
    enum error_code code = boot_path_read(packet->name, strlen(packet->name), &ends.path, &err);
    if (code) {
        note_refusal(tftp, client, err.text);
        tftp_transfer_refuse(local, client,
                             code == ERR_NOT_FOUND ? TFTP_PACKET_ERROR_NOT_FOUND
                                                   : TFTP_PACKET_ERROR_ACCESS,
                             err.text);
        return;
    }
    struct tftp_transfer *transfer = find_place(tftp, client, packet->name, &again);
    if (again)
        return;
    if (!transfer) {
        tftp->all.counts.limited++;
        if (log_gate_open(&tftp->limited_gate, 60, &held))
            log_warning("too many TFTP transfers at a time (and %lu before)", held);
        tftp_transfer_refuse(local, client, TFTP_PACKET_ERROR_OTHER,
                             "too many transfers, try again");
        return;
    }
    tftp_transfer_begin(transfer, &ends, packet, tftp->source);
}

static void take_request(struct tftp *tftp, const struct sockaddr_in *local,
                         const struct sockaddr_in *client, const uint8_t *bytes, size_t size)
{
    struct tftp_packet packet;
    struct error err;
    enum error_code code = tftp_packet_read(bytes, size, &packet, &err);
    enum tftp_packet_error error = TFTP_PACKET_ERROR_ACCESS;
    if (!code && packet.type != TFTP_PACKET_RRQ && packet.type != TFTP_PACKET_WRQ)
        code = error_set(&err, ERR_BAD_INPUT, "no request");
    if (code == ERR_BAD_INPUT || code == ERR_TOO_LARGE) {
        tftp_transfer_malformed(&tftp->all, client, err.text);
        return;
    }
    tftp->all.counts.requests++;
    if (code) {
        error = TFTP_PACKET_ERROR_OPTIONS;
    } else if (packet.type == TFTP_PACKET_WRQ) {
        code = error_set(&err, ERR_FORBIDDEN, "nothing may be written here");
    } else if (!packet.octet) {
        error = TFTP_PACKET_ERROR_OTHER;
        code = error_set(&err, ERR_FORBIDDEN, "only octet (binary) mode is served");
    }
    if (code) {
        note_refusal(tftp, client, err.text);
        tftp_transfer_refuse(local, client, error, err.text);
        return;
    }
    start_transfer(tftp, local, client, &packet);
}

/* The address of ours that the client wrote to (IP_PKTINFO). */
static bool find_local(struct msghdr *message, struct sockaddr_in *local)
{
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
        if (each->cmsg_level != IPPROTO_IP || each->cmsg_type != IP_PKTINFO)
            continue;
        struct in_pktinfo packet_info;
        memcpy(&packet_info, CMSG_DATA(each), sizeof(packet_info));
        local->sin_addr = packet_info.ipi_spec_dst;
        return true;
    }
    return false;
}

static void on_request(uv_poll_t *poll, int status, int events)
{
    struct tftp_listener *listener = container_of(poll, struct tftp_listener, poll);
    uint8_t bytes[TFTP_PACKET_REQUEST + 1];
    char control[256];
    (void)status;
    (void)events;
    for (int i = 0; i < RECEIVE_MOST; i++) {
        struct sockaddr_in client = {0}, local = {.sin_family = AF_INET};
        struct iovec part = {bytes, sizeof(bytes)};
        struct msghdr message = {.msg_name = &client,
                                 .msg_namelen = sizeof(client),
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(listener->fd, &message, 0);
        if (n < 0)
            break;
        if (client.sin_family == AF_INET && client.sin_port && find_local(&message, &local))
            take_request(listener->tftp, &local, &client, bytes, (size_t)n);
    }
}

static void end_if_done(struct tftp_transfers *all)
{
    if (!all->closing || all->handles)
        return;
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++)
        if (all->row[i].phase != TFTP_TRANSFER_FREE)
            return; /* boot_source or a thread still has to say something */
    free(container_of(all, struct tftp, all));
}

struct tftp *tftp_new(struct loop *loop, struct boot_source *source)
{
    struct tftp *tftp = calloc(1, sizeof(*tftp));
    ASSERT(tftp);
    tftp->all.loop = loop;
    tftp->source = source;
    tftp->all.ended = end_if_done;
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++)
        tftp_transfer_init(&tftp->all.row[i], &tftp->all);
    return tftp;
}

struct tftp_listener *tftp_listen(struct tftp *tftp, int fd)
{
    struct tftp_listener *listener = calloc(1, sizeof(*listener));
    ASSERT(listener);
    listener->tftp = tftp;
    listener->fd = fd;
    listener->next = tftp->listeners;
    tftp->listeners = listener;
    int rv = uv_poll_init(&tftp->all.loop->uv, &listener->poll, fd);
    ASSERT(rv == 0);
    tftp->all.handles++;
    uv_poll_start(&listener->poll, UV_READABLE, on_request);
    return listener;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct tftp_listener *listener = container_of((uv_poll_t *)handle, struct tftp_listener, poll);
    struct tftp *tftp = listener->tftp;
    close(listener->fd);
    free(listener);
    tftp->all.handles--;
    end_if_done(&tftp->all);
}

void tftp_listener_close(struct tftp_listener *listener)
{
    struct tftp_listener **at = &listener->tftp->listeners;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
}

void tftp_free(struct tftp *tftp)
{
    if (!tftp)
        return;
    tftp->all.closing = true;
    while (tftp->listeners)
        tftp_listener_close(tftp->listeners);
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++)
        tftp_transfer_close(&tftp->all.row[i]);
}

const struct tftp_counts *tftp_counts(const struct tftp *tftp)
{
    return &tftp->all.counts;
}
