/* Threads that carry out operations: see operation_worker.h. */
#include "src/region/operation_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/db/db_follow.h"
#include "src/db/db_notify.h"
#include "src/region/machine_limit.h"
#include "src/region/notification_duty.h"
#include "src/region/operation_run.h"

enum {
    THREADS = 4,
    LOOK_MS = 1000,
    CLAIM_S = 12, /* so long after a region's death another goes on */
    RENEW_MS = 3000,
    SWEEP_MS = 600000,
    PATIENCE_S = 10, /* of a region without racks: others may have some */
    ORDER_TIMEOUT_MS = 60000,
};

/* A thread's own things, and under the lock whether it is busy and with which operation. */
struct hand {
    struct operation_worker *worker;
    pthread_t thread;
    struct db_follower primary;
    struct arena *arena;
    struct operation operation;
    bool busy;
    char id[40]; /* of the operation, for who renews claims */
};

struct operation_worker {
    struct operation_worker_setup setup;
    struct hand hands[THREADS];
    struct hand chief; /* claims; operation is not used */
    struct db_notify *notify;
    pthread_mutex_t lock;
    pthread_cond_t wake;  /* of the chief */
    pthread_cond_t given; /* of the hands */
    /* under the lock: */
    struct db_follow primary;
    bool leads, stopping, heard;
    /* the chief's: */
    uint64_t renewed_ns, limits_ns, swept_ns, notified_ns;
};

/* ---- hands ---- */

static bool go_on(void *subject)
{
    struct hand *hand = subject;
    pthread_mutex_lock(&hand->worker->lock);
    db_follow_turn(&hand->worker->primary, &hand->primary);
    bool stopping = hand->worker->stopping;
    pthread_mutex_unlock(&hand->worker->lock);
    return !stopping;
}

