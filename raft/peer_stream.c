/* Streams between members: see peer_stream.h. */
#include "raft/peer_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/wire/ca.h"

enum { WELCOME_BYTES = PEER_MAGIC_BYTES };
static const char MAGIC[WELCOME_BYTES + 1] = PEER_MAGIC;
static const char REMOVED[WELCOME_BYTES + 1] = "gantry-0"; /* instead of a welcome */

/* ---- calling ---- */

struct peer_dial {
    struct tls_stream *stream;
    struct peer_target target;
    struct loop_timer timer;
    uint8_t welcome[WELCOME_BYTES];
    size_t welcomed;
    bool reset;
    struct error why;
    char address[PEER_ADDRESS], from[PEER_ADDRESS];
    void (*done)(void *owner, struct tls_stream *stream, const struct error *why);
    void *owner;
};

static void free_dial(struct loop_timer *timer)
{
    free(container_of(timer, struct peer_dial, timer));
}

static void give_up(struct peer_dial *dial, enum error_code code, const char *what)
{
    if (dial->reset)
        return;
    dial->reset = true;
    error_set(&dial->why, code, "%s: %s", dial->address, what);
    tls_stream_reset(dial->stream);
}

static void on_dial_timeout(struct loop_timer *timer)
{
    give_up(container_of(timer, struct peer_dial, timer), ERR_TIMEOUT, "did not answer in time");
}

static void dial_established(struct tls_stream *stream, void *owner)
{
    struct peer_dial *dial = owner;
    struct peer_hello hello = {dial->target.purpose, dial->target.self, dial->target.id, ""};
    uint8_t bytes[PEER_HELLO_BYTES];
    memcpy(hello.address, dial->from, sizeof(hello.address));
    peer_hello_write(&hello, bytes);
    tls_stream_write(stream, bytes, sizeof(bytes), NULL); /* a failure ends the stream */
}

static void dial_read(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size)
{
    struct peer_dial *dial = owner;
    if (dial->reset)
        return;
    if (size > WELCOME_BYTES - dial->welcomed) {
        give_up(dial, ERR_CORRUPT, "is no member");
        return;
    }
    memcpy(dial->welcome + dial->welcomed, bytes, size);
    dial->welcomed += size;
    if (dial->welcomed < WELCOME_BYTES)
        return;
    if (!memcmp(dial->welcome, REMOVED, WELCOME_BYTES)) {
        give_up(dial, ERR_GONE, "says that this member was removed");
        return;
    }
    if (memcmp(dial->welcome, MAGIC, WELCOME_BYTES) != 0) {
        give_up(dial, ERR_CORRUPT, "is no member");
        return;
    }
    dial->stream = NULL;
    dial->done(dial->owner, stream, NULL);
    loop_timer_close(&dial->timer, free_dial);
}

static void dial_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    struct peer_dial *dial = owner;
    struct error closed;
    (void)stream;
    if (why->code == ERR_GONE) /* it only hung up */
        error_set(&closed, ERR_UNAVAILABLE, "%s", why->text);
    else
        closed = *why;
    dial->done(dial->owner, NULL, dial->reset ? &dial->why : &closed);
    loop_timer_close(&dial->timer, free_dial);
}

struct peer_dial *
peer_dial(struct loop *loop, struct tls_credentials *credentials, const struct peer_target *target,
          void (*done)(void *owner, struct tls_stream *stream, const struct error *why),
          void *owner)
{
    static const struct tls_events events = {dial_established, dial_read, NULL, dial_closed};
    struct peer_dial *dial = calloc(1, sizeof(*dial));
    struct peer_address address;
    ASSERT(dial);
    dial->target = *target;
    dial->target.address = dial->target.from = NULL; /* the caller's */
    snprintf(dial->address, sizeof(dial->address), "%s", target->address);
    snprintf(dial->from, sizeof(dial->from), "%s", target->from);
    dial->done = done;
    dial->owner = owner;
    if (peer_address_parse(target->address, &address, NULL))
        memset(&address, 0, sizeof(address)); /* then TLS says that it is none */
    struct tls_target tls = {address.ip, address.port, address.name, CA_ROLE_REGION,
                             PEER_TIMEOUT_MS};
    loop_timer_init(loop, &dial->timer, on_dial_timeout);
    loop_timer_start(&dial->timer, PEER_TIMEOUT_MS, 0);
    dial->stream = tls_stream_connect(loop, credentials, &tls, &events, dial);
    return dial;
}

void peer_dial_cancel(struct peer_dial *dial)
{
    give_up(dial, ERR_UNAVAILABLE, "given up");
}

/* ---- being called ---- */

struct caller {
    struct peer_door *door;
    struct caller *next;
    struct tls_stream *stream;
    uint8_t hello[PEER_HELLO_BYTES];
    size_t heard;
    uint64_t since_ns;
    bool refused;
};

