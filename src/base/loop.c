/* The control loop: see loop.h. */
#include "src/base/loop.h"

#include <pthread.h>
#include <stdlib.h>

#include "src/base/container.h"

enum { LOOP_WORKERS_MAX = 8 };

struct loop_call {
    struct loop_call *next;
    void (*call)(void *subject);
    void *subject;
};

/* One piece of blocking work, and the thread that runs it. */
struct loop_worker {
    struct loop_worker *next;
    struct loop *loop;
    void (*work)(void *subject);
    void (*done)(void *subject);
    void *subject;
};

static void run_posted(uv_async_t *async)
{
    struct loop *loop = container_of(async, struct loop, wake);
    uv_mutex_lock(&loop->lock);
    struct loop_call *calls = loop->calls, *ordered = NULL;
    loop->calls = NULL;
    uv_mutex_unlock(&loop->lock);
    while (calls) { /* newest first: reverse */
        struct loop_call *next = calls->next;
        calls->next = ordered;
        ordered = calls;
        calls = next;
    }
    while (ordered) {
        struct loop_call *next = ordered->next;
        ordered->call(ordered->subject);
        free(ordered);
        ordered = next;
    }
}

void loop_init(struct loop *loop)
{
    int rv = uv_loop_init(&loop->uv);
    ASSERT(rv == 0);
    rv = uv_async_init(&loop->uv, &loop->wake, run_posted);
    ASSERT(rv == 0);
    rv = uv_mutex_init(&loop->lock);
    ASSERT(rv == 0);
    loop->calls = NULL;
    loop->waiting = NULL;
    loop->workers = 0;
    loop->closing = false;
}

void loop_close(struct loop *loop)
{
    loop->closing = true;
    while (loop->workers)
        uv_run(&loop->uv, UV_RUN_ONCE);
    run_posted(&loop->wake);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int rv = uv_loop_close(&loop->uv);
    ASSERT(rv == 0);
    uv_mutex_destroy(&loop->lock);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void loop_post(struct loop *loop, void (*call)(void *subject), void *subject)
{
    struct loop_call *entry = malloc(sizeof(*entry));
    ASSERT(entry);
    entry->call = call;
    entry->subject = subject;
    uv_mutex_lock(&loop->lock);
    entry->next = loop->calls;
    loop->calls = entry;
    uv_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

static void start_thread(struct loop_worker *worker);

static void finish_work(void *subject)
{
    struct loop_worker *worker = subject;
    struct loop *loop = worker->loop;
    loop->workers--;
    if (loop->waiting) { /* work that waited its turn */
        struct loop_worker *next = loop->waiting;
        loop->waiting = next->next;
        start_thread(next);
    }
    worker->done(worker->subject);
    free(worker);
}

static void *run_work(void *subject)
{
    struct loop_worker *worker = subject;
    worker->work(worker->subject);
    loop_post(worker->loop, finish_work, worker);
    return NULL;
}

static void start_thread(struct loop_worker *worker)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    worker->loop->workers++;
    int rv = pthread_create(&thread, &attr, run_work, worker);
    ASSERT(rv == 0);
    pthread_attr_destroy(&attr);
}

void loop_run_blocking(struct loop *loop, void (*work)(void *subject), void (*done)(void *subject),
                       void *subject)
{
    struct loop_worker *worker = malloc(sizeof(*worker));
    ASSERT(worker);
    *worker = (struct loop_worker){NULL, loop, work, done, subject};
    if (loop->workers < LOOP_WORKERS_MAX) {
        start_thread(worker);
        return;
    }
    struct loop_worker **last = &loop->waiting;
    while (*last)
        last = &(*last)->next;
    *last = worker;
}

static void on_timer(uv_timer_t *uv)
{
    struct loop_timer *timer = container_of(uv, struct loop_timer, uv);
    timer->fire(timer);
}

void loop_timer_init(struct loop *loop, struct loop_timer *timer,
                     void (*fire)(struct loop_timer *timer))
{
    int rv = uv_timer_init(&loop->uv, &timer->uv);
    ASSERT(rv == 0);
    timer->fire = fire;
    timer->closed = NULL;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms, uint64_t repeat_ms)
{
    uv_update_time(timer->uv.loop);
    int rv = uv_timer_start(&timer->uv, on_timer, after_ms, repeat_ms);
    ASSERT(rv == 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct loop_timer *timer = container_of((uv_timer_t *)handle, struct loop_timer, uv);
    if (timer->closed)
        timer->closed(timer);
}

void loop_timer_close(struct loop_timer *timer, void (*closed)(struct loop_timer *timer))
{
    timer->closed = closed;
    uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
}
