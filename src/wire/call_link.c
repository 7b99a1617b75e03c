/*
 * Calls both ways over one TLS stream: see call_link.h. Own calls wait in a list, with one timer
 * for the earliest deadline; foreign ones are objects of their own, so that an answer may come
 * after the link has gone.
 */
#include "src/wire/call_link.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/wire/frame.h"

/* A call of ours that waits for its answer. */
struct pending {
    struct pending *next;
    uint64_t id, deadline_ns;
    call_link_done *done;
    void *subject;
    struct error why; /* of one that failed before it was sent */
};

struct call_link_request {
    struct call_link *link; /* NULL when that has closed */
    struct call_link_request *next;
    uint64_t id;
};

/* A frame that the stream did not take yet. */
struct unsent {
    struct unsent *next;
    struct frame_bytes frame;
};

struct call_link {
    struct tls_stream *stream;
    struct loop *loop;
    struct loop_timer timer;
    struct call_link_events events;
    void *owner;
    struct frame_decoder decoder;
    struct pending *pending;
    struct call_link_request *requests;
    struct unsent *unsent, **unsent_last;
    size_t unsent_bytes;
    int pending_count, requests_count;
    uint64_t last_id, heard_ns;
    bool open, ending; /* established; the owner or a fault ended it */
    struct error why;  /* of the end */
};

static void end_with(struct call_link *link, const struct error *why)
{
    if (link->ending)
        return;
    link->ending = true;
    link->open = false;
    link->why = *why;
    tls_stream_reset(link->stream);
}

/* ---- sending ---- */

static enum error_code queue_frame(struct call_link *link, const struct frame_bytes *frame,
                                   struct error *err)
{
    if (link->unsent_bytes + frame->size > CALL_LINK_QUEUE_BYTES)
        return error_set(err, ERR_LIMIT, "%s: too much is waiting to be sent",
                         tls_stream_address(link->stream));
    struct unsent *unsent = malloc(sizeof(*unsent));
    ASSERT(unsent);
    *unsent = (struct unsent){NULL, *frame};
    *link->unsent_last = unsent;
    link->unsent_last = &unsent->next;
    link->unsent_bytes += frame->size;
    return ERR_OK;
}

/* Takes the frame's bytes, whatever comes of it. */
static enum error_code send_frame(struct call_link *link, struct frame_bytes *frame,
                                  struct error *err)
{
    enum error_code code = ERR_LIMIT;
    if (!link->open) {
        code =
            error_set(err, ERR_UNAVAILABLE, "%s: not connected", tls_stream_address(link->stream));
    } else {
        if (!link->unsent)
            code = tls_stream_write(link->stream, frame->bytes, frame->size, err);
        if (code == ERR_LIMIT) {
            code = queue_frame(link, frame, err);
            if (!code)
                return ERR_OK;
        }
    }
    free(frame->bytes);
    return code;
}

static void on_drained(struct tls_stream *stream, void *owner)
{
    struct call_link *link = owner;
    while (link->unsent && link->open) {
        struct unsent *unsent = link->unsent;
        if (tls_stream_write(stream, unsent->frame.bytes, unsent->frame.size, NULL))
            return; /* full again, or ended */
        link->unsent = unsent->next;
        if (!link->unsent)
            link->unsent_last = &link->unsent;
        link->unsent_bytes -= unsent->frame.size;
        free(unsent->frame.bytes);
        free(unsent);
    }
}

/* ---- own calls ---- */

static void arm_timer(struct call_link *link)
{
    uint64_t first = UINT64_MAX, now = clock_boot_ns();
    for (struct pending *pending = link->pending; pending; pending = pending->next)
        if (pending->deadline_ns < first)
            first = pending->deadline_ns;
    if (first == UINT64_MAX)
        loop_timer_stop(&link->timer);
    else
        loop_timer_start(&link->timer, first > now ? (first - now) / CLOCK_MS + 1 : 0, 0);
}

static void finish(struct pending *pending, json_t *result, const struct error *why)
{
    pending->done(pending->subject, result, why);
    free(pending);
}

/* Out of the list: the first that fits. */
static struct pending *take_pending(struct call_link *link, uint64_t id, uint64_t due_ns)
{
    for (struct pending **at = &link->pending; *at; at = &(*at)->next) {
        struct pending *pending = *at;
        if (id ? pending->id != id : pending->deadline_ns > due_ns)
            continue;
        *at = pending->next;
        link->pending_count--;
        return pending;
    }
    return NULL;
}