struct peer_door {
    struct peer_door_setup setup;
    struct tls_listener *listener;
    struct caller *callers; /* that did not say who they are yet */
    struct loop_timer sweep;
    bool timer_gone;
};

static void free_if_unused(struct peer_door *door)
{
    if (door->timer_gone && !door->callers)
        free(door);
}

static void on_sweep_closed(struct loop_timer *timer)
{
    struct peer_door *door = container_of(timer, struct peer_door, sweep);
    door->timer_gone = true;
    free_if_unused(door);
}

static void forget(struct caller *caller)
{
    struct peer_door *door = caller->door;
    struct caller **at = &door->callers;
    while (*at != caller)
        at = &(*at)->next;
    *at = caller->next;
    free(caller);
    free_if_unused(door);
}

static void refuse(struct caller *caller)
{
    caller->refused = true;
    tls_stream_reset(caller->stream);
}

/* Who came in and says nothing does not stay. */
static void on_sweep(struct loop_timer *timer)
{
    struct peer_door *door = container_of(timer, struct peer_door, sweep);
    uint64_t now_ns = clock_boot_ns();
    for (struct caller *caller = door->callers; caller; caller = caller->next)
        if (now_ns - caller->since_ns > 2 * PEER_TIMEOUT_MS * CLOCK_MS)
            refuse(caller);
}

/* What it said of itself agrees with its certificate and with what is known of it. */
static enum peer_right may_enter(const struct caller *caller, const struct certificate *certificate,
                                 struct peer_hello *hello)
{
    const struct peer_door_setup *setup = &caller->door->setup;
    struct peer_address from;
    bool sound = peer_hello_read(caller->hello, hello, &from) && hello->to == setup->self &&
                 !strcmp(from.name, certificate->name);
    return sound ? setup->may(setup->owner, hello->from, certificate) : PEER_REFUSED;
}

static void caller_read(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size)
{
    struct caller *caller = owner;
    struct peer_door *door = caller->door;
    if (caller->refused)
        return;
    if (size > PEER_HELLO_BYTES - caller->heard) { /* it speaks before it was answered */
        refuse(caller);
        return;
    }
    memcpy(caller->hello + caller->heard, bytes, size);
    caller->heard += size;
    if (caller->heard < PEER_HELLO_BYTES)
        return;
    struct peer_hello hello;
    enum peer_right right = may_enter(caller, tls_stream_peer(stream), &hello);
    if (right == PEER_REMOVED && !tls_stream_write(stream, REMOVED, WELCOME_BYTES, NULL)) {
        caller->refused = true;
        tls_stream_close(stream);
        return;
    }
    if (right != PEER_MAY || tls_stream_write(stream, MAGIC, WELCOME_BYTES, NULL)) {
        refuse(caller);
        return;
    }
    forget(caller);
    door->setup.called(door->setup.owner, hello.from, hello.address, hello.purpose, stream);
}

static void caller_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    (void)stream, (void)why;
    forget(owner);
}

static void *on_accepted(void *subject, struct tls_stream *stream, struct tls_events *events)
{
    struct peer_door *door = subject;
    struct caller *caller = calloc(1, sizeof(*caller));
    ASSERT(caller);
    caller->door = door;
    caller->stream = stream;
    caller->since_ns = clock_boot_ns();
    caller->next = door->callers;
    door->callers = caller;
    *events = (struct tls_events){.read = caller_read, .closed = caller_closed};
    return caller;
}

enum error_code peer_door_open(struct loop *loop, struct tls_credentials *credentials,
                               const struct peer_door_setup *setup, struct peer_door **out,
                               struct error *err)
{
    struct peer_door *door = calloc(1, sizeof(*door));
    ASSERT(door);
    door->setup = *setup;
    struct tls_listen listen = {.address = setup->ip,
                                .port = setup->port,
                                .peer_role = CA_ROLE_REGION,
                                .streams_max = PEER_STREAMS_MAX,
                                .timeout_ms = PEER_TIMEOUT_MS,
                                .accepted = on_accepted,
                                .subject = door};
    enum error_code code = tls_listener_open(loop, credentials, &listen, &door->listener, err);
    if (code) {
        free(door);
        *out = NULL;
        return code;
    }
    loop_timer_init(loop, &door->sweep, on_sweep);
    loop_timer_start(&door->sweep, PEER_TIMEOUT_MS, PEER_TIMEOUT_MS);
    *out = door;
    return ERR_OK;
}

int peer_door_port(const struct peer_door *door)
{
    return tls_listener_port(door->listener);
}

void peer_door_renew(struct peer_door *door, struct tls_credentials *credentials)
{
    tls_listener_renew(door->listener, credentials);
}

void peer_door_close(struct peer_door *door)
{
    if (!door)
        return;
    tls_listener_close(door->listener);
    for (struct caller *caller = door->callers; caller; caller = caller->next)
        refuse(caller);
    loop_timer_close(&door->sweep, on_sweep_closed);
}
