/* The TFTP server: see tftp.h. */
#include "src/rack/tftp.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/rack/tftp_transfer.h"

enum {
    RECEIVE_MOST = 64, /* requests read before others get their turn */
    THREADS_MOST = 4,
    WAITING_MOST = 1024, /* requests on the way to a thread; more are lost, as on a network */
};

struct tftp_listener {
    struct tftp_listener *next;
    struct tftp *tftp;
    int fd;
    uv_poll_t poll;
};

/* The transfers of a share of the clients, on a loop and a thread of their own. */
struct share {
    struct tftp *tftp;
    int places; /* of all.row: the threads have LIMIT_TFTP_SESSIONS together */
    pthread_t thread;
    struct loop loop;
    atomic_int waiting;
    struct tftp_transfers all;
    struct log_gate refused_gate, limited_gate;
};

/* The owner's loop has the listeners and asks boot_source. */
struct tftp {
    struct loop *loop;
    struct boot_source *source;
    struct tftp_listener *listeners;
    int listeners_open, threads;
    bool closing, stopped;
    struct share *shares[THREADS_MOST];
};

/* A request on its way to a share. */
struct request {
    struct share *share;
    struct sockaddr_in client, local;
    size_t size;
    uint8_t bytes[TFTP_PACKET_REQUEST + 1];
};

/* What a transfer asks of boot_source, and the answer on its way back. */
struct question {
    struct share *share;
    struct tftp_transfer *transfer;
    struct boot_ask ask;
    bool found;
    struct boot_content content;
    struct error err;
};

/* Refusals are answered each, counted each, and logged once a minute. */
static void note_refusal(struct share *share, const struct sockaddr_in *client, const char *why)
{
    unsigned long held;
    char text[IP4_TEXT];
    share->all.counts.refused++;
    if (log_gate_open(&share->refused_gate, 60, &held))
        log_warning("TFTP request of %s refused: %s (and %lu before)",
                    tftp_transfer_client(client, text), why, held);
}