static void on_timer(struct loop_timer *timer)
{
    struct call_link *link = container_of(timer, struct call_link, timer);
    struct pending *pending;
    struct error why;
    error_set(&why, ERR_TIMEOUT, "%s: no answer in time", tls_stream_address(link->stream));
    while ((pending = take_pending(link, 0, clock_boot_ns())))
        finish(pending, NULL, &why);
    arm_timer(link);
}

static void finish_unsent(void *subject)
{
    struct pending *pending = subject;
    struct error why = pending->why;
    finish(pending, NULL, &why);
}

void call_link_call(struct call_link *link, const struct call_link_call *call, call_link_done *done,
                    void *subject)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    struct frame_bytes frame;
    ASSERT(pending && call->timeout_ms);
    pending->done = done;
    pending->subject = subject;
    enum error_code code = ERR_OK;
    if (link->pending_count >= CALL_LINK_CALLS)
        code = error_set(&pending->why, ERR_LIMIT, "%s: %d calls wait for their answers",
                         tls_stream_address(link->stream), CALL_LINK_CALLS);
    if (!code)
        code = frame_call(link->last_id + 1, call->method, call->params, &frame, &pending->why);
    if (!code)
        code = send_frame(link, &frame, &pending->why);
    if (code) {
        loop_post(link->loop, finish_unsent, pending);
        return;
    }
    pending->id = ++link->last_id;
    pending->deadline_ns = clock_boot_ns() + call->timeout_ms * CLOCK_MS;
    pending->next = link->pending;
    link->pending = pending;
    link->pending_count++;
    arm_timer(link);
}

enum error_code call_link_note(struct call_link *link, const char *method, json_t *params,
                               struct error *err)
{
    struct frame_bytes frame;
    enum error_code code = frame_note(method, params, &frame, err);
    return code ? code : send_frame(link, &frame, err);
}

/* ---- calls of the other end ---- */

static void send_answer(struct call_link_request *request, struct frame_bytes *frame)
{
    struct call_link *link = request->link;
    struct error why;
    for (struct call_link_request **at = &link->requests; *at; at = &(*at)->next) {
        if (*at != request)
            continue;
        *at = request->next;
        break;
    }
    link->requests_count--;
    free(request);
    if (send_frame(link, frame, &why) == ERR_LIMIT) /* a lost answer is worse than a lost link */
        end_with(link, &why);
}

void call_link_answer(struct call_link_request *request, json_t *result)
{
    struct frame_bytes frame;
    struct error why;
    if (!request->link)
        free(request);
    else if (frame_reply(request->id, result, &frame, &why))
        call_link_refuse(request, &why);
    else
        send_answer(request, &frame);
}

void call_link_refuse(struct call_link_request *request, const struct error *why)
{
    struct frame_bytes frame;
    if (!request->link) {
        free(request);
        return;
    }
    frame_refusal(request->id, why->code, why->text, &frame);
    send_answer(request, &frame);
}

static void take_call(struct call_link *link, const struct frame *frame)
{
    struct error why;
    struct call_link_request *request = malloc(sizeof(*request));
    ASSERT(request);
    *request = (struct call_link_request){link, link->requests, frame->id};
    link->requests = request;
    link->requests_count++;
    if (link->requests_count > CALL_LINK_CALLS) {
        error_set(&why, ERR_LIMIT, "%d calls wait for their answers", CALL_LINK_CALLS);
        call_link_refuse(request, &why);
    } else if (!link->events.called) {
        error_set(&why, ERR_NOT_FOUND, "no method %s", frame->method);
        call_link_refuse(request, &why);
    } else {
        link->events.called(link->owner, frame->method, frame->body, request);
    }
}

static void take_reply(struct call_link *link, const struct frame *frame)
{
    struct error why = {.code = frame->code};
    struct pending *pending = take_pending(link, frame->id, 0);
    if (!pending) /* too late: it was told TIMEOUT */
        return;
    if (frame->code)
        error_set(&why, frame->code, "%s", frame->message);
    finish(pending, frame->body, &why);
    arm_timer(link);
}

/* ---- the stream's events ---- */

