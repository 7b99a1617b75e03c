/*
 * The leader's looks at the power of machines: see power_watch.h. A place is a look under way:
 * free, with the racks, or answered and not yet recorded. Racks answer on the loop's thread.
 */
#include "src/region/power_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"
#include "src/db/db_follow.h"
#include "src/model/power_driver.h"
#include "src/region/power_watch_store.h"
#include "src/region/rack_door.h"
#include "src/region/rack_seen.h"
#include "src/wire/digest.h"

enum {
    LOOK_MS = 1000,   /* without an answer */
    PAUSE_S = 5,      /* after the database failed */
    ORDER_MS = 20000, /* for one BMC */
    REQUEST_BYTES = 24,
};

struct place {
    enum { FREE, ASKED, ANSWERED } state;
    struct power_watch_look look;
};

/* One region a process. What the loop tells stands under the lock; the rest is the thread's. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t told;
    struct db_follow primary;
    bool leads, answered;
    struct place places[POWER_SCHEDULE_PLACES];
    uint64_t looks, failures; /* for /metrics */

    const struct seal_ring *ring;
    struct db_follower mine;
    struct arena *arena;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- with the racks ---- */

/* Under the lock. */
static void answer(struct place *place, const char *power, const struct error *why)
{
    place->state = watch.leads ? ANSWERED : FREE;
    place->look.power = power;
    place->look.why = *why;
    power_watch_look_close(&place->look);
    watch.looks++;
    watch.failures += power == NULL;
    watch.answered = true;
    pthread_cond_signal(&watch.told);
}

static void on_ended(void *subject, const char *power, const struct error *why)
{
    pthread_mutex_lock(&watch.lock);
    answer(subject, power, why);
    pthread_mutex_unlock(&watch.lock);
}

/* The place is ours alone until the order is given. */
static void ask(struct place *place)
{
    struct power_watch_look *look = &place->look;
    const struct power_driver *driver = power_driver_find(look->type);
    char request[REQUEST_BYTES + 1], address[RACK_POWER_ADDRESS];
    struct error err = look->why;
    if (look->parameters) {
        digest_random_text(request, REQUEST_BYTES);
        power_driver_host(driver, look->parameters, address, sizeof(address));
        struct rack_power_order order = {
            .request = request,
            .system_id = look->system_id,
            .action = "query",
            .driver = driver->name,
            .parameters = look->parameters,
            .address = address,
            .timeout_ms = ORDER_MS,
            .background = true,
        };
        if (!rack_door_power_begin(&order, on_ended, place, &err))
            return;
    }
    on_ended(place, NULL, &err);
}

/* ---- one pass ---- */

struct pass {
    struct power_watch_wish wish;
    struct power_watch_looks looks;
    bool failed;
};

static enum error_code record(struct db *db, void *subject, struct error *err)
{
    const struct pass *pass = subject;
    unsigned roll;
    digest_random(&roll, sizeof(roll));
    return power_watch_record(db, &pass->looks, roll, watch.arena, err);
}

/* What cannot be recorded now is looked at again. */
static enum error_code record_answers(struct pass *pass, struct error *err)
{
    pass->looks.count = 0;
    pthread_mutex_lock(&watch.lock);
    for (size_t i = 0; i < COUNT_OF(watch.places); i++) {
        if (watch.places[i].state != ANSWERED)
            continue;
        pass->looks.list[pass->looks.count++] = watch.places[i].look;
        watch.places[i].state = FREE;
    }
    pthread_mutex_unlock(&watch.lock);
    return pass->looks.count ? db_transact(watch.mine.db, DB_WRITE, record, pass, err) : ERR_OK;
}

static enum error_code read_due(struct db *db, void *subject, struct error *err)
{
    struct pass *pass = subject;
    for (int i = 0; i < pass->looks.count; i++) /* of an earlier run */
        power_watch_look_close(&pass->looks.list[i]);
    return power_watch_due(db, watch.ring, &pass->wish, watch.arena, &pass->looks, err);
}

static void plan(struct pass *pass)
{
    const char *bmcs[POWER_SCHEDULE_PLACES];
    int count = 0, failing = 0;
    pthread_mutex_lock(&watch.lock);
    for (size_t i = 0; i < COUNT_OF(watch.places); i++) {
        const struct place *place = &watch.places[i];
        if (place->state == FREE)
            continue;
        bmcs[count++] = arena_strdup(watch.arena, place->look.bmc);
        failing += place->look.failures > 0;
    }
    pthread_mutex_unlock(&watch.lock);
    pass->looks.count = 0;
    pass->wish = (struct power_watch_wish){
        .bmcs = db_array(watch.arena, bmcs, count),
        .room = power_schedule_room(false, count - failing),
        .failing_room = power_schedule_room(true, failing),
    };
}

