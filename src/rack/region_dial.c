/* One warm link to one region: see region_dial.h. */
#include "src/rack/region_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"
#include "src/wire/ca.h"
#include "src/wire/digest.h"

enum { TICK_MS = 500, STEADY_MS = 10000 };

enum phase { PAUSING, CONNECTING, GREETING, LINKED };

struct region_dial {
    struct loop *loop;
    struct tls_credentials *credentials;
    struct membership_region region;
    const struct region_dial_events *events;
    void *owner;
    struct loop_timer timer; /* PAUSING: the next attempt; else: ping and silence */
    struct call_link *link;
    enum phase phase;
    unsigned failures, ticks;
    uint64_t linked_ns;
    bool closing, timer_gone, waits; /* waits: for the answer to hello */
    struct error problem;
    char logged[sizeof(((struct error *)0)->text)]; /* the problem that was logged last */
};

unsigned region_dial_pause_ms(unsigned failures, unsigned jitter)
{
    unsigned pause_ms = DIAL_PAUSE_FIRST_MS;
    for (unsigned i = 1; i < failures && pause_ms < DIAL_PAUSE_MOST_MS; i++)
        pause_ms *= 2;
    if (pause_ms > DIAL_PAUSE_MOST_MS)
        pause_ms = DIAL_PAUSE_MOST_MS;
    return pause_ms * (750 + jitter / 2) / 1000; /* 75 to 125 percent: racks do not come at once */
}

static void free_if_done(struct region_dial *dial)
{
    if (dial->closing && dial->timer_gone && !dial->link && !dial->waits)
        free(dial);
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct region_dial *dial = container_of(timer, struct region_dial, timer);
    dial->timer_gone = true;
    free_if_done(dial);
}

static void pause_dial(struct region_dial *dial)
{
    uint16_t random;
    digest_random(&random, sizeof(random));
    dial->phase = PAUSING;
    dial->failures++;
    loop_timer_start(&dial->timer, region_dial_pause_ms(dial->failures, random % 1000U), 0);
}

/* One line for each new problem, not for each attempt. */
static void log_problem(struct region_dial *dial)
{
    const char *advice = dial->problem.code == ERR_FORBIDDEN
                             ? "; was this rack removed from the cluster? Then join it again"
                             : "";
    bool again = !strcmp(dial->logged, dial->problem.text);
    log_write(again ? LOG_DEBUG : LOG_WARNING, "region %s: %s%s", dial->region.name,
              dial->problem.text, advice);
    snprintf(dial->logged, sizeof(dial->logged), "%s", dial->problem.text);
}

static void on_closed(void *owner, const struct error *why)
{
    struct region_dial *dial = owner;
    bool was_linked = dial->phase == LINKED;
    dial->link = NULL;
    if (dial->closing) {
        free_if_done(dial);
        return;
    }
    if (was_linked && clock_boot_ns() - dial->linked_ns > STEADY_MS * CLOCK_MS)
        dial->failures = 0;
    dial->problem = *why;
    if (dial->problem.code == ERR_OK)
        error_set(&dial->problem, ERR_UNAVAILABLE, "closed");
    log_problem(dial);
    pause_dial(dial);
    if (was_linked)
        dial->events->unlinked(dial->owner, dial, &dial->problem);
}

static void on_welcome(void *subject, json_t *result, const struct error *why)
{
    struct region_dial *dial = subject;
    dial->waits = false;
    if (dial->closing) {
        free_if_done(dial);
        return;
    }
    if (dial->phase != GREETING)
        return;
    if (why->code) {
        call_link_reset(dial->link, why); /* comes back as the reason of its end */
        return;
    }
    dial->phase = LINKED;
    dial->linked_ns = clock_boot_ns();
    dial->logged[0] = dial->problem.text[0] = '\0';
    log_info("region %s: linked, %s", dial->region.name, call_link_address(dial->link));
    dial->events->linked(dial->owner, dial, result);
}

