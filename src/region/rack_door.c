/*
 * The way from the API's threads to the racks: see rack_door.h. An order is an object that the
 * thread that waits and the loop that carries it out own together: either may be done with it
 * first.
 */
#include "src/region/rack_door.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/region/rack_links.h"

enum { TIMEOUT_MS = 60000, MOST_MS = 120000, LEAST_MS = 1000, GRACE_MS = 2000 };

struct order {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int owners;
    bool done;
    /* the order, written before the loop sees it */
    json_t *params;
    char rack[LIMIT_NAME], address[64];
    bool once; /* must not be done twice: an answer that is lost ends it */
    uint64_t deadline_ns;
    rack_door_ended *ended_call; /* of who does not wait; NULL: somebody does */
    void *subject;
    /* loop only */
    struct rack_links_choice choice;
    int next;
    /* the outcome */
    const char *power;
    json_t *result;
    struct error why;
};

static void let_go(struct order *order)
{
    pthread_mutex_lock(&order->lock);
    bool last = --order->owners == 0;
    pthread_mutex_unlock(&order->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&order->lock);
    pthread_cond_destroy(&order->ended);
    json_decref(order->params);
    json_decref(order->result);
    free(order);
}

/* ---- on the loop ---- */

static void end_order(struct order *order)
{
    if (order->ended_call) {
        order->ended_call(order->subject, order->power, &order->why);
        let_go(order);
        return;
    }
    pthread_mutex_lock(&order->lock);
    order->done = true;
    pthread_cond_signal(&order->ended);
    pthread_mutex_unlock(&order->lock);
    let_go(order);
}

static void ask_next(struct order *order);

static const char *power_word(json_t *result)
{
    static const char *const words[] = {"on", "off", "unknown"};
    const char *text = json_string_value(json_object_get(result, "state"));
    for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(text, words[i]))
            return words[i];
    return NULL;
}

/* May another rack fare better? Not with wrong parameters or a BMC that refuses the user. */
static bool worth_another(const struct order *order, enum error_code code)
{
    bool unclear = code == ERR_UNKNOWN_OUTCOME || code == ERR_TIMEOUT;
    if (unclear && order->once)
        return false;
    return error_retryable(code) || code == ERR_NOT_FOUND;
}

static void on_answer(void *subject, json_t *result, const struct error *why)
{
    struct order *order = subject;
    const char *rack = order->choice.system_id[order->next - 1];
    order->why = *why;
    order->power = why->code ? NULL : power_word(result);
    if (order->power) {
        order->result = json_incref(result);
        json_object_set_new(result, "rack", json_string(rack));
    }
    if (!why->code && !order->power)
        error_set(&order->why, ERR_CORRUPT, "rack %s: its answer to power lacks a state", rack);
    if (why->code == ERR_TIMEOUT && order->once)
        order->why.code = ERR_UNKNOWN_OUTCOME;
    if (why->code && worth_another(order, why->code)) {
        log_debug("power: rack %s: %s", rack, why->text);
        ask_next(order);
    } else {
        end_order(order);
    }
}

static void ask_next(struct order *order)
{
    uint64_t now = clock_boot_ns();
    if (order->next == order->choice.count || now >= order->deadline_ns) {
        if (order->choice.count == 0)
            error_set(&order->why, ERR_UNAVAILABLE,
                      "no rack is linked to this region: is gantry-rackd running?");
        end_order(order);
        return;
    }
    unsigned left_ms = (unsigned)((order->deadline_ns - now + CLOCK_MS - 1) / CLOCK_MS);
    if (order->next + 1 < order->choice.count && left_ms > 2 * LEAST_MS)
        left_ms /= 2;
    json_object_set_new(order->params, "timeout_ms", json_integer(left_ms));
    struct call_link_call call = {"power", order->params, left_ms + LEAST_MS};
    rack_links_call(order->choice.system_id[order->next++], &call, on_answer, order);
}

static void begin(void *subject)
{
    struct order *order = subject;
    rack_links_choose(order->rack[0] ? order->rack : NULL, order->address, &order->choice);
    ask_next(order);
}

