/*
 * Power control on the rack: see power.h. Orders wait in one list; one runs when no other of the
 * same BMC does. An order that comes again (same request) joins the one under way, and is told the
 * outcome of one that has ended lately, so that nothing is done twice.
 */
#include "src/rack/power.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/rack/power_order.h"

enum {
    RUNNING_MAX = 6,    /* threads of the loop are for others too */
    BACKGROUND_MAX = 3, /* of these, orders that nobody waits for */
    REMEMBERED = 64,
};

struct task {
    struct task *next;
    struct power_order order;
    struct call_link_request *requests[4]; /* who waits for it */
    int requests_count;
    bool runs;
    uint64_t arrived_ns;
    enum power_seen seen;
    json_t *machines; /* of a list; owned */
    struct error err; /* code ERR_OK = done */
};

struct outcome {
    char request[sizeof(((struct power_order *)0)->request)];
    enum power_seen seen;
    struct error err;
};

static struct {
    struct loop *loop;
    struct power_tools tools;
    struct task *tasks, **last;
    int count, running, background; /* of those that run */
    struct outcome outcomes[REMEMBERED];
    unsigned next_outcome;
    uint64_t done, failed;
} power;

static void answer(struct call_link_request *request, enum power_seen seen, json_t *machines,
                   const struct error *err)
{
    if (err->code) {
        call_link_refuse(request, err);
        return;
    }
    json_t *result = json_pack("{ss}", "state", power_order_seen_word(seen));
    if (machines)
        json_object_set(result, "machines", machines);
    call_link_answer(request, result);
    json_decref(result);
}

static void start_next(void);

static void remember(const struct task *task)
{
    struct outcome *outcome = &power.outcomes[power.next_outcome++ % REMEMBERED];
    strcpy(outcome->request, task->order.request);
    outcome->seen = task->seen;
    outcome->err = task->err;
}

static void run_task(void *subject)
{
    struct task *task = subject;
    struct arena *arena = arena_new();
    uint64_t waited_ms = (clock_boot_ns() - task->arrived_ns) / CLOCK_MS;
    if (waited_ms >= task->order.timeout_ms) {
        error_set(&task->err, ERR_BUSY, "%s is busy with other orders", task->order.bmc);
    } else {
        ASSERT(!task->order.background || task->order.action == POWER_QUERY);
        task->order.timeout_ms -= (unsigned)waited_ms;
        task->err.code = task->order.action == POWER_LIST
                             ? power_order_list(&task->order, arena, &task->machines, &task->err)
                             : power_order_run(&task->order, arena, &task->seen, &task->err);
    }
    arena_free(arena);
}

/* Looks that nobody waits for are many. */
static void log_end(const struct task *task)
{
    const struct power_order *order = &task->order;
    uint64_t took_ms = (clock_boot_ns() - task->arrived_ns) / CLOCK_MS;
    if (task->err.code)
        log_write(order->background ? LOG_DEBUG : LOG_WARNING, "power %s of %s: %s",
                  power_order_action_word(order->action), order->system_id, task->err.text);
    else
        log_write(order->background ? LOG_DEBUG : LOG_INFO, "power %s of %s (%s): %s, %llu ms",
                  power_order_action_word(order->action), order->system_id,
                  *order->bmc ? order->bmc : order->driver->name, power_order_seen_word(task->seen),
                  (unsigned long long)took_ms);
}

static void on_ended(void *subject)
{
    struct task *task = subject;
    const struct power_order *order = &task->order;
    for (struct task **at = &power.tasks; *at; at = &(*at)->next) {
        if (*at != task)
            continue;
        *at = task->next;
        if (power.last == &task->next)
            power.last = at;
        break;
    }
    power.count--;
    power.running--;
    power.background -= order->background;
    log_end(task);
    if (task->err.code)
        power.failed++;
    else
        power.done++;
    if (!order->background && order->action != POWER_LIST)
        remember(task);
    for (int i = 0; i < task->requests_count; i++)
        answer(task->requests[i], task->seen, task->machines, &task->err);
    power_order_close(&task->order);
    json_decref(task->machines);
    free(task);
    start_next();
}

