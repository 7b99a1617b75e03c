/* Frames between TLS and libraft: see pump.h. */
#include "raft/pump.h"

#include <raft.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raft/frame_check.h"
#include "src/base/container.h"
#include "src/base/log.h"

enum { CHUNK = 64 << 10 };

struct pump {
    uv_pipe_t pipe; /* our end */
    struct tls_stream *stream;
    enum pump_way way;
    int parts; /* pipe and stream that are not closed yet */
    bool ending;
    bool waits; /* OUT: the network is full, unsent stays */
    char chunk[CHUNK];
    size_t chunk_size;
    uint8_t *frame; /* IN: the frame that is coming in */
    size_t frame_size, frame_room, frame_need;
    size_t queued; /* IN: bytes written to the pipe that libraft did not take yet */
    struct pump_events events;
    void *owner;
};

struct inward {
    uv_write_t write;
    size_t size;
    uint8_t bytes[];
};

static void part_closed(struct pump *pump)
{
    if (--pump->parts)
        return;
    pump->events.closed(pump->owner, pump);
    free(pump->frame);
    free(pump);
}

static void on_pipe_closed(uv_handle_t *handle)
{
    part_closed(container_of((uv_pipe_t *)handle, struct pump, pipe));
}

static void on_stream_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    struct pump *pump = owner;
    (void)stream, (void)why;
    if (!pump->ending) {
        pump->ending = true;
        uv_close((uv_handle_t *)&pump->pipe, on_pipe_closed);
    }
    part_closed(pump);
}

void pump_close(struct pump *pump)
{
    if (pump->ending)
        return;
    pump->ending = true;
    uv_close((uv_handle_t *)&pump->pipe, on_pipe_closed);
    tls_stream_reset(pump->stream);
}

/* ---- outward ---- */

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void on_pipe_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buf);

static void send_chunk(struct pump *pump)
{
    enum error_code code = tls_stream_write(pump->stream, pump->chunk, pump->chunk_size, NULL);
    if (code == ERR_LIMIT && !pump->waits) { /* until drained; libraft's writes pile up in it */
        pump->waits = true;
        uv_read_stop((uv_stream_t *)&pump->pipe);
    } else if (code && code != ERR_LIMIT) {
        pump_close(pump);
    }
}

static void on_drained(struct tls_stream *stream, void *owner)
{
    struct pump *pump = owner;
    (void)stream;
    if (!pump->waits || pump->ending)
        return;
    pump->waits = false;
    send_chunk(pump);
    if (!pump->waits && !pump->ending)
        uv_read_start((uv_stream_t *)&pump->pipe, lend, on_pipe_read);
}

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct pump *pump = container_of((uv_pipe_t *)handle, struct pump, pipe);
    (void)suggested;
    *buf = uv_buf_init(pump->chunk, CHUNK);
}

/* IN: libraft says nothing on it, so all that comes is its end. */
static void on_pipe_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buf)
{
    struct pump *pump = container_of((uv_pipe_t *)handle, struct pump, pipe);
    (void)buf;
    if (size == 0)
        return;
    if (size < 0 || pump->way == PUMP_IN) {
        pump_close(pump);
        return;
    }
    pump->chunk_size = (size_t)size;
    send_chunk(pump);
}

/* ---- inward ---- */

static void on_written(uv_write_t *write, int status)
{
    struct inward *inward = container_of(write, struct inward, write);
    struct pump *pump = container_of((uv_pipe_t *)write->handle, struct pump, pipe);
    pump->queued -= inward->size;
    if (status == 0 && !pump->ending && pump->queued < PUMP_QUEUE_BYTES / 2)
        tls_stream_pause(pump->stream, false);
    else if (status < 0)
        pump_close(pump);
    free(inward);
}

