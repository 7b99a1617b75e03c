/* The TFTP server: see tftp.h. */
#include "src/rack/tftp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/rack/tftp_read.h"
#include "src/rack/tftp_session.h"

enum {
    BATCH = TFTP_PACKET_WINDOW_MAX, /* packets in one system call */
    RECEIVE_MOST = 64,              /* packets read before others get their turn */
    SEND_BUFFER_BYTES = 2 * TFTP_SESSION_WINDOW_BYTES,
    IP_UDP_HEADERS = 28,
    MTU_LEAST = 576,
};

enum transfer_phase { TRANSFER_FREE, TRANSFER_OPENING, TRANSFER_RUNNING, TRANSFER_CLOSING };

struct transfer {
    struct tftp *tftp;
    enum transfer_phase phase;
    struct sockaddr_in client, local;
    char name[TFTP_PACKET_NAME];
    struct tftp_packet_options asked;
    struct tftp_session session;
    struct tftp_read reading;
    int fd;
    uv_poll_t poll;
    bool poll_open, wants_write;
    bool left; /* its client asked for something else before it began */
    struct loop_timer timer;
    uint64_t armed_ms; /* when the timer fires, 0 = it does not */
    uint64_t started_ms;
};

struct tftp_listener {
    struct tftp_listener *next;
    struct tftp *tftp;
    int fd;
    uv_poll_t poll;
};

struct tftp {
    struct loop *loop;
    struct boot_source *source;
    struct tftp_listener *listeners;
    struct tftp_counts counts;
    int handles; /* open at the loop */
    bool closing;
    struct log_gate refused_gate, malformed_gate, limited_gate;
    uint8_t headers[BATCH][TFTP_PACKET_HEADER];
    uint8_t bytes[TFTP_SESSION_WINDOW_BYTES]; /* of the batch that is being sent */
    struct transfer transfers[LIMIT_TFTP_SESSIONS];
};

static uint64_t now_ms(void)
{
    return clock_boot_ns() / CLOCK_MS;
}

static const char *client_text(const struct sockaddr_in *client, char text[IP4_TEXT])
{
    return ip4_format(ntohl(client->sin_addr.s_addr), text);
}

/* Refusals are answered each, counted each, and logged once a minute. */
static void note_refusal(struct tftp *tftp, const struct sockaddr_in *client, const char *why)
{
    unsigned long held;
    char text[IP4_TEXT];
    tftp->counts.refused++;
    if (log_gate_open(&tftp->refused_gate, 60, &held))
        log_warning("TFTP request of %s refused: %s (and %lu before)", client_text(client, text),
                    why, held);
}

static void note_malformed(struct tftp *tftp, const struct sockaddr_in *client, const char *why)
{
    unsigned long held;
    char text[IP4_TEXT];
    tftp->counts.malformed++;
    if (log_gate_open(&tftp->malformed_gate, 60, &held))
        log_warning("not a TFTP packet from %s: %s (and %lu before)", client_text(client, text),
                    why, held);
}

/* A socket between two ends: answers come from a port of their own (RFC 1350 4). */
static int open_socket(const struct sockaddr_in *local, const struct sockaddr_in *client)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int fragments = IP_PMTUDISC_DONT, room = SEND_BUFFER_BYTES;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &fragments, sizeof(fragments));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    if (bind(fd, (const struct sockaddr *)local, sizeof(*local)) ||
        connect(fd, (const struct sockaddr *)client, sizeof(*client)))
        file_close_fd(&fd);
    return fd;
}

/* Say no, without a transfer. */
static void send_error(const struct sockaddr_in *local, const struct sockaddr_in *client,
                       enum tftp_packet_error error, const char *text)
{
    uint8_t bytes[TFTP_PACKET_REQUEST];
    __attribute__((cleanup(file_close_fd))) int fd = open_socket(local, client);
    if (fd >= 0)
        (void)!send(fd, bytes, tftp_packet_write_error(error, text, bytes), MSG_NOSIGNAL);
}

/* Ending */

static void end_if_done(struct tftp *tftp)
{
    if (!tftp->closing || tftp->handles)
        return;
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++)
        if (tftp->transfers[i].phase != TRANSFER_FREE)
            return; /* boot_source or a thread still has to say something */
    free(tftp);
}

