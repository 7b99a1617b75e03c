/* Whether an epoch is valid now: see epoch_ask.h. */
#include "ha/epoch_ask.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/wire/digest.h"

enum { AGAIN_MS = 50 }; /* a question without an answer is asked again */

struct epoch_ask {
    struct epoch_ask_setup setup;
    pthread_mutex_t lock;
    pthread_cond_t answer;
    uint64_t wanted;   /* questions of threads, counted */
    uint64_t asked;    /* those that the message under way asks for */
    uint64_t answered; /* those that were answered, with this epoch: */
    uint64_t epoch;
    bool posted;
    /* loop */
    struct loop_timer again;
};

static void ask_next(void *subject);

static void on_again(struct loop_timer *timer)
{
    struct epoch_ask *ask = container_of(timer, struct epoch_ask, again);
    pthread_mutex_lock(&ask->lock);
    ask->asked = ask->answered; /* what is out is lost */
    pthread_mutex_unlock(&ask->lock);
    ask_next(ask);
}

/* One question for all that wait; those that come meanwhile go with the next. */
static void ask_next(void *subject)
{
    struct epoch_ask *ask = subject;
    struct member_message message = {.kind = MEMBER_EPOCH_ASK};
    pthread_mutex_lock(&ask->lock);
    ask->posted = false;
    bool send = ask->asked == ask->answered && ask->wanted > ask->answered;
    if (send)
        ask->asked = ask->wanted;
    message.epoch.number = ask->asked;
    pthread_mutex_unlock(&ask->lock);
    if (!send)
        return;
    loop_timer_start(&ask->again, AGAIN_MS, 0);
    ask->setup.send(ask->setup.owner, &message);
}

struct epoch_ask *epoch_ask_new(const struct epoch_ask_setup *setup)
{
    struct epoch_ask *ask = calloc(1, sizeof(*ask));
    ASSERT(ask);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    ask->setup = *setup;
    pthread_mutex_init(&ask->lock, NULL);
    pthread_cond_init(&ask->answer, &attributes);
    pthread_condattr_destroy(&attributes);
    /* Not where an earlier process began: an answer to that one is none to this one. */
    digest_random(&ask->wanted, sizeof(ask->wanted));
    ask->wanted >>= 1;
    ask->asked = ask->answered = ask->wanted;
    loop_timer_init(setup->loop, &ask->again, on_again);
    return ask;
}

static void on_closed(struct loop_timer *timer)
{
    struct epoch_ask *ask = container_of(timer, struct epoch_ask, again);
    pthread_cond_destroy(&ask->answer);
    pthread_mutex_destroy(&ask->lock);
    free(ask);
}

void epoch_ask_free(struct epoch_ask *ask)
{
    pthread_mutex_lock(&ask->lock);
    ask->answered = ask->asked = ask->wanted;
    ask->epoch = 0;
    pthread_cond_broadcast(&ask->answer);
    pthread_mutex_unlock(&ask->lock);
    loop_timer_close(&ask->again, on_closed);
}

bool epoch_ask_valid(struct epoch_ask *ask, uint64_t epoch)
{
    struct timespec end;
    if (pg_member_lease_live(ask->setup.pg, epoch))
        return true;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += EPOCH_ASK_MS / 1000;
    pthread_mutex_lock(&ask->lock);
    uint64_t mine = ++ask->wanted;
    if (!ask->posted)
        loop_post(ask->setup.loop, ask_next, ask);
    ask->posted = true;
    int rv = 0;
    while (ask->answered < mine && !rv)
        rv = pthread_cond_timedwait(&ask->answer, &ask->lock, &end);
    bool valid = ask->answered >= mine && ask->epoch == epoch;
    pthread_mutex_unlock(&ask->lock);
    return valid;
}

void epoch_ask_answered(struct epoch_ask *ask, const struct epoch_word *word)
{
    pthread_mutex_lock(&ask->lock);
    bool ours = word->number > ask->answered && word->number <= ask->wanted;
    if (ours) {
        ask->answered = word->number;
        if (ask->asked < ask->answered)
            ask->asked = ask->answered;
        ask->epoch = word->epoch;
        pthread_cond_broadcast(&ask->answer);
    }
    pthread_mutex_unlock(&ask->lock);
    if (ours)
        ask_next(ask);
}