static bool bmc_is_busy(const struct power_order *order)
{
    for (const struct task *task = power.tasks; task && *order->bmc; task = task->next)
        if (task->runs && !strcmp(task->order.bmc, order->bmc) &&
            !strcmp(task->order.unit, order->unit))
            return true;
    return false;
}

static bool has_room(bool background)
{
    return power.running < RUNNING_MAX && (!background || power.background < BACKGROUND_MAX);
}

static void start_those(bool background)
{
    for (struct task *task = power.tasks; task && has_room(background); task = task->next) {
        if (task->runs || task->order.background != background || bmc_is_busy(&task->order))
            continue;
        task->runs = true;
        power.running++;
        power.background += background;
        loop_run_blocking(power.loop, run_task, on_ended, task);
    }
}

static void start_next(void)
{
    start_those(false);
    start_those(true);
}

/* True: the order is known, the request was answered or waits with it. */
static bool join_earlier(const struct power_order *order, struct call_link_request *request)
{
    for (struct task *task = power.tasks; task; task = task->next) {
        if (strcmp(task->order.request, order->request) != 0 ||
            task->requests_count == (int)(sizeof(task->requests) / sizeof(task->requests[0])))
            continue;
        task->requests[task->requests_count++] = request;
        return true;
    }
    for (int i = 0; i < REMEMBERED; i++) {
        const struct outcome *outcome = &power.outcomes[i];
        /* A failure may be tried again; what was done is not done twice. */
        if (strcmp(outcome->request, order->request) != 0 || outcome->err.code)
            continue;
        answer(request, outcome->seen, NULL, &outcome->err);
        return true;
    }
    return false;
}

static void on_power(void *subject, json_t *params, struct call_link_request *request)
{
    struct power_order order;
    struct error err;
    (void)subject;
    if (power_order_parse(params, &order, &err)) {
        call_link_refuse(request, &err);
        return;
    }
    if (join_earlier(&order, request)) {
        power_order_close(&order);
        return;
    }
    if (power.count >= (order.background ? POWER_ORDERS_MAX / 2 : POWER_ORDERS_MAX)) {
        error_set(&err, ERR_LIMIT, "%d power orders wait on this rack", power.count);
        call_link_refuse(request, &err);
        power_order_close(&order);
        return;
    }
    struct task *task = calloc(1, sizeof(*task));
    ASSERT(task);
    order.tools = &power.tools;
    task->order = order;
    task->seen = POWER_SEEN_UNKNOWN;
    task->requests[task->requests_count++] = request;
    task->arrived_ns = clock_boot_ns();
    *power.last = task;
    power.last = &task->next;
    power.count++;
    start_next();
}

enum error_code power_start(struct rack *rack, struct error *err)
{
    (void)err;
    power.loop = &rack->loop;
    power.tools = (struct power_tools){
        .ipmitool = rack->settings.ipmitool,
        .snmpget = rack->settings.snmpget,
        .snmpset = rack->settings.snmpset,
        .virsh = rack->settings.virsh,
        .ssh = rack->settings.ssh,
        .folder = rack->settings.run_dir,
        .known_hosts = arena_printf(rack->arena, "%s/power_known_hosts", rack->settings.data_dir),
    };
    power.last = &power.tasks;
    region_link_serve(rack->regions, "power", on_power, NULL);
    return ERR_OK;
}

void power_metrics(struct rack *rack, struct spool *spool)
{
    (void)rack;
    spool_printf(spool,
                 "# HELP gantry_power_orders_total Power orders that ended.\n"
                 "# TYPE gantry_power_orders_total counter\n"
                 "gantry_power_orders_total{outcome=\"done\"} %llu\n"
                 "gantry_power_orders_total{outcome=\"failed\"} %llu\n"
                 "# HELP gantry_power_orders Power orders that wait or run.\n"
                 "# TYPE gantry_power_orders gauge\n"
                 "gantry_power_orders %d\n",
                 (unsigned long long)power.done, (unsigned long long)power.failed, power.count);
}