static void free_transfer(struct transfer *transfer)
{
    struct tftp *tftp = transfer->tftp;
    tftp_read_close(&transfer->reading);
    file_close_fd(&transfer->fd);
    transfer->phase = TRANSFER_FREE;
    tftp->counts.running--;
    end_if_done(tftp);
}

static void look_at_end(struct transfer *transfer)
{
    if (transfer->phase == TRANSFER_CLOSING && !transfer->poll_open && !transfer->reading.busy)
        free_transfer(transfer);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct transfer *transfer = container_of((uv_poll_t *)handle, struct transfer, poll);
    transfer->poll_open = false;
    transfer->tftp->handles--;
    look_at_end(transfer);
}

static void end_transfer(struct transfer *transfer)
{
    if (transfer->phase == TRANSFER_CLOSING)
        return;
    transfer->phase = TRANSFER_CLOSING;
    transfer->tftp->counts.resent += transfer->session.resent;
    loop_timer_stop(&transfer->timer);
    transfer->armed_ms = 0;
    if (transfer->poll_open)
        uv_close((uv_handle_t *)&transfer->poll, on_poll_closed);
    look_at_end(transfer);
}

static void complete(struct transfer *transfer)
{
    struct tftp *tftp = transfer->tftp;
    char text[IP4_TEXT];
    tftp->counts.completed++;
    tftp->counts.bytes += transfer->session.size;
    log_debug("TFTP: %s to %s, %llu bytes in %llu ms", transfer->name,
              client_text(&transfer->client, text), (unsigned long long)transfer->session.size,
              (unsigned long long)(now_ms() - transfer->started_ms));
    end_transfer(transfer);
}

static void fall_silent(struct transfer *transfer)
{
    char text[IP4_TEXT];
    transfer->tftp->counts.timed_out++;
    log_info("TFTP: %s: %s fell silent after block %llu of %llu", transfer->name,
             client_text(&transfer->client, text), (unsigned long long)transfer->session.acked,
             (unsigned long long)transfer->session.blocks);
    end_transfer(transfer);
}

static void abort_transfer(struct transfer *transfer)
{
    transfer->tftp->counts.aborted++;
    end_transfer(transfer);
}

/* Sending */

struct batch {
    struct tftp_session_block blocks[BATCH];
    int count;
    uint64_t offset; /* of the first block */
    size_t size;     /* of all */
};

static void unsend(struct transfer *transfer, const struct batch *batch, int from)
{
    for (int i = batch->count; i-- > from;)
        tftp_session_unsent(&transfer->session, &batch->blocks[i]);
}

static bool gather(struct transfer *transfer, struct batch *batch)
{
    uint64_t now = now_ms();
    batch->count = 0;
    batch->size = 0;
    while (batch->count < BATCH &&
           tftp_session_next(&transfer->session, now, &batch->blocks[batch->count])) {
        const struct tftp_session_block *block = &batch->blocks[batch->count];
        if (!batch->count)
            batch->offset = block->offset;
        batch->size += block->size;
        batch->count++;
        if (block->oack)
            break;
    }
    return batch->count > 0;
}

static bool read_batch(struct transfer *transfer, const struct batch *batch)
{
    struct tftp *tftp = transfer->tftp;
    enum tftp_read_result result =
        tftp_read_at(&transfer->reading, batch->offset, tftp->bytes, batch->size);
    if (result == TFTP_READ_DONE)
        return true;
    unsend(transfer, batch, 0);
    if (result == TFTP_READ_FAILED) {
        uint8_t bytes[TFTP_PACKET_REQUEST];
        size_t size = tftp_packet_write_error(TFTP_PACKET_ERROR_OTHER, "read error", bytes);
        (void)!send(transfer->fd, bytes, size, MSG_NOSIGNAL);
        log_error("TFTP: %s: cannot be read", transfer->name);
        tftp->counts.failed++;
        end_transfer(transfer);
    }
    return false;
}