static void give_to_library(struct pump *pump, const uint8_t *bytes, size_t size)
{
    struct inward *inward = malloc(sizeof(*inward) + size);
    ASSERT(inward);
    memcpy(inward->bytes, bytes, size);
    inward->size = size;
    pump->queued += size;
    uv_buf_t buf = uv_buf_init((char *)inward->bytes, (unsigned)size);
    if (uv_write(&inward->write, (uv_stream_t *)&pump->pipe, &buf, 1, on_written)) {
        pump->queued -= size;
        free(inward);
        pump_close(pump);
    } else if (pump->queued > PUMP_QUEUE_BYTES) {
        tls_stream_pause(pump->stream, true);
    }
}

static void make_room(struct pump *pump)
{
    if (pump->frame_need <= pump->frame_room)
        return;
    pump->frame = realloc(pump->frame, pump->frame_need);
    ASSERT(pump->frame && pump->frame_need <= FRAME_BYTES);
    pump->frame_room = pump->frame_need;
}

/* The frame is whole: a pre-vote's term goes before it. */
static void pass_on(struct pump *pump)
{
    uint8_t term[FRAME_TERM_BYTES];
    size_t size = frame_term(pump->frame, pump->frame_size, term);
    if (frame_asks_vote(pump->frame))
        pump->events.asked(pump->owner);
    if (size)
        give_to_library(pump, term, size);
    if (!pump->ending)
        give_to_library(pump, pump->frame, pump->frame_size);
    uint64_t leader_term, index = frame_commit(pump->frame, pump->frame_size, &leader_term);
    if (index)
        pump->events.committed(pump->owner, leader_term, index);
    pump->frame_size = 0;
    pump->frame_need = FRAME_PREAMBLE;
}

static void on_stream_read(struct tls_stream *stream, void *owner, const uint8_t *bytes,
                           size_t size)
{
    struct pump *pump = owner;
    struct error err;
    if (pump->way == PUMP_OUT && size)
        pump_close(pump); /* nobody answers on this stream */
    while (size && !pump->ending) {
        size_t part = pump->frame_need - pump->frame_size;
        part = part < size ? part : size;
        make_room(pump);
        memcpy(pump->frame + pump->frame_size, bytes, part);
        pump->frame_size += part;
        bytes += part;
        size -= part;
        if (frame_check(pump->frame, pump->frame_size, &pump->frame_need, &err)) {
            log_warning("%s: %s", tls_stream_peer(stream)->name, err.text);
            pump_close(pump);
        } else if (pump->frame_need == pump->frame_size) {
            pass_on(pump);
        }
    }
}

/* ---- both ---- */

static uv_pipe_t *open_pipe(struct loop *loop, uv_pipe_t *pipe, int fd)
{
    int rv = uv_pipe_init(&loop->uv, pipe, 0);
    ASSERT(rv == 0);
    rv = uv_pipe_open(pipe, fd);
    ASSERT(rv == 0); /* a fresh stream socket */
    return pipe;
}

enum error_code pump_open(const struct pump_setup *setup, struct pump **out,
                          struct uv_stream_s **library_end, struct error *err)
{
    static const struct tls_events quiet = {0};
    static const struct tls_events events = {NULL, on_stream_read, on_drained, on_stream_closed};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) {
        error_errno(err, "socketpair");
        tls_stream_own(setup->stream, &quiet, NULL);
        tls_stream_reset(setup->stream);
        return ERR_IO;
    }
    struct pump *pump = calloc(1, sizeof(*pump));
    uv_pipe_t *library = raft_malloc(sizeof(*library));
    ASSERT(pump && library);
    pump->stream = setup->stream;
    pump->way = setup->way;
    pump->events = setup->events;
    pump->owner = setup->owner;
    pump->parts = 2;
    pump->frame_need = FRAME_PREAMBLE;
    open_pipe(setup->loop, &pump->pipe, pair[0]);
    *library_end = (struct uv_stream_s *)open_pipe(setup->loop, library, pair[1]);
    uv_read_start((uv_stream_t *)&pump->pipe, lend, on_pipe_read);
    tls_stream_own(setup->stream, &events, pump);
    *out = pump;
    return ERR_OK;
}