static bool same_end(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/* What was looked for among the transfers. */
struct place {
    struct tftp_transfer *free;
    struct tftp_transfer *unheard; /* whose client never answered: the one that waits longest */
    int of_client;
    bool again; /* this is a repeated request */
};

static struct place find_place(struct share *share, const struct sockaddr_in *client,
                               const char *name)
{
    struct place place = {0};
    for (int i = 0; i < share->places; i++) {
        struct tftp_transfer *transfer = &share->all.row[i];
        if (transfer->phase == TFTP_TRANSFER_FREE) {
            place.free = place.free ? place.free : transfer;
            continue;
        }
        if (transfer->phase == TFTP_TRANSFER_RUNNING && !transfer->heard_ms &&
            (!place.unheard || transfer->started_ms < place.unheard->started_ms))
            place.unheard = transfer;
        place.of_client += transfer->client.sin_addr.s_addr == client->sin_addr.s_addr;
        if (transfer->phase != TFTP_TRANSFER_CLOSING && !transfer->left &&
            same_end(&transfer->client, client))
            place.again |= tftp_transfer_is_repeated(transfer, name);
    }
    return place;
}

/*
 * Requests come from whoever sends a packet, in anybody's name: one that was never acknowledged
 * gives its place away. Who asked hears nothing and asks again, as after a loss.
 */
static void refuse_for_want_of_place(struct share *share, const struct sockaddr_in *local,
                                     const struct sockaddr_in *client, const struct place *place)
{
    unsigned long held;
    bool makes_room = place->of_client < TFTP_PER_CLIENT && place->unheard;
    share->all.counts.limited++;
    if (log_gate_open(&share->limited_gate, 60, &held))
        log_warning("too many TFTP transfers at a time (and %lu before)", held);
    if (makes_room)
        tftp_transfer_give_way(place->unheard);
    else
        tftp_transfer_refuse(local, client, TFTP_PACKET_ERROR_OTHER,
                             "too many transfers, try again");
}

static void start_transfer(struct share *share, const struct sockaddr_in *local,
                           const struct sockaddr_in *client, const struct tftp_packet *packet)
{
    struct tftp_ends ends = {.client = *client, .local = *local};
    struct error err;
    enum error_code code = boot_path_read(packet->name, strlen(packet->name), &ends.path, &err);
    if (code) {
        note_refusal(share, client, err.text);
        tftp_transfer_refuse(local, client,
                             code == ERR_NOT_FOUND ? TFTP_PACKET_ERROR_NOT_FOUND
                                                   : TFTP_PACKET_ERROR_ACCESS,
                             err.text);
        return;
    }
    struct place place = find_place(share, client, packet->name);
    if (place.again)
        return;
    if (place.free && place.of_client < TFTP_PER_CLIENT)
        tftp_transfer_begin(place.free, &ends, packet);
    else
        refuse_for_want_of_place(share, local, client, &place);
}

static void take_request(struct share *share, const struct request *request)
{
    const struct sockaddr_in *local = &request->local, *client = &request->client;
    struct tftp_packet packet;
    struct error err;
    enum error_code code = tftp_packet_read(request->bytes, request->size, &packet, &err);
    enum tftp_packet_error error = TFTP_PACKET_ERROR_ACCESS;
    if (!code && packet.type != TFTP_PACKET_RRQ && packet.type != TFTP_PACKET_WRQ)
        code = error_set(&err, ERR_BAD_INPUT, "no request");
    if (code == ERR_BAD_INPUT || code == ERR_TOO_LARGE) {
        tftp_transfer_malformed(&share->all, client, err.text);
        return;
    }
    share->all.counts.requests++;
    if (code) {
        error = TFTP_PACKET_ERROR_OPTIONS;
    } else if (packet.type == TFTP_PACKET_WRQ) {
        code = error_set(&err, ERR_FORBIDDEN, "nothing may be written here");
    } else if (!packet.octet) {
        error = TFTP_PACKET_ERROR_OTHER;
        code = error_set(&err, ERR_FORBIDDEN, "only octet (binary) mode is served");
    }
    if (code) {
        note_refusal(share, client, err.text);
        tftp_transfer_refuse(local, client, error, err.text);
        return;
    }
    start_transfer(share, local, client, &packet);
}

static void on_posted(void *subject)
{
    struct request *request = subject;
    atomic_fetch_sub(&request->share->waiting, 1);
    take_request(request->share, request);
    free(request);
}

/* A client is always the same thread's: its requests are seen in their order. */
static void pass_on(struct tftp *tftp, const struct request *received)
{
    unsigned number = ntohl(received->client.sin_addr.s_addr) % (unsigned)tftp->threads;
    struct share *share = tftp->shares[number];
    if (atomic_load(&share->waiting) >= WAITING_MOST)
        return;
    struct request *request = malloc(sizeof(*request));
    ASSERT(request);
    *request = *received;
    request->share = share;
    atomic_fetch_add(&share->waiting, 1);
    loop_post(&share->loop, on_posted, request);
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
    char control[256];
    (void)status;
    (void)events;
    for (int i = 0; i < RECEIVE_MOST; i++) {
        struct request request = {.local.sin_family = AF_INET};
        struct iovec part = {request.bytes, sizeof(request.bytes)};
        struct msghdr message = {.msg_name = &request.client,
                                 .msg_namelen = sizeof(request.client),
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(listener->fd, &message, 0);
        if (n < 0)
            break;
        request.size = (size_t)n;
        if (request.client.sin_family == AF_INET && request.client.sin_port &&
            find_local(&message, &request.local))
            pass_on(listener->tftp, &request);
    }
}

/* Asking boot_source, which is of the owner's loop, and back */

static void on_answered(void *subject)
{
    struct question *question = subject;
    tftp_transfer_opened(question->transfer, question->found ? &question->content : NULL,
                         &question->err);
    free(question);
}

static void on_content(void *subject, struct boot_content *content, const struct error *err)
{
    struct question *question = subject;
    question->found = content != NULL;
    if (content)
        question->content = *content;
    else
        question->err = *err;
    loop_post(&question->share->loop, on_answered, question);
}

static void ask_source(void *subject)
{
    struct question *question = subject;
    struct tftp *tftp = question->share->tftp;
    if (!tftp->closing) {
        boot_source_open(tftp->source, &question->ask, on_content, question);
        return;
    }
    error_set(&question->err, ERR_UNAVAILABLE, "the rack is stopping");
    on_content(question, NULL, &question->err);
}

static void open_content(struct tftp_transfer *transfer, const struct boot_ask *ask)
{
    struct question *question = calloc(1, sizeof(*question));
    ASSERT(question);
    question->share = container_of(transfer->all, struct share, all);
    question->transfer = transfer;
    question->ask = *ask;
    loop_post(question->share->tftp->loop, ask_source, question);
}

/* Beginning and ending */

static void end_if_done(struct tftp_transfers *all)
{
    if (!all->closing || all->handles)
        return;
    const struct share *share = container_of(all, struct share, all);
    for (int i = 0; i < share->places; i++)
        if (all->row[i].phase != TFTP_TRANSFER_FREE)
            return; /* boot_source or a thread still has to say something */
    loop_stop(all->loop);
}

static void *run_share(void *subject)
{
    struct share *share = subject;
    loop_run(&share->loop);
    loop_close(&share->loop);
    return NULL;
}

static struct share *new_share(struct tftp *tftp)
{
    struct share *share = calloc(1, sizeof(*share));
    ASSERT(share);
    loop_init(&share->loop);
    share->tftp = tftp;
    share->places = LIMIT_TFTP_SESSIONS / tftp->threads;
    share->all.loop = &share->loop;
    share->all.open = open_content;
    share->all.ended = end_if_done;
    for (int i = 0; i < share->places; i++)
        tftp_transfer_init(&share->all.row[i], &share->all);
    int rv = pthread_create(&share->thread, NULL, run_share, share);
    ASSERT(rv == 0);
    return share;
}

struct tftp *tftp_new(struct loop *loop, struct boot_source *source)
{
    struct tftp *tftp = calloc(1, sizeof(*tftp));
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    ASSERT(tftp);
    tftp->loop = loop;
    tftp->source = source;
    tftp->threads = processors < 1 ? 1 : processors < THREADS_MOST ? (int)processors : THREADS_MOST;
    for (int i = 0; i < tftp->threads; i++)
        tftp->shares[i] = new_share(tftp);
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
    tftp->listeners_open++;
    uv_poll_start(&listener->poll, UV_READABLE, on_request);
    return listener;
}

static void free_if_done(struct tftp *tftp)
{
    if (tftp->stopped && !tftp->listeners_open)
        free(tftp);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct tftp_listener *listener = container_of((uv_poll_t *)handle, struct tftp_listener, poll);
    struct tftp *tftp = listener->tftp;
    close(listener->fd);
    free(listener);
    tftp->listeners_open--;
    free_if_done(tftp);
}

void tftp_listener_close(struct tftp_listener *listener)
{
    struct tftp_listener **at = &listener->tftp->listeners;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
}

static void close_share(void *subject)
{
    struct share *share = subject;
    share->all.closing = true;
    for (int i = 0; i < share->places; i++)
        tftp_transfer_close(&share->all.row[i]);
}

static void stop_threads(void *subject)
{
    struct tftp *tftp = subject;
    for (int i = 0; i < tftp->threads; i++)
        loop_post(&tftp->shares[i]->loop, close_share, tftp->shares[i]);
    for (int i = 0; i < tftp->threads; i++)
        pthread_join(tftp->shares[i]->thread, NULL);
}

static void on_stopped(void *subject)
{
    struct tftp *tftp = subject;
    for (int i = 0; i < tftp->threads; i++)
        free(tftp->shares[i]);
    tftp->stopped = true;
    free_if_done(tftp);
}

void tftp_free(struct tftp *tftp)
{
    if (!tftp)
        return;
    tftp->closing = true;
    while (tftp->listeners)
        tftp_listener_close(tftp->listeners);
    loop_run_blocking(tftp->loop, stop_threads, on_stopped, tftp);
}

struct tftp_counts tftp_counts(const struct tftp *tftp)
{
    struct tftp_counts sum = {0};
    for (int i = 0; i < tftp->threads; i++) {
        const struct tftp_tally *tally = &tftp->shares[i]->all.counts;
        sum.requests += tally->requests;
        sum.completed += tally->completed;
        sum.bytes += tally->bytes;
        sum.resent += tally->resent;
        sum.not_found += tally->not_found;
        sum.refused += tally->refused;
        sum.malformed += tally->malformed;
        sum.limited += tally->limited;
        sum.failed += tally->failed;
        sum.aborted += tally->aborted;
        sum.timed_out += tally->timed_out;
        sum.running += tally->running;
    }
    return sum;
}
