/* The two doors: see cluster_door.h. */
#include "raft/cluster_door.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 50 };

static struct {
    pthread_mutex_t lock;
    struct cluster_view view;
    struct loop *loop;
    void (*propose)(void *owner, const struct command *command, replica_answer *answer,
                    void *subject);
    void *owner;
} door = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A question on its way; the asker and the loop each drop their share, the last one frees. */
struct question {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct command command;
    bool done;
    int shares;
    enum error_code code;
    char reason[160];
};

void cluster_door_open(struct loop *loop,
                       void (*propose)(void *owner, const struct command *command,
                                       replica_answer *answer, void *subject),
                       void *owner)
{
    door.loop = loop;
    door.propose = propose;
    door.owner = owner;
}

void cluster_door_publish(const struct cluster_view *view)
{
    pthread_mutex_lock(&door.lock);
    door.view = *view;
    pthread_mutex_unlock(&door.lock);
}

void cluster_read(struct cluster_view *view)
{
    pthread_mutex_lock(&door.lock);
    *view = door.view;
    pthread_mutex_unlock(&door.lock);
}

/* With the lock held; gives it up. */
static void drop_share(struct question *question)
{
    bool last = --question->shares == 0;
    pthread_mutex_unlock(&question->lock);
    if (!last)
        return;
    pthread_cond_destroy(&question->answered);
    pthread_mutex_destroy(&question->lock);
    free(question);
}

static void on_answer(void *subject, enum error_code code, const char *reason)
{
    struct question *question = subject;
    pthread_mutex_lock(&question->lock);
    question->done = true;
    question->code = code;
    snprintf(question->reason, sizeof(question->reason), "%s", reason);
    pthread_cond_signal(&question->answered);
    drop_share(question);
}

static void on_loop(void *subject)
{
    struct question *question = subject;
    door.propose(door.owner, &question->command, on_answer, question);
}

static struct question *question_new(const struct command *command)
{
    struct question *question = calloc(1, sizeof(*question));
    pthread_condattr_t attr;
    ASSERT(question && door.loop);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&question->answered, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&question->lock, NULL);
    question->command = *command;
    question->shares = 2;
    return question;
}

static enum error_code ask_once(const struct command *command, const struct timespec *until,
                                struct error *err)
{
    struct question *question = question_new(command);
    loop_post(door.loop, on_loop, question);
    pthread_mutex_lock(&question->lock);
    int rv = 0;
    while (!question->done && rv != ETIMEDOUT)
        rv = pthread_cond_timedwait(&question->answered, &question->lock, until);
    enum error_code code = question->done ? question->code : ERR_TIMEOUT;
    error_set(err, code, "%s",
              question->done ? question->reason : "the cluster did not answer in time");
    drop_share(question);
    return code;
}

static void add_ms(struct timespec *time, unsigned ms)
{
    time->tv_nsec += (long)(ms % 1000) * 1000000;
    time->tv_sec += ms / 1000 + time->tv_nsec / 1000000000;
    time->tv_nsec %= 1000000000;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

enum error_code cluster_ask(const struct command *command, unsigned timeout_ms, struct error *err)
{
    struct timespec until, next;
    clock_gettime(CLOCK_MONOTONIC, &until);
    add_ms(&until, timeout_ms);
    for (;;) {
        enum error_code code = ask_once(command, &until, err);
        clock_gettime(CLOCK_MONOTONIC, &next);
        add_ms(&next, RETRY_MS);
        if (code != ERR_UNAVAILABLE || !is_before(&next, &until))
            return code;
        usleep(RETRY_MS * 1000); /* nothing was done: an election may be under way */
    }
}