/* Only this thread takes places. */
static void ask_all(const struct pass *pass)
{
    size_t place = 0;
    for (int i = 0; i < pass->looks.count; i++) {
        pthread_mutex_lock(&watch.lock);
        while (place < COUNT_OF(watch.places) && watch.places[place].state != FREE)
            place++;
        ASSERT(place < COUNT_OF(watch.places));
        watch.places[place].look = pass->looks.list[i];
        watch.places[place].state = ASKED;
        pthread_mutex_unlock(&watch.lock);
        ask(&watch.places[place++]);
    }
}

static enum error_code look_around(struct error *err)
{
    struct pass pass = {.looks = {.count = 0}};
    enum error_code code = record_answers(&pass, err);
    plan(&pass);
    if (code || !rack_seen_any_linked() || (!pass.wish.room && !pass.wish.failing_room))
        return code;
    code = db_transact(watch.mine.db, DB_READ, read_due, &pass, err);
    if (!code)
        ask_all(&pass);
    for (int i = 0; i < pass.looks.count && code; i++)
        power_watch_look_close(&pass.looks.list[i]);
    return code;
}

/* ---- the thread ---- */

/* Until there is a primary and this region leads, and an answer came or time has passed. */
static void wait_for_work(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t end_ns =
        (uint64_t)until.tv_sec * CLOCK_S + (uint64_t)until.tv_nsec + LOOK_MS * CLOCK_MS;
    until.tv_sec = (time_t)(end_ns / CLOCK_S);
    until.tv_nsec = (long)(end_ns % CLOCK_S);
    int rv = 0;
    pthread_mutex_lock(&watch.lock);
    while (!watch.primary.conninfo || !watch.leads || (!watch.answered && rv == 0)) {
        if (!watch.primary.conninfo || !watch.leads)
            pthread_cond_wait(&watch.told, &watch.lock);
        else
            rv = pthread_cond_timedwait(&watch.told, &watch.lock, &until);
    }
    watch.answered = false;
    db_follow_turn(&watch.primary, &watch.mine);
    pthread_mutex_unlock(&watch.lock);
}

static void *run(void *unused)
{
    static struct log_gate gate;
    unsigned long held;
    struct error err;
    (void)unused;
    for (;;) {
        wait_for_work();
        enum error_code code = look_around(&err);
        if (code && log_gate_open(&gate, 60, &held))
            log_warning("looking at power: %s", err.text);
        if (code)
            nanosleep(&(struct timespec){.tv_sec = PAUSE_S}, NULL);
        arena_reset(watch.arena);
    }
    return NULL;
}

enum error_code power_watch_start(struct region *region, struct error *err)
{
    pthread_condattr_t attributes;
    pthread_t thread;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch.told, &attributes);
    pthread_condattr_destroy(&attributes);
    watch.ring = &region->ring;
    watch.arena = arena_new();
    db_follow_join(&watch.primary, &watch.mine);
    if (pthread_create(&thread, NULL, run, NULL))
        return error_set(err, ERR_INTERNAL, "no thread for looks at power");
    pthread_detach(thread); /* it ends with the program: each step of it may break off */
    return ERR_OK;
}

void power_watch_look_at(struct region *region, const struct cluster_view *view)
{
    (void)region;
    bool leads = view->known && view->leads;
    pthread_mutex_lock(&watch.lock);
    if (leads && !watch.leads)
        pthread_cond_signal(&watch.told);
    watch.leads = leads;
    for (size_t i = 0; i < COUNT_OF(watch.places) && !leads; i++) /* they would be old by then */
        if (watch.places[i].state == ANSWERED)
            watch.places[i].state = FREE;
    pthread_mutex_unlock(&watch.lock);
}

void power_watch_primary(struct region *region, const char *conninfo, uint64_t epoch)
{
    (void)region;
    pthread_mutex_lock(&watch.lock);
    db_follow_primary(&watch.primary, conninfo, epoch);
    pthread_cond_signal(&watch.told);
    pthread_mutex_unlock(&watch.lock);
}

void power_watch_metrics(struct spool *spool)
{
    pthread_mutex_lock(&watch.lock);
    unsigned long long looks = watch.looks, failures = watch.failures;
    pthread_mutex_unlock(&watch.lock);
    spool_printf(spool,
                 "# HELP gantry_power_looks_total Looks at the power of machines, by the leader.\n"
                 "# TYPE gantry_power_looks_total counter\n"
                 "gantry_power_looks_total{outcome=\"seen\"} %llu\n"
                 "gantry_power_looks_total{outcome=\"failed\"} %llu\n",
                 looks - failures, failures);
}
