/* Streams of messages between members: see member_link.h. */
#include "raft/member_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/peer_stream.h"
#include "src/base/container.h"
#include "src/base/log.h"

/* Whom we call. */
struct spoken {
    struct member_link *link;
    uint64_t id;
    char address[PEER_ADDRESS];
    struct peer_dial *dial;
    struct tls_stream *stream;
    bool wanted;
};

/* Who called us. */
struct heard {
    struct member_link *link;
    struct heard *next;
    uint64_t id;
    struct tls_stream *stream;
    size_t used;
    uint8_t bytes[MEMBER_MESSAGE_BYTES];
};

struct member_link {
    struct member_link_setup setup;
    char from[PEER_ADDRESS];
    struct spoken spoken[LIMIT_REGIONS];
    struct heard *heard;
    struct loop_timer retry;
    bool closing, timer_gone;
    void (*closed)(void *owner);
};

static void free_if_unused(struct member_link *link)
{
    bool busy = !link->timer_gone || link->heard;
    for (int i = 0; i < LIMIT_REGIONS; i++)
        busy |= link->spoken[i].dial || link->spoken[i].stream;
    if (!link->closing || busy)
        return;
    link->closed(link->setup.owner);
    free(link);
}

/* ---- speaking ---- */

static void spoken_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    struct spoken *spoken = owner;
    (void)stream, (void)why;
    spoken->stream = NULL;
    free_if_unused(spoken->link);
}

static void spoken_read(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size)
{
    (void)owner, (void)bytes, (void)size;
    tls_stream_reset(stream); /* nobody answers on this stream */
}

static void on_dialled(void *owner, struct tls_stream *stream, const struct error *why)
{
    static const struct tls_events events = {NULL, spoken_read, NULL, spoken_closed};
    struct spoken *spoken = owner;
    (void)why; /* raft's own connection says it */
    spoken->dial = NULL;
    spoken->stream = stream;
    if (stream)
        tls_stream_own(stream, &events, spoken);
    if (stream && (spoken->link->closing || !spoken->wanted))
        tls_stream_reset(stream);
    free_if_unused(spoken->link);
}

static void let_go(struct spoken *spoken)
{
    spoken->wanted = false;
    if (spoken->dial)
        peer_dial_cancel(spoken->dial);
    if (spoken->stream)
        tls_stream_reset(spoken->stream);
}

static void on_retry(struct loop_timer *timer)
{
    struct member_link *link = container_of(timer, struct member_link, retry);
    for (int i = 0; i < LIMIT_REGIONS; i++) {
        struct spoken *spoken = &link->spoken[i];
        struct peer_target target = {spoken->address, link->from, link->setup.self, spoken->id,
                                     PEER_MESSAGES};
        if (spoken->wanted && !spoken->dial && !spoken->stream && link->from[0])
            spoken->dial =
                peer_dial(link->setup.loop, link->setup.credentials, &target, on_dialled, spoken);
    }
}

static bool is_among(const struct spoken *spoken, const struct replica_server *servers, int count)
{
    for (int i = 0; i < count; i++)
        if (servers[i].id == spoken->id && !strcmp(servers[i].address, spoken->address))
            return true;
    return false;
}

static struct spoken *spoken_to(struct member_link *link, uint64_t id)
{
    for (int i = 0; i < LIMIT_REGIONS; i++)
        if (link->spoken[i].wanted && link->spoken[i].id == id)
            return &link->spoken[i];
    return NULL;
}

static void speak_to(struct member_link *link, const struct replica_server *member)
{
    for (int i = 0; i < LIMIT_REGIONS; i++) {
        struct spoken *spoken = &link->spoken[i];
        if (spoken->wanted || spoken->dial || spoken->stream)
            continue;
        spoken->link = link;
        spoken->id = member->id;
        spoken->wanted = true;
        snprintf(spoken->address, sizeof(spoken->address), "%.*s", PEER_ADDRESS - 1,
                 member->address);
        return;
    }
}

