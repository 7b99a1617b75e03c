/* Streams between members: see peer_stream.h. */
#include "raft/peer_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/wire/ca.h"

/* Magic, purpose, from whom, to whom, the address of from. */
enum { HELLO_ADDRESS = 32, HELLO_BYTES = HELLO_ADDRESS + PEER_ADDRESS, WELCOME_BYTES = 8 };
static const char MAGIC[WELCOME_BYTES + 1] = "gantry-1";
static const char REMOVED[WELCOME_BYTES + 1] = "gantry-0"; /* instead of a welcome */

enum error_code peer_address_parse(const char *text, struct peer_address *address,
                                   struct error *err)
{
    ip4 ip;
    const char *at = strchr(text, '@'), *colon = at ? strrchr(at, ':') : NULL;
    memset(address, 0, sizeof(*address));
    if (!colon || at == text || at - text >= LIMIT_NAME || colon - at > CLUSTER_ADDRESS)
        return error_set(err, ERR_BAD_INPUT, "\"%s\": expected NAME@IP:PORT", text);
    memcpy(address->name, text, (size_t)(at - text));
    memcpy(address->ip, at + 1, (size_t)(colon - at - 1));
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (*end || end == colon + 1 || port < 0 || port > 65535 || !ip4_parse(address->ip, &ip))
        return error_set(err, ERR_BAD_INPUT, "\"%s\": expected NAME@IP:PORT", text);
    address->port = (int)port;
    return ERR_OK;
}

const char *peer_address_format(const char *name, const char *ip, int port, char text[PEER_ADDRESS])
{
    int length = snprintf(text, PEER_ADDRESS, "%s@%s:%d", name, ip, port);
    ASSERT(length > 0 && length < PEER_ADDRESS);
    return text;
}

static void put_number(uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t number_at(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

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
    uint8_t hello[HELLO_BYTES] = {0};
    memcpy(hello, MAGIC, WELCOME_BYTES);
    hello[8] = (uint8_t)dial->target.purpose;
    put_number(hello + 16, dial->target.self);
    put_number(hello + 24, dial->target.id);
    snprintf((char *)hello + HELLO_ADDRESS, PEER_ADDRESS, "%s", dial->from);
    tls_stream_write(stream, hello, sizeof(hello), NULL); /* a failure ends the stream */
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
    uint8_t hello[HELLO_BYTES];
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

static bool is_purpose(int number)
{
    return number >= PEER_RAFT && number <= PEER_CALLS;
}

/* What it said of itself agrees with its certificate and with what is known of it. */
static enum peer_right may_enter(const struct caller *caller, const struct certificate *certificate)
{
    const struct peer_door_setup *setup = &caller->door->setup;
    const char *address = (const char *)caller->hello + HELLO_ADDRESS;
    struct peer_address from;
    uint64_t id = number_at(caller->hello + 16);
    bool sound = !memcmp(caller->hello, MAGIC, WELCOME_BYTES) && is_purpose(caller->hello[8]) &&
                 id && number_at(caller->hello + 24) == setup->self &&
                 !caller->hello[HELLO_BYTES - 1] && !peer_address_parse(address, &from, NULL) &&
                 !strcmp(from.name, certificate->name);
    return sound ? setup->may(setup->owner, id, certificate) : PEER_REFUSED;
}

static void caller_read(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size)
{
    struct caller *caller = owner;
    struct peer_door *door = caller->door;
    if (caller->refused)
        return;
    if (size > HELLO_BYTES - caller->heard) { /* it speaks before it was answered */
        refuse(caller);
        return;
    }
    memcpy(caller->hello + caller->heard, bytes, size);
    caller->heard += size;
    if (caller->heard < HELLO_BYTES)
        return;
    enum peer_right right = may_enter(caller, tls_stream_peer(stream));
    if (right == PEER_REMOVED && !tls_stream_write(stream, REMOVED, WELCOME_BYTES, NULL)) {
        caller->refused = true;
        tls_stream_close(stream);
        return;
    }
    if (right != PEER_MAY || tls_stream_write(stream, MAGIC, WELCOME_BYTES, NULL)) {
        refuse(caller);
        return;
    }
    uint8_t hello[HELLO_BYTES];
    memcpy(hello, caller->hello, HELLO_BYTES);
    forget(caller);
    door->setup.called(door->setup.owner, number_at(hello + 16), (char *)hello + HELLO_ADDRESS,
                       (enum peer_purpose)hello[8], stream);
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