static void *work(void *subject)
{
    struct hand *hand = subject;
    struct operation_worker *worker = hand->worker;
    struct operation_run run = {
        .db = hand->primary.db,
        .arena = hand->arena,
        .ring = worker->setup.ring,
        .order_timeout_ms = worker->setup.order_timeout_ms,
        .go_on = go_on,
        .subject = hand,
    };
    pthread_mutex_lock(&worker->lock);
    while (!worker->stopping) {
        if (!hand->busy) {
            pthread_cond_wait(&worker->given, &worker->lock);
            continue;
        }
        pthread_mutex_unlock(&worker->lock);
        operation_run(&run, &hand->operation);
        pthread_mutex_lock(&worker->lock);
        hand->busy = false;
        arena_reset(hand->arena);
        worker->heard = true;
        pthread_cond_signal(&worker->wake);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* ---- the chief ---- */

struct claims {
    struct operation_worker *worker;
    struct operation list[THREADS];
    int count, most, patience_s;
    bool due;
};

static enum error_code look_due(struct db *db, void *subject, struct error *err)
{
    struct claims *claims = subject;
    return operation_is_due(db, claims->patience_s, &claims->due, claims->worker->chief.arena, err);
}

static enum error_code claim(struct db *db, void *subject, struct error *err)
{
    struct claims *claims = subject;
    struct operation_claim wanted = {claims->worker->setup.name, CLAIM_S, claims->most,
                                     claims->patience_s};
    return operation_claim(db, &wanted, claims->list, &claims->count, claims->worker->chief.arena,
                           err);
}

/* Under the lock: the texts move to the hand's arena. */
static void give(struct hand *hand, const struct operation *operation)
{
    struct arena *arena = hand->arena;
    struct operation *own = &hand->operation;
    *own = *operation;
    own->id = arena_strdup(arena, operation->id);
    snprintf(hand->id, sizeof(hand->id), "%s", operation->id);
    own->kind = arena_strdup(arena, operation->kind);
    own->step = arena_strdup(arena, operation->step);
    own->order_id = arena_strdup(arena, operation->order_id);
    own->machine.system_id = arena_strdup(arena, operation->machine.system_id);
    own->machine.hostname = arena_strdup(arena, operation->machine.hostname);
    own->machine.power_type = arena_strdup(arena, operation->machine.power_type);
    hand->busy = true;
}

static enum error_code claim_and_give(struct operation_worker *worker, struct error *err)
{
    bool (*has_racks)(void) = worker->setup.has_racks;
    struct claims claims = {.worker = worker,
                            .patience_s = has_racks && !has_racks() ? PATIENCE_S : 0};
    pthread_mutex_lock(&worker->lock);
    for (int i = 0; i < THREADS; i++)
        claims.most += !worker->hands[i].busy;
    pthread_mutex_unlock(&worker->lock);
    if (!claims.most)
        return ERR_OK;
    /* most of the time nothing is: asking for it disturbs no writer */
    enum error_code code = db_transact(worker->chief.primary.db, DB_READ, look_due, &claims, err);
    if (code || !claims.due)
        return code;
    code = db_transact(worker->chief.primary.db, DB_WRITE, claim, &claims, err);
    if (code)
        return code;
    pthread_mutex_lock(&worker->lock);
    for (int i = 0, next = 0; i < THREADS && next < claims.count; i++)
        if (!worker->hands[i].busy)
            give(&worker->hands[i], &claims.list[next++]);
    pthread_cond_broadcast(&worker->given);
    pthread_mutex_unlock(&worker->lock);
    return ERR_OK;
}

struct renewal {
    const struct operation_worker *worker;
    const char *ids;
};

static enum error_code renew(struct db *db, void *subject, struct error *err)
{
    const struct renewal *renewal = subject;
    return operation_renew(db, renewal->worker->setup.name, renewal->ids, CLAIM_S,
                           renewal->worker->chief.arena, err);
}

static enum error_code renew_claims(struct operation_worker *worker, struct error *err)
{
    struct arena *arena = worker->chief.arena;
    const char *ids[THREADS];
    int count = 0;
    pthread_mutex_lock(&worker->lock);
    for (int i = 0; i < THREADS; i++)
        if (worker->hands[i].busy)
            ids[count++] = arena_strdup(arena, worker->hands[i].id);
    pthread_mutex_unlock(&worker->lock);
    struct renewal renewal = {worker, db_array(arena, ids, count)};
    return count ? db_transact(worker->chief.primary.db, DB_WRITE, renew, &renewal, err) : ERR_OK;
}

static enum error_code look_at_limits(struct db *db, void *subject, struct error *err)
{
    struct operation_worker *worker = subject;
    struct machine_life life = {db, worker->chief.arena, worker->setup.ring, NULL};
    enum error_code code = machine_limit_look(&life, err);
    machine_watch_lost_s *lost_s = worker->setup.rack_lost_s;
    return code || !lost_s ? code : machine_watch_look(&life, lost_s, err);
}

static enum error_code sweep(struct db *db, void *subject, struct error *err)
{
    (void)subject;
    return operation_sweep(db, err);
}

static bool is_time(uint64_t *last_ns, uint64_t period_ms)
{
    uint64_t now = clock_boot_ns();
    if (*last_ns && now - *last_ns < period_ms * CLOCK_MS)
        return false;
    *last_ns = now;
    return true;
}

static void look(struct operation_worker *worker, bool leads)
{
    static struct log_gate gate;
    struct db *db = worker->chief.primary.db;
    struct error err = {0};
    unsigned long held;
    enum error_code code = ERR_OK;
    if (is_time(&worker->renewed_ns, RENEW_MS))
        code = renew_claims(worker, &err);
    if (!code && leads && is_time(&worker->limits_ns, MACHINE_LIMIT_PERIOD_S * 1000))
        code = db_transact(db, DB_WRITE, look_at_limits, worker, &err);
    if (!code && leads && is_time(&worker->swept_ns, SWEEP_MS))
        code = db_transact(db, DB_WRITE, sweep, worker, &err);
    if (!code)
        code = claim_and_give(worker, &err);
    if (!code && leads && worker->setup.rack_lost_s &&
        is_time(&worker->notified_ns, NOTIFICATION_DUTY_PERIOD_S * 1000))
        code = notification_duty_look(db, worker->setup.rack_lost_s, &err);
    if (code && log_gate_open(&gate, 60, &held))
        log_warning("operations: %s", err.text);
    arena_reset(worker->chief.arena);
}

/* Under the lock. */
static void wait_a_while(struct operation_worker *worker)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t end_ns =
        (uint64_t)until.tv_sec * CLOCK_S + (uint64_t)until.tv_nsec + LOOK_MS * CLOCK_MS;
    until.tv_sec = (time_t)(end_ns / CLOCK_S);
    until.tv_nsec = (long)(end_ns % CLOCK_S);
    int rv = 0;
    while (!worker->heard && !worker->stopping && rv != ETIMEDOUT)
        rv = pthread_cond_timedwait(&worker->wake, &worker->lock, &until);
    worker->heard = false;
}

static void *lead(void *subject)
{
    struct operation_worker *worker = subject;
    pthread_mutex_lock(&worker->lock);
    while (!worker->stopping) {
        bool has_primary = db_follow_turn(&worker->primary, &worker->chief.primary),
             leads = worker->leads;
        pthread_mutex_unlock(&worker->lock);
        if (has_primary)
            look(worker, leads);
        pthread_mutex_lock(&worker->lock);
        wait_a_while(worker);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* ---- the loop's side ---- */

static void on_notice(void *subject)
{
    struct operation_worker *worker = subject;
    pthread_mutex_lock(&worker->lock);
    worker->heard = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
}

static void start_hand(struct operation_worker *worker, struct hand *hand,
                       void *(*function)(void *subject), void *subject)
{
    hand->worker = worker;
    hand->arena = arena_new();
    pthread_mutex_lock(&worker->lock);
    db_follow_join(&worker->primary, &hand->primary);
    pthread_mutex_unlock(&worker->lock);
    int rv = pthread_create(&hand->thread, NULL, function, subject);
    ASSERT(rv == 0);
}

static void end_hand(struct hand *hand)
{
    pthread_join(hand->thread, NULL);
    pthread_mutex_lock(&hand->worker->lock);
    db_follow_leave(&hand->worker->primary, &hand->primary);
    pthread_mutex_unlock(&hand->worker->lock);
    arena_free(hand->arena);
}

struct operation_worker *operation_worker_start(const struct operation_worker_setup *setup)
{
    struct operation_worker *worker = calloc(1, sizeof(*worker));
    pthread_condattr_t attributes;
    ASSERT(worker);
    worker->setup = *setup;
    if (!worker->setup.order_timeout_ms)
        worker->setup.order_timeout_ms = ORDER_TIMEOUT_MS;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_cond_init(&worker->given, NULL);
    for (int i = 0; i < THREADS; i++)
        start_hand(worker, &worker->hands[i], work, &worker->hands[i]);
    start_hand(worker, &worker->chief, lead, worker);
    worker->notify = db_notify_start(
        &(struct db_notify_setup){.channel = "operation", .heard = on_notice, .subject = worker});
    return worker;
}

void operation_worker_stop(struct operation_worker *worker)
{
    if (!worker)
        return;
    db_notify_stop(worker->notify);
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_broadcast(&worker->wake);
    pthread_cond_broadcast(&worker->given);
    pthread_mutex_unlock(&worker->lock);
    for (int i = 0; i < THREADS; i++)
        end_hand(&worker->hands[i]);
    end_hand(&worker->chief);
    pthread_mutex_destroy(&worker->lock);
    pthread_cond_destroy(&worker->wake);
    pthread_cond_destroy(&worker->given);
    db_follow_close(&worker->primary);
    free(worker);
}

void operation_worker_primary(struct operation_worker *worker, const char *conninfo)
{
    pthread_mutex_lock(&worker->lock);
    db_follow_primary(&worker->primary, conninfo, 0);
    worker->heard = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
    db_notify_primary(worker->notify, conninfo);
}

void operation_worker_leads(struct operation_worker *worker, bool leads)
{
    pthread_mutex_lock(&worker->lock);
    worker->leads = leads;
    pthread_mutex_unlock(&worker->lock);
}