void member_link_members(struct member_link *link, const struct replica_server *servers, int count)
{
    for (int i = 0; i < LIMIT_REGIONS; i++)
        if (link->spoken[i].wanted && !is_among(&link->spoken[i], servers, count))
            let_go(&link->spoken[i]);
    for (int i = 0; i < count; i++) {
        if (servers[i].id == link->setup.self)
            snprintf(link->from, sizeof(link->from), "%.*s", PEER_ADDRESS - 1, servers[i].address);
        else if (!spoken_to(link, servers[i].id))
            speak_to(link, &servers[i]);
    }
}

bool member_link_send(struct member_link *link, uint64_t member,
                      const struct member_message *message)
{
    struct spoken *spoken = spoken_to(link, member);
    struct record_out out = {0};
    if (!spoken || !spoken->stream || tls_stream_queued(spoken->stream) > MEMBER_LINK_QUEUE_BYTES)
        return false;
    member_message_encode(message, &out);
    bool sent = !tls_stream_write(spoken->stream, out.bytes, out.size, NULL);
    record_out_free(&out);
    return sent;
}

/* ---- listening ---- */

static void heard_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    struct heard *heard = owner;
    struct member_link *link = heard->link;
    struct heard **at = &link->heard;
    (void)stream, (void)why;
    while (*at != heard)
        at = &(*at)->next;
    *at = heard->next;
    free(heard);
    free_if_unused(link);
}

/* The messages that are whole; false = this stream is not to be trusted any more. */
static bool take_messages(struct heard *heard)
{
    struct member_message message;
    struct error err;
    size_t at = 0, taken = 0;
    while (!heard->link->closing) {
        if (member_message_decode(heard->bytes + at, heard->used - at, &message, &taken, &err)) {
            log_warning("%s: %s", tls_stream_peer(heard->stream)->name, err.text);
            return false;
        }
        if (!taken)
            break;
        at += taken;
        if (message.kind)
            heard->link->setup.heard(heard->link->setup.owner, heard->id, &message);
    }
    heard->used -= at;
    memmove(heard->bytes, heard->bytes + at, heard->used);
    return true;
}

static void heard_read(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size)
{
    struct heard *heard = owner;
    while (size && !heard->link->closing) {
        size_t part = sizeof(heard->bytes) - heard->used;
        part = part < size ? part : size;
        memcpy(heard->bytes + heard->used, bytes, part);
        heard->used += part;
        bytes += part;
        size -= part;
        if (!take_messages(heard)) {
            tls_stream_reset(stream);
            return;
        }
    }
}

void member_link_called(struct member_link *link, uint64_t member, struct tls_stream *stream)
{
    static const struct tls_events events = {NULL, heard_read, NULL, heard_closed};
    struct heard *heard = calloc(1, sizeof(*heard));
    ASSERT(heard);
    for (struct heard *old = link->heard; old; old = old->next)
        if (old->id == member) /* it called anew: what it said before is over */
            tls_stream_reset(old->stream);
    heard->link = link;
    heard->id = member;
    heard->stream = stream;
    heard->next = link->heard;
    link->heard = heard;
    tls_stream_own(stream, &events, heard);
    if (link->closing)
        tls_stream_reset(stream);
}

/* ---- both ---- */

struct member_link *member_link_new(const struct member_link_setup *setup)
{
    struct member_link *link = calloc(1, sizeof(*link));
    ASSERT(link);
    link->setup = *setup;
    loop_timer_init(setup->loop, &link->retry, on_retry);
    loop_timer_start(&link->retry, 1, MEMBER_LINK_RETRY_MS);
    return link;
}

static void on_retry_closed(struct loop_timer *timer)
{
    struct member_link *link = container_of(timer, struct member_link, retry);
    link->timer_gone = true;
    free_if_unused(link);
}

void member_link_close(struct member_link *link, void (*closed)(void *owner))
{
    link->closing = true;
    link->closed = closed;
    for (int i = 0; i < LIMIT_REGIONS; i++)
        let_go(&link->spoken[i]);
    for (struct heard *heard = link->heard; heard; heard = heard->next)
        tls_stream_reset(heard->stream);
    loop_timer_close(&link->retry, on_retry_closed);
}
