/*
 * The pool: threads that take requests from a queue and answer them. A request that finds no
 * primary is parked, not waited for, so that what needs no database is answered meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/region/api_metrics.h"
#include "src/region/describe.h"
#include "src/region/http_call.h"
#include "src/region/routes.h"

enum { THREADS = 8, THREADS_MAX = 64, PRIMARY_WAIT_MS = 10000, BODY_WAIT_MS = 30000 };
/* A parked request tries again this often, for failures that no change of primary announces. */
#define PARK_NS  (50 * CLOCK_MS)
#define SWEEP_NS (600 * CLOCK_S)

struct http {
    struct http_settings settings;
    struct http_edge *edge;
    pthread_t threads[THREADS_MAX];
    int threads_count;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* CLOCK_MONOTONIC */
    /* under the lock: */
    struct http_call *first, **last;
    struct http_call *parked;
    uint64_t parked_until_ns; /* when the parked go back to the queue */
    struct db_follow primary;
    uint64_t next_sweep_ns;
    bool stopping;
};

const struct http_settings *http_settings(const struct http *http)
{
    return &http->settings;
}

const char *http_call_header(const struct http_call *call, const char *name)
{
    for (int i = call->headers_count; i-- > 0;)
        if (!strcasecmp(call->headers[i].name, name))
            return call->headers[i].value;
    return NULL;
}

static void put(struct http *http, struct http_call *call)
{
    call->next = NULL;
    *http->last = call;
    http->last = &call->next;
}

bool http_pool_put(struct http *http, struct http_call *call)
{
    call->deadline_ns = clock_boot_ns() + (uint64_t)http->settings.primary_wait_ms * CLOCK_MS;
    pthread_mutex_lock(&http->lock);
    bool taken = !http->stopping;
    if (taken)
        put(http, call);
    pthread_cond_signal(&http->wake);
    pthread_mutex_unlock(&http->lock);
    return taken;
}

static void unpark(struct http *http)
{
    while (http->parked) {
        struct http_call *call = http->parked;
        http->parked = call->next;
        put(http, call);
    }
    pthread_cond_broadcast(&http->wake);
}

static void park(struct http *http, struct http_call *call)
{
    api_metrics_retry();
    pthread_mutex_lock(&http->lock);
    if (!http->parked)
        http->parked_until_ns = clock_boot_ns() + PARK_NS;
    call->next = http->parked;
    http->parked = call;
    pthread_cond_signal(&http->wake);
    pthread_mutex_unlock(&http->lock);
}

static void wait_for_work(struct http *http)
{
    struct timespec until;
    if (!http->parked) {
        pthread_cond_wait(&http->wake, &http->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)PARK_NS;
    if (until.tv_nsec >= (long)CLOCK_S) {
        until.tv_nsec -= (long)CLOCK_S;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&http->wake, &http->lock, &until);
}

/* The next call, and whether there is a primary for it; NULL when all is done and we stop. */
static struct http_call *take(struct http_worker *worker, bool *has_primary)
{
    struct http *http = worker->http;
    pthread_mutex_lock(&http->lock);
    for (;;) {
        if (http->parked && (http->stopping || clock_boot_ns() >= http->parked_until_ns))
            unpark(http);
        if (http->first || http->stopping)
            break;
        wait_for_work(http);
    }
    struct http_call *call = http->first;
    if (call) {
        http->first = call->next;
        if (!http->first)
            http->last = &http->first;
    }
    *has_primary = db_follow_turn(&http->primary, &worker->primary);
    pthread_mutex_unlock(&http->lock);
    return call;
}

static bool sweep_is_due(struct http *http)
{
    uint64_t now = clock_boot_ns();
    pthread_mutex_lock(&http->lock);
    bool due = now >= http->next_sweep_ns && http->primary.conninfo && !http->stopping;
    if (due)
        http->next_sweep_ns = now + SWEEP_NS;
    pthread_mutex_unlock(&http->lock);
    return due;
}

static bool is_stopping(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    bool stopping = http->stopping;
    pthread_mutex_unlock(&http->lock);
    return stopping;
}

static void answer(struct http_worker *worker, struct http_call *call)
{
    uint64_t took_ns = clock_boot_ns() - call->arrived_ns;
    api_metrics_request(call->method, worker->reply.status, took_ns);
    log_debug("%s %.*s %d %llu us %s", call->method, (int)strcspn(call->target, "?"), call->target,
              worker->reply.status, (unsigned long long)(took_ns / 1000), call->id);
    http_edge_answer(call, &worker->reply);
}

static void *work(void *subject)
{
    struct http_worker worker = {.http = subject, .arena = arena_new()};
    struct http *http = subject;
    bool has_primary;
    pthread_mutex_lock(&http->lock);
    db_follow_join(&http->primary, &worker.primary);
    pthread_mutex_unlock(&http->lock);
    spool_init(&worker.reply.body);
    worker.reply.file_fd = -1;
    struct http_call *call;
    while ((call = take(&worker, &has_primary))) {
        arena_reset(worker.arena);
        bool last = clock_boot_ns() >= call->deadline_ns || is_stopping(http);
        if (http_run(&worker, call, has_primary, last))
            answer(&worker, call);
        else
            park(http, call);
        if (sweep_is_due(http))
            http_run_sweep(&worker);
    }
    spool_close(&worker.reply.body);
    pthread_mutex_lock(&http->lock);
    db_follow_leave(&http->primary, &worker.primary);
    pthread_mutex_unlock(&http->lock);
    arena_free(worker.arena);
    return NULL;
}

void http_set_primary(struct http *http, const char *conninfo, uint64_t epoch)
{
    pthread_mutex_lock(&http->lock);
    db_follow_primary(&http->primary, conninfo, epoch);
    if (conninfo)
        unpark(http);
    pthread_mutex_unlock(&http->lock);
}

static void set_defaults(struct http_settings *settings)
{
    if (!settings->threads)
        settings->threads = THREADS;
    if (settings->threads > THREADS_MAX)
        settings->threads = THREADS_MAX;
    if (!settings->body_limit)
        settings->body_limit = LIMIT_BODY_BYTES;
    if (!settings->primary_wait_ms)
        settings->primary_wait_ms = PRIMARY_WAIT_MS;
    if (!settings->body_wait_ms)
        settings->body_wait_ms = BODY_WAIT_MS;
}

enum error_code http_start(const struct http_settings *settings, struct http **out,
                           struct error *err)
{
    struct http *http = calloc(1, sizeof(*http));
    pthread_condattr_t attributes;
    ASSERT(http && settings->ring);
    http->settings = *settings;
    set_defaults(&http->settings);
    http->last = &http->first;
    http->next_sweep_ns = clock_boot_ns() + SWEEP_NS;
    pthread_mutex_init(&http->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&http->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    routes_init();
    describe_init();
    enum error_code code = http_edge_start(http, &http->edge, err);
    if (code) {
        free(http);
        return code;
    }
    for (; http->threads_count < http->settings.threads; http->threads_count++) {
        int rv = pthread_create(&http->threads[http->threads_count], NULL, work, http);
        ASSERT(rv == 0);
    }
    *out = http;
    return ERR_OK;
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    http_edge_quiesce(http->edge);
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_cond_broadcast(&http->wake);
    pthread_mutex_unlock(&http->lock);
    for (int i = 0; i < http->threads_count; i++)
        pthread_join(http->threads[i], NULL);
    http_edge_stop(http->edge);
    pthread_cond_destroy(&http->wake);
    pthread_mutex_destroy(&http->lock);
    db_follow_close(&http->primary);
    free(http);
}
