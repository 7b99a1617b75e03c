/* One TFTP transfer: see tftp_transfer.h. */
#include "src/rack/tftp_transfer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"

enum {
    BATCH = TFTP_PACKET_WINDOW_MAX, /* packets in one system call */
    RECEIVE_MOST = 64,              /* packets read before others get their turn */
    SEND_BUFFER_BYTES = 2 * TFTP_SESSION_WINDOW_BYTES,
    IP_UDP_HEADERS = 28,
    MTU_LEAST = 576,
    REPEAT_MS = 1000, /* so long may a request of before lie about */
};

static uint64_t now_ms(void)
{
    return clock_boot_ns() / CLOCK_MS;
}

const char *tftp_transfer_client(const struct sockaddr_in *client, char text[IP4_TEXT])
{
    return ip4_format(ntohl(client->sin_addr.s_addr), text);
}

void tftp_transfer_malformed(struct tftp_transfers *all, const struct sockaddr_in *client,
                             const char *why)
{
    unsigned long held;
    char text[IP4_TEXT];
    all->counts.malformed++;
    if (log_gate_open(&all->malformed_gate, 60, &held))
        log_warning("not a TFTP packet from %s: %s (and %lu before)",
                    tftp_transfer_client(client, text), why, held);
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
void tftp_transfer_refuse(const struct sockaddr_in *local, const struct sockaddr_in *client,
                          enum tftp_packet_error error, const char *text)
{
    uint8_t bytes[TFTP_PACKET_REQUEST];
    __attribute__((cleanup(file_close_fd))) int fd = open_socket(local, client);
    if (fd >= 0)
        (void)!send(fd, bytes, tftp_packet_write_error(error, text, bytes), MSG_NOSIGNAL);
}

/* Ending */

static void free_transfer(struct tftp_transfer *transfer)
{
    struct tftp_transfers *all = transfer->all;
    tftp_read_close(&transfer->reading);
    file_close_fd(&transfer->fd);
    transfer->phase = TFTP_TRANSFER_FREE;
    all->counts.running--;
    all->ended(all);
}

static void look_at_end(struct tftp_transfer *transfer)
{
    if (transfer->phase == TFTP_TRANSFER_CLOSING && !transfer->poll_open && !transfer->reading.busy)
        free_transfer(transfer);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct tftp_transfer *transfer = container_of((uv_poll_t *)handle, struct tftp_transfer, poll);
    transfer->poll_open = false;
    transfer->all->handles--;
    look_at_end(transfer);
}

static void end_transfer(struct tftp_transfer *transfer)
{
    if (transfer->phase == TFTP_TRANSFER_CLOSING)
        return;
    transfer->phase = TFTP_TRANSFER_CLOSING;
    transfer->all->counts.resent += transfer->session.resent;
    loop_timer_stop(&transfer->timer);
    transfer->armed_ms = 0;
    if (transfer->poll_open)
        uv_close((uv_handle_t *)&transfer->poll, on_poll_closed);
    look_at_end(transfer);
}

static void complete(struct tftp_transfer *transfer)
{
    struct tftp_transfers *all = transfer->all;
    char text[IP4_TEXT];
    all->counts.completed++;
    all->counts.bytes += transfer->session.size;
    log_debug("TFTP: %s to %s, %llu bytes in %llu ms", transfer->name,
              tftp_transfer_client(&transfer->client, text),
              (unsigned long long)transfer->session.size,
              (unsigned long long)(now_ms() - transfer->started_ms));
    end_transfer(transfer);
}

static void fall_silent(struct tftp_transfer *transfer)
{
    char text[IP4_TEXT];
    transfer->all->counts.timed_out++;
    log_info("TFTP: %s: %s fell silent after block %llu of %llu", transfer->name,
             tftp_transfer_client(&transfer->client, text),
             (unsigned long long)transfer->session.acked,
             (unsigned long long)transfer->session.blocks);
    end_transfer(transfer);
}

void tftp_transfer_give_way(struct tftp_transfer *transfer)
{
    transfer->all->counts.timed_out++;
    end_transfer(transfer);
}

static void abort_transfer(struct tftp_transfer *transfer)
{
    transfer->all->counts.aborted++;
    end_transfer(transfer);
}

/* Sending */

struct batch {
    struct tftp_session_block blocks[BATCH];
    int count;
    uint64_t offset; /* of the first block */
    size_t size;     /* of all */
};

static void unsend(struct tftp_transfer *transfer, const struct batch *batch, int from)
{
    for (int i = batch->count; i-- > from;)
        tftp_session_unsent(&transfer->session, &batch->blocks[i]);
}

static bool gather(struct tftp_transfer *transfer, struct batch *batch)
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

static bool read_batch(struct tftp_transfer *transfer, const struct batch *batch)
{
    struct tftp_transfers *all = transfer->all;
    enum tftp_read_result result =
        tftp_read_at(&transfer->reading, batch->offset, all->bytes, batch->size);
    if (result == TFTP_READ_DONE)
        return true;
    unsend(transfer, batch, 0);
    if (result == TFTP_READ_FAILED) {
        uint8_t bytes[TFTP_PACKET_REQUEST];
        size_t size = tftp_packet_write_error(TFTP_PACKET_ERROR_OTHER, "read error", bytes);
        (void)!send(transfer->fd, bytes, size, MSG_NOSIGNAL);
        log_error("TFTP: %s: cannot be read", transfer->name);
        all->counts.failed++;
        end_transfer(transfer);
    }
    return false;
}

/* How many of the batch went out; -1 with errno. */
static int send_batch(struct tftp_transfer *transfer, const struct batch *batch)
{
    struct tftp_transfers *all = transfer->all;
    struct iovec parts[BATCH][2];
    struct mmsghdr messages[BATCH];
    uint8_t *at = all->bytes;
    memset(messages, 0, sizeof(messages[0]) * (size_t)batch->count);
    for (int i = 0; i < batch->count; i++) {
        tftp_packet_write_data(batch->blocks[i].number, all->headers[i]);
        parts[i][0] = (struct iovec){all->headers[i], TFTP_PACKET_HEADER};
        parts[i][1] = (struct iovec){at, batch->blocks[i].size};
        messages[i].msg_hdr.msg_iov = parts[i];
        messages[i].msg_hdr.msg_iovlen = 2;
        at += batch->blocks[i].size;
    }
    return sendmmsg(transfer->fd, messages, (unsigned)batch->count, MSG_NOSIGNAL);
}

static int send_oack(struct tftp_transfer *transfer)
{
    uint8_t bytes[TFTP_PACKET_REQUEST];
    size_t size = tftp_packet_write_oack(&transfer->session.answer, bytes);
    return send(transfer->fd, bytes, size, MSG_NOSIGNAL) < 0 ? -1 : 1;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void wait_for_room(struct tftp_transfer *transfer, bool wants_write)
{
    if (transfer->wants_write == wants_write)
        return;
    transfer->wants_write = wants_write;
    uv_poll_start(&transfer->poll, UV_READABLE | (wants_write ? UV_WRITABLE : 0), on_socket);
}

/* Only ever moved closer: a timer that fires early looks again. */
static void arm(struct tftp_transfer *transfer)
{
    uint64_t deadline = transfer->session.deadline_ms, now = now_ms();
    if (transfer->phase != TFTP_TRANSFER_RUNNING ||
        (transfer->armed_ms && transfer->armed_ms <= deadline))
        return;
    transfer->armed_ms = deadline;
    loop_timer_start(&transfer->timer, deadline > now ? deadline - now : 1, 0);
}

/* Send what the session has to send, as far as disk and socket allow. */
static void pump(struct tftp_transfer *transfer)
{
    struct batch batch;
    while (transfer->phase == TFTP_TRANSFER_RUNNING && !transfer->wants_write &&
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

static void act(struct tftp_transfer *transfer, enum tftp_session_step step)
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
    struct tftp_transfer *transfer = container_of(timer, struct tftp_transfer, timer);
    transfer->armed_ms = 0;
    if (transfer->reading.busy) /* it is we who are slow */
        transfer->session.deadline_ms = now_ms() + transfer->session.wait_ms;
    act(transfer, tftp_session_tick(&transfer->session, now_ms()));
    arm(transfer);
}

static void on_read_ready(struct tftp_read *reading)
{
    struct tftp_transfer *transfer = container_of(reading, struct tftp_transfer, reading);
    if (transfer->phase == TFTP_TRANSFER_RUNNING)
        pump(transfer);
    else
        look_at_end(transfer);
}

/* Receiving */

static void take_acknowledgement(struct tftp_transfer *transfer, uint16_t block)
{
    enum tftp_session_step step = tftp_session_ack(&transfer->session, block, now_ms());
    if (!transfer->heard_ms && transfer->session.acked)
        transfer->heard_ms = now_ms();
    act(transfer, step);
}

static void take_packet(struct tftp_transfer *transfer, const uint8_t *bytes, size_t size)
{
    struct tftp_packet packet;
    struct error err;
    if (tftp_packet_read(bytes, size, &packet, &err))
        tftp_transfer_malformed(transfer->all, &transfer->client, err.text);
    else if (packet.type == TFTP_PACKET_ACK)
        take_acknowledgement(transfer, packet.block);
    else if (packet.type == TFTP_PACKET_ERROR)
        abort_transfer(transfer);
}

/* One packet; false: there is none, or the transfer is over. */
static bool receive(struct tftp_transfer *transfer)
{
    uint8_t bytes[TFTP_PACKET_REQUEST + 1]; /* what is longer is no packet for us */
    ssize_t n = recv(transfer->fd, bytes, sizeof(bytes), 0);
    if (n >= 0)
        take_packet(transfer, bytes, (size_t)n);
    else if (errno == ECONNREFUSED) /* the client's port is closed */
        abort_transfer(transfer);
    return n >= 0 && transfer->phase == TFTP_TRANSFER_RUNNING;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct tftp_transfer *transfer = container_of(poll, struct tftp_transfer, poll);
    if (status < 0) { /* an error waits at the socket, and the poll has stopped */
        uv_poll_start(poll, UV_READABLE | (transfer->wants_write ? UV_WRITABLE : 0), on_socket);
        events |= UV_READABLE;
    }
    if (events & UV_WRITABLE) {
        wait_for_room(transfer, false);
        pump(transfer);
    }
    if ((events & UV_READABLE) && transfer->phase == TFTP_TRANSFER_RUNNING)
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

static void refuse_open(struct tftp_transfer *transfer, const struct error *err)
{
    struct tftp_transfers *all = transfer->all;
    enum tftp_packet_error error = TFTP_PACKET_ERROR_OTHER;
    char text[IP4_TEXT];
    if (err->code == ERR_NOT_FOUND) {
        all->counts.not_found++;
        error = TFTP_PACKET_ERROR_NOT_FOUND;
        log_debug("TFTP: %s for %s: not found", transfer->name,
                  tftp_transfer_client(&transfer->client, text));
    } else {
        all->counts.failed++;
        log_info("TFTP: %s for %s: %s", transfer->name,
                 tftp_transfer_client(&transfer->client, text), err->text);
    }
    tftp_transfer_refuse(&transfer->local, &transfer->client, error,
                         error == TFTP_PACKET_ERROR_NOT_FOUND ? "File not found" : err->text);
}

void tftp_transfer_opened(struct tftp_transfer *transfer, struct boot_content *content,
                          const struct error *err)
{
    struct tftp_transfers *all = transfer->all;
    if (content)
        tftp_read_open(&transfer->reading, all->loop, content, on_read_ready);
    else if (!all->closing && !transfer->left)
        refuse_open(transfer, err);
    if (content && !all->closing && !transfer->left)
        transfer->fd = open_socket(&transfer->local, &transfer->client);
    if (!content || transfer->fd < 0) {
        end_transfer(transfer);
        return;
    }
    int rv = uv_poll_init(&all->loop->uv, &transfer->poll, transfer->fd);
    ASSERT(rv == 0);
    transfer->poll_open = true;
    all->handles++;
    transfer->phase = TFTP_TRANSFER_RUNNING;
    uv_poll_start(&transfer->poll, UV_READABLE, on_socket);
    tftp_session_start(&transfer->session, &transfer->asked, transfer->reading.content.size,
                       largest_block(transfer->fd), now_ms());
    pump(transfer);
}

/*
 * A client that was not answered soon asks again, and both requests may wait here while the answer
 * to the first is acknowledged already: for a while after that the same request is still the same
 * transfer. Anything else is the next one of a client that keeps its port, and the old one is
 * over: what the client said last may still lie at the socket.
 */
bool tftp_transfer_is_repeated(struct tftp_transfer *transfer, const char *name)
{
    bool running = transfer->phase == TFTP_TRANSFER_RUNNING;
    if (running)
        for (int i = 0; i < RECEIVE_MOST && receive(transfer); i++)
            ;
    if (running && transfer->phase != TFTP_TRANSFER_RUNNING)
        return false;
    bool fresh = !running || transfer->session.oack_open || !transfer->session.acked ||
                 now_ms() - transfer->heard_ms < REPEAT_MS;
    if (fresh && !strcmp(transfer->name, name))
        return true;
    transfer->left = true;
    if (running)
        abort_transfer(transfer);
    return false;
}

void tftp_transfer_begin(struct tftp_transfer *transfer, const struct tftp_ends *ends,
                         const struct tftp_packet *packet)
{
    struct boot_ask ask = {.path = ends->path,
                           .machine = ntohl(ends->client.sin_addr.s_addr),
                           .rack = ntohl(ends->local.sin_addr.s_addr)};
    transfer->phase = TFTP_TRANSFER_OPENING;
    transfer->client = ends->client;
    transfer->local = ends->local;
    transfer->asked = packet->options;
    transfer->started_ms = now_ms();
    transfer->heard_ms = 0;
    transfer->wants_write = transfer->left = false;
    memset(&transfer->session, 0, sizeof(transfer->session));
    transfer->reading = (struct tftp_read){.content.fd = -1};
    strcpy(transfer->name, packet->name);
    transfer->all->counts.running++;
    transfer->all->open(transfer, &ask);
}

void tftp_transfer_init(struct tftp_transfer *transfer, struct tftp_transfers *all)
{
    transfer->all = all;
    transfer->fd = transfer->reading.content.fd = -1;
    loop_timer_init(all->loop, &transfer->timer, on_timer);
    all->handles++;
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct tftp_transfers *all = container_of(timer, struct tftp_transfer, timer)->all;
    all->handles--;
    all->ended(all);
}

void tftp_transfer_close(struct tftp_transfer *transfer)
{
    if (transfer->phase == TFTP_TRANSFER_RUNNING)
        end_transfer(transfer);
    loop_timer_close(&transfer->timer, on_timer_closed);
}
