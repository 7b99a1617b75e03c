/* Threads that answer what racks ask: see rack_pool.h. */
#include "src/region/rack_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/db/db_follow.h"

enum { THREADS = 3, THREADS_MAX = 8, QUEUE_MAX = 512, PATIENCE_MS = 10000 };

struct job {
    struct job *next;
    const struct rack_call_row *row;
    struct rack_peer peer;
    json_t *params, *result;
    uint64_t arrived_ns;
    rack_pool_done *done;
    void *subject;
    struct arena *arena; /* of the thread, while it runs */
    struct error why;    /* code ERR_OK = done */
};

struct rack_pool {
    struct rack_pool_setup setup;
    pthread_t threads[THREADS_MAX];
    int threads_count;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock: */
    struct job *first, **last;
    int queued;
    struct db_follow primary;
    bool stopping;
};

/* What a thread owns. */
struct worker {
    struct rack_pool *pool;
    struct db_follower primary;
    struct arena *arena;
    bool has_primary;
};

static void finish(void *subject)
{
    struct job *job = subject;
    job->done(job->subject, job->why.code ? NULL : job->result, &job->why);
    json_decref(job->result);
    json_decref(job->params);
    free(job);
}

/* ---- threads ---- */

static enum error_code run_body(struct db *db, void *subject, struct error *err)
{
    struct job *job = subject;
    json_decref(job->result); /* of an earlier run */
    job->result = NULL;
    enum error_code code =
        job->row->function(&job->peer, db, job->params, job->arena, &job->result, err);
    if (!code && !job->result)
        job->result = json_object();
    return code;
}

static void run_job(struct worker *worker, struct job *job)
{
    const struct rack_pool_setup *setup = &worker->pool->setup;
    enum error_code code = ERR_OK;
    uint64_t waited_ms = (clock_boot_ns() - job->arrived_ns) / CLOCK_MS;
    job->arena = worker->arena;
    if (waited_ms > PATIENCE_MS)
        code = error_set(&job->why, ERR_TIMEOUT, "waited %llu ms for its turn",
                         (unsigned long long)waited_ms);
    else if (!worker->has_primary)
        code = error_set(&job->why, ERR_UNAVAILABLE, "the cluster has no primary database now");
    code = code ? code : db_transact(worker->primary.db, job->row->mode, run_body, job, &job->why);
    if (!code && job->row->mode == DB_READ && setup->epoch_valid &&
        !setup->epoch_valid(setup->subject, worker->primary.epoch))
        code = error_set(&job->why, ERR_UNAVAILABLE, "the primary was superseded meanwhile");
    job->why.code = code;
    arena_reset(worker->arena);
}

/* The next job, with the primary as it is now; NULL when we stop. */
static struct job *take(struct worker *worker)
{
    struct rack_pool *pool = worker->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping)
        pthread_cond_wait(&pool->wake, &pool->lock);
    struct job *job = pool->stopping ? NULL : pool->first;
    if (job) {
        pool->first = job->next;
        pool->queued--;
        if (!pool->first)
            pool->last = &pool->first;
    }
    worker->has_primary = db_follow_turn(&pool->primary, &worker->primary);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *subject)
{
    struct rack_pool *pool = subject;
    struct worker worker = {.pool = pool, .arena = arena_new()};
    struct job *job;
    pthread_mutex_lock(&pool->lock);
    db_follow_join(&pool->primary, &worker.primary);
    pthread_mutex_unlock(&pool->lock);
    while ((job = take(&worker))) {
        run_job(&worker, job);
        loop_post(pool->setup.loop, finish, job);
    }
    pthread_mutex_lock(&pool->lock);
    db_follow_leave(&pool->primary, &worker.primary);
    pthread_mutex_unlock(&pool->lock);
    arena_free(worker.arena);
    return NULL;
}

/* ---- the loop's side ---- */

struct rack_pool *rack_pool_start(const struct rack_pool_setup *setup)
{
    struct rack_pool *pool = calloc(1, sizeof(*pool));
    ASSERT(pool && setup->threads <= THREADS_MAX);
    pool->setup = *setup;
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads_count = setup->threads ? setup->threads : THREADS;
    for (int i = 0; i < pool->threads_count; i++) {
        int rv = pthread_create(&pool->threads[i], NULL, work, pool);
        ASSERT(rv == 0);
    }
    return pool;
}

void rack_pool_stop(struct rack_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->threads_count; i++)
        pthread_join(pool->threads[i], NULL);
    while (pool->first) {
        struct job *job = pool->first;
        pool->first = job->next;
        error_set(&job->why, ERR_UNAVAILABLE, "this region stops");
        loop_post(pool->setup.loop, finish, job);
    }
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    db_follow_close(&pool->primary);
    free(pool);
}

void rack_pool_primary(struct rack_pool *pool, const char *conninfo, uint64_t epoch)
{
    pthread_mutex_lock(&pool->lock);
    db_follow_primary(&pool->primary, conninfo, epoch);
    pthread_mutex_unlock(&pool->lock);
}

static bool put(struct rack_pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool taken = pool->queued < QUEUE_MAX;
    if (taken) {
        *pool->last = job;
        pool->last = &job->next;
        pool->queued++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

void rack_pool_run(struct rack_pool *pool, const struct rack_pool_call *call, rack_pool_done *done,
                   void *subject)
{
    struct job *job = calloc(1, sizeof(*job));
    ASSERT(job);
    *job = (struct job){.row = call->row,
                        .peer = *call->peer,
                        .params = json_incref(call->params),
                        .arrived_ns = clock_boot_ns(),
                        .done = done,
                        .subject = subject};
    if (put(pool, job))
        return;
    error_set(&job->why, ERR_LIMIT, "%d calls of racks wait for the database", QUEUE_MAX);
    loop_post(pool->setup.loop, finish, job);
}