static void on_established(void *owner)
{
    struct region_dial *dial = owner;
    if (dial->closing)
        return;
    json_t *params = dial->events->hello(dial->owner);
    struct call_link_call call = {"hello", params, DIAL_HELLO_MS};
    dial->phase = GREETING;
    dial->waits = true;
    call_link_call(dial->link, &call, on_welcome, dial);
    json_decref(params);
    loop_timer_start(&dial->timer, TICK_MS, TICK_MS);
}

static void on_called(void *owner, const char *method, json_t *params,
                      struct call_link_request *request)
{
    struct region_dial *dial = owner;
    dial->events->called(dial->owner, method, params, request);
}

static void on_noted(void *owner, const char *method, json_t *params)
{
    struct region_dial *dial = owner;
    dial->events->noted(dial->owner, method, params);
}

static const struct call_link_events link_events = {on_established, on_called, on_noted, on_closed};

static void connect_region(struct region_dial *dial)
{
    struct tls_target target = {dial->region.address, dial->region.port, dial->region.name,
                                CA_ROLE_REGION, DIAL_HELLO_MS};
    dial->phase = CONNECTING;
    dial->link = call_link_connect(dial->loop, dial->credentials, &target, &link_events, dial);
}

static void on_ping_answer(void *subject, json_t *result, const struct error *why)
{
    (void)subject, (void)result, (void)why; /* silence is what counts */
}

static void on_timer(struct loop_timer *timer)
{
    struct region_dial *dial = container_of(timer, struct region_dial, timer);
    if (dial->phase == PAUSING) {
        connect_region(dial);
        return;
    }
    uint64_t silent_ms = call_link_silent_ms(dial->link);
    if (silent_ms >= DIAL_SILENCE_MS) {
        struct error why;
        error_set(&why, ERR_TIMEOUT, "silent for %llu ms", (unsigned long long)silent_ms);
        call_link_reset(dial->link, &why);
        loop_timer_stop(&dial->timer);
        return;
    }
    struct call_link_call ping = {"ping", NULL, DIAL_SILENCE_MS};
    if (++dial->ticks % (DIAL_PING_MS / TICK_MS) == 0)
        call_link_call(dial->link, &ping, on_ping_answer, NULL);
}

struct region_dial *region_dial_open(struct loop *loop, struct tls_credentials *credentials,
                                     const struct membership_region *region,
                                     const struct region_dial_events *events, void *owner)
{
    struct region_dial *dial = calloc(1, sizeof(*dial));
    ASSERT(dial);
    dial->loop = loop;
    dial->credentials = credentials;
    dial->region = *region;
    dial->events = events;
    dial->owner = owner;
    loop_timer_init(loop, &dial->timer, on_timer);
    connect_region(dial);
    return dial;
}

void region_dial_close(struct region_dial *dial)
{
    if (!dial)
        return;
    dial->closing = true;
    if (dial->link)
        call_link_close(dial->link);
    loop_timer_close(&dial->timer, on_timer_closed);
}

const struct membership_region *region_dial_region(const struct region_dial *dial)
{
    return &dial->region;
}

bool region_dial_linked(const struct region_dial *dial)
{
    return dial->phase == LINKED && !dial->closing;
}

const char *region_dial_problem(const struct region_dial *dial)
{
    return dial->problem.text;
}

/* A call that finds no link at all is answered all the same, and not from within. */
struct unlinked_call {
    call_link_done *done;
    void *subject;
    struct error why;
};

static void answer_unlinked(void *subject)
{
    struct unlinked_call *call = subject;
    call->done(call->subject, NULL, &call->why);
    free(call);
}

void region_dial_call(struct region_dial *dial, const struct call_link_call *call,
                      call_link_done *done, void *subject)
{
    if (dial->link) {
        call_link_call(dial->link, call, done, subject);
        return;
    }
    struct unlinked_call *unlinked = calloc(1, sizeof(*unlinked));
    ASSERT(unlinked);
    unlinked->done = done;
    unlinked->subject = subject;
    error_set(&unlinked->why, ERR_UNAVAILABLE, "region %s is not linked", dial->region.name);
    loop_post(dial->loop, answer_unlinked, unlinked);
}