/* How many of the batch went out; -1 with errno. */
static int send_batch(struct transfer *transfer, const struct batch *batch)
{
    struct tftp *tftp = transfer->tftp;
    struct iovec parts[BATCH][2];
    struct mmsghdr messages[BATCH];
    uint8_t *at = tftp->bytes;
    memset(messages, 0, sizeof(messages[0]) * (size_t)batch->count);
    for (int i = 0; i < batch->count; i++) {
        tftp_packet_write_data(batch->blocks[i].number, tftp->headers[i]);
        parts[i][0] = (struct iovec){tftp->headers[i], TFTP_PACKET_HEADER};
        parts[i][1] = (struct iovec){at, batch->blocks[i].size};
        messages[i].msg_hdr.msg_iov = parts[i];
        messages[i].msg_hdr.msg_iovlen = 2;
        at += batch->blocks[i].size;
    }
    return sendmmsg(transfer->fd, messages, (unsigned)batch->count, MSG_NOSIGNAL);
}

static int send_oack(struct transfer *transfer)
{
    uint8_t bytes[TFTP_PACKET_REQUEST];
    size_t size = tftp_packet_write_oack(&transfer->session.answer, bytes);
    return send(transfer->fd, bytes, size, MSG_NOSIGNAL) < 0 ? -1 : 1;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void wait_for_room(struct transfer *transfer, bool wants_write)
{
    if (transfer->wants_write == wants_write)
        return;
    transfer->wants_write = wants_write;
    uv_poll_start(&transfer->poll, UV_READABLE | (wants_write ? UV_WRITABLE : 0), on_socket);
}

/* Only ever moved closer: a timer that fires early looks again. */
static void arm(struct transfer *transfer)
{
    uint64_t deadline = transfer->session.deadline_ms, now = now_ms();
    if (transfer->phase != TRANSFER_RUNNING ||
        (transfer->armed_ms && transfer->armed_ms <= deadline))
        return;
    transfer->armed_ms = deadline;
    loop_timer_start(&transfer->timer, deadline > now ? deadline - now : 1, 0);
}

/* Send what the session has to send, as far as disk and socket allow. */
static void pump(struct transfer *transfer)
{
    struct batch batch;
    while (transfer->phase == TRANSFER_RUNNING && !transfer->wants_write &&
           !transfer->reading.busy && gather(transfer, &batch)) {
        bool oack = batch.blocks[0].oack;
        if (!oack && !read_batch(transfer, &batch))
            break;
        int sent = oack ? send_oack(transfer) : send_batch(transfer, &batch);
        if (sent < 0 && errno == ECONNREFUSED) {
            abort_transfer(transfer);
            return;
        }
        bool full = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (sent < 0 && !full)
            break; /* as if lost on the way: the deadline sends it again */
        unsend(transfer, &batch, full ? 0 : sent);
        if (full)
            wait_for_room(transfer, true);
    }
    arm(transfer);
}

static void act(struct transfer *transfer, enum tftp_session_step step)
{
    if (step == TFTP_SESSION_DONE)
        complete(transfer);
    else if (step == TFTP_SESSION_FAILED)
        fall_silent(transfer);
    else if (step == TFTP_SESSION_SEND)
        pump(transfer);
}

static void on_timer(struct loop_timer *timer)
{
    struct transfer *transfer = container_of(timer, struct transfer, timer);
    transfer->armed_ms = 0;
    if (transfer->reading.busy) /* it is we who are slow */
        transfer->session.deadline_ms = now_ms() + transfer->session.wait_ms;
    act(transfer, tftp_session_tick(&transfer->session, now_ms()));
    arm(transfer);
}

static void on_read_ready(struct tftp_read *reading)
{
    struct transfer *transfer = container_of(reading, struct transfer, reading);
    if (transfer->phase == TRANSFER_RUNNING)
        pump(transfer);
    else
        look_at_end(transfer);
}

/* Receiving */

static void take_packet(struct transfer *transfer, const uint8_t *bytes, size_t size)
{
    struct tftp_packet packet;
    struct error err;
    if (tftp_packet_read(bytes, size, &packet, &err))
        note_malformed(transfer->tftp, &transfer->client, err.text);
    else if (packet.type == TFTP_PACKET_ACK)
        act(transfer, tftp_session_ack(&transfer->session, packet.block, now_ms()));
    else if (packet.type == TFTP_PACKET_ERROR)
        abort_transfer(transfer);
}

/* One packet; false: there is none, or the transfer is over. */
static bool receive(struct transfer *transfer)
{
    uint8_t bytes[TFTP_PACKET_REQUEST + 1]; /* what is longer is no packet for us */
    ssize_t n = recv(transfer->fd, bytes, sizeof(bytes), 0);
    if (n >= 0)
        take_packet(transfer, bytes, (size_t)n);
    else if (errno == ECONNREFUSED) /* the client's port is closed */
        abort_transfer(transfer);
    return n >= 0 && transfer->phase == TRANSFER_RUNNING;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct transfer *transfer = container_of(poll, struct transfer, poll);
    if (status < 0) { /* an error waits at the socket, and the poll has stopped */
        uv_poll_start(poll, UV_READABLE | (transfer->wants_write ? UV_WRITABLE : 0), on_socket);
        events |= UV_READABLE;
    }
    if (events & UV_WRITABLE) {
        wait_for_room(transfer, false);
        pump(transfer);
    }
    if ((events & UV_READABLE) && transfer->phase == TRANSFER_RUNNING)
        receive(transfer); /* one: the poll says if there is more */
}

/* Beginning */

static uint32_t largest_block(int fd)
{
    int mtu = 0;
    socklen_t size = sizeof(mtu);
    if (getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &size) || mtu < MTU_LEAST)
        mtu = MTU_LEAST;
    int most = mtu - IP_UDP_HEADERS - TFTP_PACKET_HEADER;
    return most < TFTP_PACKET_BLKSIZE_MAX ? (uint32_t)most : TFTP_PACKET_BLKSIZE_MAX;
}