/* ---- on the thread that gives it ---- */

static struct order *new_order(const struct rack_power_order *wanted, struct error *err)
{
    json_t *params = json_pack("{ss ss ss ss so}", "request", wanted->request, "system_id",
                               wanted->system_id, "action", wanted->action, "driver",
                               wanted->driver, "parameters", json_deep_copy(wanted->parameters));
    if (!params) {
        error_set(err, ERR_BAD_INPUT, "a power order that is not UTF-8");
        return NULL;
    }
    if (wanted->background)
        json_object_set_new(params, "background", json_true());
    struct order *order = calloc(1, sizeof(*order));
    pthread_condattr_t attributes;
    ASSERT(order);
    order->params = params;
    order->owners = 2;
    order->once = !strcmp(wanted->action, "cycle");
    unsigned timeout_ms = wanted->timeout_ms ? wanted->timeout_ms : TIMEOUT_MS;
    order->deadline_ns = clock_boot_ns() + (timeout_ms < MOST_MS ? timeout_ms : MOST_MS) * CLOCK_MS;
    snprintf(order->rack, sizeof(order->rack), "%s", wanted->rack ? wanted->rack : "");
    snprintf(order->address, sizeof(order->address), "%s", wanted->address ? wanted->address : "");
    pthread_mutex_init(&order->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&order->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    return order;
}

static bool wait_for(struct order *order)
{
    struct timespec until;
    uint64_t left_ns = order->deadline_ns - clock_boot_ns() + GRACE_MS * CLOCK_MS;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t end_ns = (uint64_t)until.tv_sec * CLOCK_S + (uint64_t)until.tv_nsec + left_ns;
    until.tv_sec = (time_t)(end_ns / CLOCK_S);
    until.tv_nsec = (long)(end_ns % CLOCK_S);
    int rv = 0;
    pthread_mutex_lock(&order->lock);
    while (!order->done && rv != ETIMEDOUT)
        rv = pthread_cond_timedwait(&order->ended, &order->lock, &until);
    bool done = order->done;
    pthread_mutex_unlock(&order->lock);
    return done;
}

enum error_code rack_door_power(const struct rack_power_order *wanted, const char **power,
                                struct error *err)
{
    struct loop *loop;
    if (!rack_links_loop(&loop))
        return error_set(err, ERR_UNAVAILABLE, "this region serves no racks now");
    struct order *order = new_order(wanted, err);
    if (!order)
        return ERR_BAD_INPUT;
    loop_post(loop, begin, order);
    enum error_code code = ERR_OK;
    if (!wait_for(order))
        code = error_set(err, ERR_UNKNOWN_OUTCOME, "power %s: no outcome in time", wanted->action);
    else if (order->power) {
        *power = order->power;
        if (wanted->result)
            *wanted->result = json_incref(order->result);
    } else
        code = error_set(err, order->why.code, "power %s: %.440s", wanted->action, order->why.text);
    let_go(order);
    return code;
}

enum error_code rack_door_power_begin(const struct rack_power_order *wanted, rack_door_ended *ended,
                                      void *subject, struct error *err)
{
    struct loop *loop;
    if (!rack_links_loop(&loop))
        return error_set(err, ERR_UNAVAILABLE, "this region serves no racks now");
    struct order *order = new_order(wanted, err);
    if (!order)
        return ERR_BAD_INPUT;
    order->owners = 1;
    order->ended_call = ended;
    order->subject = subject;
    loop_post(loop, begin, order);
    return ERR_OK;
}

struct note {
    char method[32];
    json_t *params;
};

static void send_note(void *subject)
{
    struct note *note = subject;
    rack_links_note(note->method, note->params);
    json_decref(note->params);
    free(note);
}

void rack_door_note(const char *method, json_t *params)
{
    struct loop *loop;
    if (!rack_links_loop(&loop))
        return;
    struct note *note = calloc(1, sizeof(*note));
    ASSERT(note && strlen(method) < sizeof(note->method));
    strcpy(note->method, method);
    note->params = json_deep_copy(params);
    loop_post(loop, send_note, note);
}