static void take_frame(struct call_link *link, const struct frame *frame)
{
    if (frame->type == FRAME_CALL)
        take_call(link, frame);
    else if (frame->type == FRAME_REPLY)
        take_reply(link, frame);
    else if (link->events.noted)
        link->events.noted(link->owner, frame->method, frame->body);
}

static void on_read(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size)
{
    struct call_link *link = owner;
    struct frame frame;
    struct error err, why;
    enum error_code code = ERR_OK;
    link->heard_ns = clock_boot_ns();
    frame_decoder_put(&link->decoder, bytes, size);
    while (link->open && !code) {
        code = frame_decoder_next(&link->decoder, &frame, &err);
        if (code)
            break;
        take_frame(link, &frame);
        frame_close(&frame);
    }
    if (code == ERR_CORRUPT) {
        error_set(&why, ERR_CORRUPT, "%s: sent %.400s", tls_stream_address(stream), err.text);
        end_with(link, &why);
    }
}

static void on_established(struct tls_stream *stream, void *owner)
{
    (void)stream;
    struct call_link *link = owner;
    link->open = true;
    link->heard_ns = clock_boot_ns();
    if (link->events.established)
        link->events.established(link->owner);
}

static void on_timer_closed(struct loop_timer *timer)
{
    free(container_of(timer, struct call_link, timer));
}

static void give_back(struct call_link *link)
{
    while (link->unsent) {
        struct unsent *next = link->unsent->next;
        free(link->unsent->frame.bytes);
        free(link->unsent);
        link->unsent = next;
    }
    frame_decoder_close(&link->decoder);
    loop_timer_close(&link->timer, on_timer_closed);
}

static void on_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    struct call_link *link = owner;
    struct error lost;
    struct pending *pending;
    if (!link->ending) /* else we know better why */
        link->why = *why;
    link->ending = true;
    link->open = false;
    for (struct call_link_request *request = link->requests; request; request = request->next)
        request->link = NULL; /* freed by their answers */
    error_set(&lost, ERR_UNKNOWN_OUTCOME, "%s: the link broke before the answer",
              tls_stream_address(stream));
    while ((pending = take_pending(link, 0, UINT64_MAX)))
        finish(pending, NULL, &lost);
    link->events.closed(link->owner, &link->why);
    give_back(link);
}

static const struct tls_events stream_events = {on_established, on_read, on_drained, on_closed};

static struct call_link *new_link(struct loop *loop, const struct call_link_events *events,
                                  void *owner)
{
    struct call_link *link = calloc(1, sizeof(*link));
    ASSERT(link && events->closed);
    link->loop = loop;
    link->events = *events;
    link->owner = owner;
    link->heard_ns = clock_boot_ns();
    link->unsent_last = &link->unsent;
    loop_timer_init(loop, &link->timer, on_timer);
    return link;
}

struct call_link *call_link_connect(struct loop *loop, struct tls_credentials *credentials,
                                    const struct tls_target *target,
                                    const struct call_link_events *events, void *owner)
{
    struct call_link *link = new_link(loop, events, owner);
    link->stream = tls_stream_connect(loop, credentials, target, &stream_events, link);
    return link;
}

struct call_link *call_link_accept(struct loop *loop, struct tls_stream *stream,
                                   struct tls_events *tls, const struct call_link_events *events,
                                   void *owner)
{
    struct call_link *link = new_link(loop, events, owner);
    link->stream = stream;
    *tls = stream_events;
    return link;
}

struct call_link *call_link_adopt(struct loop *loop, struct tls_stream *stream,
                                  const struct call_link_events *events, void *owner)
{
    struct call_link *link = new_link(loop, events, owner);
    link->stream = stream;
    link->open = true;
    tls_stream_own(stream, &stream_events, link);
    return link;
}

const struct certificate *call_link_peer(const struct call_link *link)
{
    return tls_stream_peer(link->stream);
}

const char *call_link_address(const struct call_link *link)
{
    return tls_stream_address(link->stream);
}

uint64_t call_link_silent_ms(const struct call_link *link)
{
    return (clock_boot_ns() - link->heard_ns) / CLOCK_MS;
}

void call_link_close(struct call_link *link)
{
    if (link->ending)
        return;
    link->ending = true;
    link->open = false;
    tls_stream_close(link->stream);
}

void call_link_reset(struct call_link *link, const struct error *why)
{
    static const struct error no_error;
    end_with(link, why ? why : &no_error);
}