static void refuse_open(struct transfer *transfer, const struct error *err)
{
    struct tftp *tftp = transfer->tftp;
    enum tftp_packet_error error = TFTP_PACKET_ERROR_OTHER;
    char text[IP4_TEXT];
    if (err->code == ERR_NOT_FOUND) {
        tftp->counts.not_found++;
        error = TFTP_PACKET_ERROR_NOT_FOUND;
        log_debug("TFTP: %s for %s: not found", transfer->name,
                  client_text(&transfer->client, text));
    } else {
        tftp->counts.failed++;
        log_info("TFTP: %s for %s: %s", transfer->name, client_text(&transfer->client, text),
                 err->text);
    }
    send_error(&transfer->local, &transfer->client, error,
               error == TFTP_PACKET_ERROR_NOT_FOUND ? "File not found" : err->text);
}

static void on_opened(void *subject, struct boot_content *content, const struct error *err)
{
    struct transfer *transfer = subject;
    struct tftp *tftp = transfer->tftp;
    if (content)
        tftp_read_open(&transfer->reading, tftp->loop, content, on_read_ready);
    else if (!tftp->closing && !transfer->left)
        refuse_open(transfer, err);
    if (content && !tftp->closing && !transfer->left)
        transfer->fd = open_socket(&transfer->local, &transfer->client);
    if (!content || transfer->fd < 0) {
        end_transfer(transfer);
        return;
    }
    int rv = uv_poll_init(&tftp->loop->uv, &transfer->poll, transfer->fd);
    ASSERT(rv == 0);
    transfer->poll_open = true;
    tftp->handles++;
    transfer->phase = TRANSFER_RUNNING;
    uv_poll_start(&transfer->poll, UV_READABLE, on_socket);
    tftp_session_start(&transfer->session, &transfer->asked, transfer->reading.content.size,
                       largest_block(transfer->fd), now_ms());
    pump(transfer);
}

static bool same_end(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/*
 * A request from the port of a transfer: the same one again, as long as the client has not heard
 * from us, or the next one of a client that keeps its port. Then the old one is over: what it has
 * said last may still lie at the socket.
 */
static bool is_repeated(struct transfer *transfer, const char *name)
{
    bool running = transfer->phase == TRANSFER_RUNNING;
    if (running)
        for (int i = 0; i < RECEIVE_MOST && receive(transfer); i++)
            ;
    if (running && transfer->phase != TRANSFER_RUNNING)
        return false;
    bool unheard = !running || transfer->session.oack_open || !transfer->session.acked;
    if (unheard && !strcmp(transfer->name, name))
        return true;
    transfer->left = true;
    if (running)
        abort_transfer(transfer);
    return false;
}

/* A free place, or NULL: this is a repeated request (*again), or there are too many. */
static struct transfer *find_place(struct tftp *tftp, const struct sockaddr_in *client,
                                   const char *name, bool *again)
{
    struct transfer *found = NULL;
    int of_client = 0;
    *again = false;
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++) {
        struct transfer *transfer = &tftp->transfers[i];
        if (transfer->phase == TRANSFER_FREE) {
            found = found ? found : transfer;
            continue;
        }
        of_client += transfer->client.sin_addr.s_addr == client->sin_addr.s_addr;
        if (transfer->phase != TRANSFER_CLOSING && !transfer->left &&
            same_end(&transfer->client, client))
            *again |= is_repeated(transfer, name);
    }
    return *again || of_client >= TFTP_PER_CLIENT ? NULL : found;
}

