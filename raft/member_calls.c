/* Calls between members: see member_calls.h. */
#include "raft/member_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/peer_stream.h"
#include "src/base/clock.h"
#include "src/base/container.h"

/* Whom we call. */
struct asked {
    struct member_calls *calls;
    uint64_t id, heard_ns;
    char address[PEER_ADDRESS];
    struct peer_dial *dial;
    struct call_link *link;
    bool wanted;
};

/* Who calls us. */
struct caller {
    struct member_calls *calls;
    struct caller *next;
    uint64_t id;
    struct call_link *link;
};

struct member_calls {
    struct member_calls_setup setup;
    char from[PEER_ADDRESS];
    struct asked asked[LIMIT_REGIONS];
    struct caller *callers;
    struct loop_timer retry;
    int waiting; /* own calls without an answer */
    bool closing, timer_gone;
    void (*closed)(void *owner);
};

static void free_if_unused(struct member_calls *calls)
{
    bool busy = !calls->timer_gone || calls->callers || calls->waiting;
    for (int i = 0; i < LIMIT_REGIONS; i++)
        busy |= calls->asked[i].dial || calls->asked[i].link;
    if (!calls->closing || busy)
        return;
    calls->closed(calls->setup.owner);
    free(calls);
}

/* ---- calling ---- */

static struct asked *find(const struct member_calls *calls, uint64_t id)
{
    for (int i = 0; i < LIMIT_REGIONS; i++)
        if (calls->asked[i].wanted && calls->asked[i].id == id)
            return (struct asked *)&calls->asked[i];
    return NULL;
}

static void asked_closed(void *owner, const struct error *why)
{
    struct asked *asked = owner;
    (void)why; /* raft's own connection says it */
    asked->link = NULL;
    free_if_unused(asked->calls);
}

static void on_dialled(void *owner, struct tls_stream *stream, const struct error *why)
{
    static const struct call_link_events events = {.closed = asked_closed};
    struct asked *asked = owner;
    const struct member_calls_setup *setup = &asked->calls->setup;
    asked->dial = NULL;
    if (!stream && why->code == ERR_GONE && asked->wanted && !asked->calls->closing &&
        setup->removed)
        setup->removed(setup->owner);
    if (stream)
        asked->link = call_link_adopt(asked->calls->setup.loop, stream, &events, asked);
    if (asked->link && (asked->calls->closing || !asked->wanted))
        call_link_reset(asked->link, NULL);
    free_if_unused(asked->calls);
}

static void let_go(struct asked *asked)
{
    asked->wanted = false;
    if (asked->dial)
        peer_dial_cancel(asked->dial);
    if (asked->link)
        call_link_reset(asked->link, NULL);
}

static void on_retry(struct loop_timer *timer)
{
    struct member_calls *calls = container_of(timer, struct member_calls, retry);
    for (int i = 0; i < LIMIT_REGIONS; i++) {
        struct asked *asked = &calls->asked[i];
        struct peer_target target = {asked->address, calls->from, calls->setup.self, asked->id,
                                     PEER_CALLS};
        if (asked->wanted && !asked->dial && !asked->link && calls->from[0])
            asked->dial =
                peer_dial(calls->setup.loop, calls->setup.credentials, &target, on_dialled, asked);
    }
}

static bool is_among(const struct asked *asked, const struct replica_server *servers, int count)
{
    for (int i = 0; i < count; i++)
        if (servers[i].id == asked->id && !strcmp(servers[i].address, asked->address))
            return true;
    return false;
}

static void begin(struct member_calls *calls, const struct replica_server *member)
{
    for (int i = 0; i < LIMIT_REGIONS; i++) {
        struct asked *asked = &calls->asked[i];
        if (asked->wanted || asked->dial || asked->link)
            continue;
        *asked = (struct asked){.calls = calls, .id = member->id, .wanted = true};
        snprintf(asked->address, sizeof(asked->address), "%.*s", PEER_ADDRESS - 1, member->address);
        return;
    }
}

void member_calls_members(struct member_calls *calls, const struct replica_server *servers,
                          int count)
{
    for (int i = 0; i < LIMIT_REGIONS; i++)
        if (calls->asked[i].wanted && !is_among(&calls->asked[i], servers, count))
            let_go(&calls->asked[i]);
    for (int i = 0; i < count; i++) {
        if (servers[i].id == calls->setup.self)
            snprintf(calls->from, sizeof(calls->from), "%.*s", PEER_ADDRESS - 1,
                     servers[i].address);
        else if (!find(calls, servers[i].id))
            begin(calls, &servers[i]);
    }
}

/* A call on its way; the member may be gone when its answer comes. */
struct waiting {
    struct member_calls *calls;
    uint64_t member;
    call_link_done *done;
    void *subject;
};

static void on_answer(void *subject, json_t *result, const struct error *why)
{
    struct waiting *waiting = subject;
    struct member_calls *calls = waiting->calls;
    struct asked *asked = find(calls, waiting->member);
    bool heard = why->code != ERR_TIMEOUT && why->code != ERR_UNKNOWN_OUTCOME &&
                 why->code != ERR_UNAVAILABLE;
    if (asked && asked->link && heard)
        asked->heard_ns = clock_boot_ns();
    else if (asked && asked->link && why->code == ERR_TIMEOUT &&
             call_link_silent_ms(asked->link) >= MEMBER_CALLS_SILENCE_MS)
        call_link_reset(asked->link, why);
    waiting->done(waiting->subject, result, why);
    free(waiting);
    calls->waiting--;
    free_if_unused(calls);
}

static void answer_unreached(void *subject)
{
    static const struct error why = {ERR_UNAVAILABLE, "the member is not reached"};
    on_answer(subject, NULL, &why);
}

void member_calls_call(struct member_calls *calls, uint64_t member,
                       const struct call_link_call *call, call_link_done *done, void *subject)
{
    struct asked *asked = find(calls, member);
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    ASSERT(waiting);
    *waiting = (struct waiting){calls, member, done, subject};
    calls->waiting++;
    if (asked && asked->link)
        call_link_call(asked->link, call, on_answer, waiting);
    else
        loop_post(calls->setup.loop, answer_unreached, waiting);
}

bool member_calls_up(const struct member_calls *calls, uint64_t member)
{
    const struct asked *asked = find(calls, member);
    return asked && asked->link;
}

uint64_t member_calls_heard_ns(const struct member_calls *calls, uint64_t member)
{
    const struct asked *asked = find(calls, member);
    return asked ? asked->heard_ns : 0;
}

/* ---- being called ---- */

static void caller_closed(void *owner, const struct error *why)
{
    struct caller *caller = owner;
    struct member_calls *calls = caller->calls;
    struct caller **at = &calls->callers;
    (void)why;
    while (*at != caller)
        at = &(*at)->next;
    *at = caller->next;
    free(caller);
    free_if_unused(calls);
}

static void on_called(void *owner, const char *method, json_t *params,
                      struct call_link_request *request)
{
    struct caller *caller = owner;
    const struct member_calls_setup *setup = &caller->calls->setup;
    setup->called(setup->owner, caller->id, method, params, request);
}

void member_calls_called(struct member_calls *calls, uint64_t member, struct tls_stream *stream)
{
    static const struct call_link_events events = {.called = on_called, .closed = caller_closed};
    struct caller *caller = calloc(1, sizeof(*caller));
    ASSERT(caller);
    for (struct caller *old = calls->callers; old; old = old->next)
        if (old->id == member) /* it called anew: the older stream is half dead */
            call_link_reset(old->link, NULL);
    *caller = (struct caller){calls, calls->callers, member, NULL};
    caller->link = call_link_adopt(calls->setup.loop, stream, &events, caller);
    calls->callers = caller;
    if (calls->closing)
        call_link_reset(caller->link, NULL);
}

/* ---- both ---- */

struct member_calls *member_calls_new(const struct member_calls_setup *setup)
{
    struct member_calls *calls = calloc(1, sizeof(*calls));
    ASSERT(calls);
    calls->setup = *setup;
    loop_timer_init(setup->loop, &calls->retry, on_retry);
    loop_timer_start(&calls->retry, 1, MEMBER_CALLS_RETRY_MS);
    return calls;
}

static void on_retry_closed(struct loop_timer *timer)
{
    struct member_calls *calls = container_of(timer, struct member_calls, retry);
    calls->timer_gone = true;
    free_if_unused(calls);
}

void member_calls_close(struct member_calls *calls, void (*closed)(void *owner))
{
    calls->closing = true;
    calls->closed = closed;
    for (int i = 0; i < LIMIT_REGIONS; i++)
        let_go(&calls->asked[i]);
    for (struct caller *caller = calls->callers; caller; caller = caller->next)
        call_link_reset(caller->link, NULL);
    loop_timer_close(&calls->retry, on_retry_closed);
}