static void start_transfer(struct tftp *tftp, const struct sockaddr_in *local,
                           const struct sockaddr_in *client, const struct tftp_packet *packet)
{
    struct boot_ask ask = {.machine = ntohl(client->sin_addr.s_addr),
                           .rack = ntohl(local->sin_addr.s_addr)};
    struct error err;
    bool again;
    unsigned long held;
    enum error_code code = boot_path_read(packet->name, strlen(packet->name), &ask.path, &err);
    if (code) {
        note_refusal(tftp, client, err.text);
        send_error(local, client,
                   code == ERR_NOT_FOUND ? TFTP_PACKET_ERROR_NOT_FOUND : TFTP_PACKET_ERROR_ACCESS,
                   err.text);
        return;
    }
    struct transfer *transfer = find_place(tftp, client, packet->name, &again);
    if (again)
        return;
    if (!transfer) {
        tftp->counts.limited++;
        if (log_gate_open(&tftp->limited_gate, 60, &held))
            log_warning("too many TFTP transfers at a time (and %lu before)", held);
        send_error(local, client, TFTP_PACKET_ERROR_OTHER, "too many transfers, try again");
        return;
    }
    transfer->phase = TRANSFER_OPENING;
    transfer->client = *client;
    transfer->local = *local;
    transfer->asked = packet->options;
    transfer->started_ms = now_ms();
    transfer->wants_write = transfer->left = false;
    memset(&transfer->session, 0, sizeof(transfer->session));
    transfer->reading = (struct tftp_read){.content.fd = -1};
    strcpy(transfer->name, packet->name);
    tftp->counts.running++;
    boot_source_open(tftp->source, &ask, on_opened, transfer);
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
        note_malformed(tftp, client, err.text);
        return;
    }
    tftp->counts.requests++;
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
        send_error(local, client, error, err.text);
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

struct tftp *tftp_new(struct loop *loop, struct boot_source *source)
{
    struct tftp *tftp = calloc(1, sizeof(*tftp));
    ASSERT(tftp);
    tftp->loop = loop;
    tftp->source = source;
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++) {
        struct transfer *transfer = &tftp->transfers[i];
        transfer->tftp = tftp;
        transfer->fd = transfer->reading.content.fd = -1;
        loop_timer_init(loop, &transfer->timer, on_timer);
        tftp->handles++;
    }
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
    int rv = uv_poll_init(&tftp->loop->uv, &listener->poll, fd);
    ASSERT(rv == 0);
    tftp->handles++;
    uv_poll_start(&listener->poll, UV_READABLE, on_request);
    return listener;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct tftp_listener *listener = container_of((uv_poll_t *)handle, struct tftp_listener, poll);
    struct tftp *tftp = listener->tftp;
    close(listener->fd);
    free(listener);
    tftp->handles--;
    end_if_done(tftp);
}

void tftp_listener_close(struct tftp_listener *listener)
{
    struct tftp_listener **at = &listener->tftp->listeners;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct tftp *tftp = container_of(timer, struct transfer, timer)->tftp;
    tftp->handles--;
    end_if_done(tftp);
}

void tftp_free(struct tftp *tftp)
{
    if (!tftp)
        return;
    tftp->closing = true;
    while (tftp->listeners)
        tftp_listener_close(tftp->listeners);
    for (int i = 0; i < LIMIT_TFTP_SESSIONS; i++) {
        if (tftp->transfers[i].phase == TRANSFER_RUNNING)
            end_transfer(&tftp->transfers[i]);
        loop_timer_close(&tftp->transfers[i].timer, on_timer_closed);
    }
}

const struct tftp_counts *tftp_counts(const struct tftp *tftp)
{
    return &tftp->counts;
}
