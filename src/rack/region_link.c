/*
 * All links to regions as one: see region_link.h. Which linked region is preferred follows from a
 * hash of rack and region, so that racks spread over regions and stay where they are.
 */
#include "src/rack/region_link.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"
#include "src/wire/digest.h"

enum { PROTOCOL = 1, TRIES = 2, ANNOUNCE_MS = 10000, ANNOUNCE_AGAIN_MS = 2000 };

/* One link and the facts that only this file needs. */
struct row {
    struct region_dial *dial;
    uint64_t rank;      /* of the preference */
    bool told, telling; /* the interfaces as they are now, or just on the way */
};

struct method {
    const char *name;
    region_link_served *served;
    region_link_heard *heard;
    void *subject;
};

struct region_link {
    struct region_link_setup setup;
    struct membership membership;
    json_int_t index; /* how new it is: the highest told by a region */
    struct row rows[LIMIT_REGIONS];
    struct method methods[REGION_LINK_METHODS];
    int methods_count;
    char incarnation[33];
    struct loop_timer announce; /* again, to whom it failed */
    bool writing, write_again, closing, timer_gone;
    int waiting;               /* answers that will come */
    struct membership written; /* what the thread that writes has in hand */
    struct error write_error;
    struct log_gate gate;
};

static const struct region_dial_events dial_events;

static void free_if_done(struct region_link *link)
{
    if (link->closing && link->timer_gone && !link->writing && !link->waiting)
        free(link);
}

/* ---- the list of regions ---- */

static uint64_t rank_of(const struct region_link *link, const char *region)
{
    uint8_t digest[DIGEST_BYTES];
    char text[2 * LIMIT_NAME + 1];
    uint64_t rank;
    snprintf(text, sizeof(text), "%s %s", link->membership.system_id, region);
    digest_sha256(text, strlen(text), digest);
    memcpy(&rank, digest, sizeof(rank));
    return rank;
}

/* Dials for the membership as it is now; those that stay as they were are kept. */
static void match_dials(struct region_link *link)
{
    struct row old[LIMIT_REGIONS];
    memcpy(old, link->rows, sizeof(old));
    memset(link->rows, 0, sizeof(link->rows));
    for (int i = 0; i < link->membership.count; i++) {
        const struct membership_region *region = &link->membership.regions[i];
        struct row *row = &link->rows[i];
        for (int j = 0; j < LIMIT_REGIONS && !row->dial; j++) {
            if (!old[j].dial || memcmp(region_dial_region(old[j].dial), region, sizeof(*region)))
                continue;
            *row = old[j];
            old[j].dial = NULL;
        }
        if (!row->dial)
            row->dial = region_dial_open(link->setup.loop, link->setup.credentials, region,
                                         &dial_events, link);
        row->rank = rank_of(link, region->name);
    }
    for (int j = 0; j < LIMIT_REGIONS; j++)
        region_dial_close(old[j].dial);
}

static void write_membership(void *subject)
{
    struct region_link *link = subject;
    link->write_error.code = ERR_OK;
    membership_write(link->setup.data_dir, &link->written, &link->write_error);
}

static void start_writing(struct region_link *link);

static void on_membership_written(void *subject)
{
    struct region_link *link = subject;
    link->writing = false;
    if (link->write_error.code)
        log_warning("the list of regions is not kept: %s", link->write_error.text);
    if (link->write_again && !link->closing)
        start_writing(link);
    free_if_done(link);
}

static void start_writing(struct region_link *link)
{
    link->write_again = link->writing;
    if (link->writing)
        return;
    link->writing = true;
    link->written = link->membership;
    loop_run_blocking(link->setup.loop, write_membership, on_membership_written, link);
}

/* From a welcome, or the note "regions". A region that was cut off may tell of old times. */
static void take_regions(struct region_link *link, json_t *told_by)
{
    struct membership told = link->membership;
    struct error err;
    json_int_t index = json_integer_value(json_object_get(told_by, "index"));
    if (index < link->index)
        return;
    if (membership_take_regions(&told, json_object_get(told_by, "regions"), &err)) {
        log_warning("the list of regions: %s", err.text);
        return;
    }
    link->index = index;
    if (membership_equal(&told, &link->membership))
        return;
    log_info("the cluster has %d regions now", told.count);
    link->membership = told;
    match_dials(link);
    start_writing(link);
}

/* ---- interfaces ---- */

/* An answer about the interfaces of one region; that region may have left the list meanwhile. */
struct telling {
    struct region_link *link;
    char region[LIMIT_NAME];
};

static struct row *row_named(struct region_link *link, const char *region)
{
    for (int i = 0; i < link->membership.count; i++)
        if (link->rows[i].dial && !strcmp(region_dial_region(link->rows[i].dial)->name, region))
            return &link->rows[i];
    return NULL;
}

static void on_told(void *subject, json_t *result, const struct error *why)
{
    struct telling *telling = subject;
    (void)result;
    struct region_link *link = telling->link;
    struct row *row = link->closing ? NULL : row_named(link, telling->region);
    if (row && row->telling) {
        row->telling = false;
        row->told = row->told || !why->code;
        if (why->code)
            loop_timer_start(&link->announce, ANNOUNCE_AGAIN_MS, 0);
    }
    free(telling);
    link->waiting--;
    free_if_done(link);
}

static void announce_to(struct region_link *link, struct row *row)
{
    struct telling *telling = calloc(1, sizeof(*telling));
    ASSERT(telling);
    telling->link = link;
    strcpy(telling->region, region_dial_region(row->dial)->name);
    json_t *params = json_pack("{so}", "interfaces", link->setup.interfaces(link->setup.owner));
    struct call_link_call call = {"interfaces", params, ANNOUNCE_MS};
    row->telling = true;
    link->waiting++;
    region_dial_call(row->dial, &call, on_told, telling);
    json_decref(params);
}

static void announce_where_needed(struct region_link *link)
{
    for (int i = 0; i < link->membership.count; i++)
        if (region_dial_linked(link->rows[i].dial) && !link->rows[i].told && !link->rows[i].telling)
            announce_to(link, &link->rows[i]);
}

static void on_announce(struct loop_timer *timer)
{
    announce_where_needed(container_of(timer, struct region_link, announce));
}

void region_link_announce(struct region_link *link)
{
    for (int i = 0; i < LIMIT_REGIONS; i++)
        link->rows[i].told = link->rows[i].telling = false;
    announce_where_needed(link);
}

/* ---- events of the dials ---- */

static json_t *on_hello(void *owner)
{
    struct region_link *link = owner;
    return json_pack("{si ss ss ss ss so}", "protocol", PROTOCOL, "system_id",
                     link->membership.system_id, "name", link->membership.name, "version",
                     GANTRY_VERSION, "incarnation", link->incarnation, "interfaces",
                     link->setup.interfaces(link->setup.owner));
}

static void on_linked(void *owner, struct region_dial *dial, json_t *welcome)
{
    struct region_link *link = owner;
    for (int i = 0; i < LIMIT_REGIONS; i++) /* hello carried the interfaces */
        if (link->rows[i].dial == dial)
            link->rows[i].told = true;
    take_regions(link, welcome);
    if (link->setup.linked)
        link->setup.linked(link->setup.owner);
}

static void on_unlinked(void *owner, struct region_dial *dial, const struct error *why)
{
    struct region_link *link = owner;
    (void)dial, (void)why; /* logged by the dial */
    unsigned long held;
    if (!region_link_preferred(link) && log_gate_open(&link->gate, 60, &held))
        log_warning("no region can be reached: going on with what is known here");
}

static const struct method *method_named(const struct region_link *link, const char *name,
                                         bool is_note)
{
    for (int i = 0; i < link->methods_count; i++)
        if (!strcmp(link->methods[i].name, name) && is_note == (link->methods[i].heard != NULL))
            return &link->methods[i];
    return NULL;
}

static void on_called(void *owner, const char *name, json_t *params,
                      struct call_link_request *request)
{
    const struct method *method = method_named(owner, name, false);
    struct error why;
    if (method) {
        method->served(method->subject, params, request);
        return;
    }
    error_set(&why, ERR_NOT_FOUND, "this rack has no method %s", name);
    call_link_refuse(request, &why);
}

static void on_noted(void *owner, const char *name, json_t *params)
{
    const struct method *method = method_named(owner, name, true);
    if (!strcmp(name, "regions"))
        take_regions(owner, params);
    else if (method)
        method->heard(method->subject, params);
}

static const struct region_dial_events dial_events = {on_hello, on_linked, on_unlinked, on_called,
                                                      on_noted};

/* ---- opening and asking ---- */

struct region_link *region_link_open(const struct region_link_setup *setup)
{
    struct region_link *link = calloc(1, sizeof(*link));
    uint8_t random[16];
    ASSERT(link);
    link->setup = *setup;
    link->membership = *setup->membership;
    digest_random(random, sizeof(random));
    digest_hex(random, sizeof(random), link->incarnation);
    loop_timer_init(setup->loop, &link->announce, on_announce);
    match_dials(link);
    return link;
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct region_link *link = container_of(timer, struct region_link, announce);
    link->timer_gone = true;
    free_if_done(link);
}

void region_link_close(struct region_link *link)
{
    if (!link)
        return;
    link->closing = true;
    for (int i = 0; i < LIMIT_REGIONS; i++)
        region_dial_close(link->rows[i].dial);
    loop_timer_close(&link->announce, on_timer_closed);
}

static void add_method(struct region_link *link, struct method method)
{
    ASSERT(link->methods_count < REGION_LINK_METHODS);
    link->methods[link->methods_count++] = method;
}

void region_link_serve(struct region_link *link, const char *method, region_link_served *served,
                       void *subject)
{
    add_method(link, (struct method){method, served, NULL, subject});
}

void region_link_hear(struct region_link *link, const char *method, region_link_heard *heard,
                      void *subject)
{
    add_method(link, (struct method){method, NULL, heard, subject});
}

/* The linked region with the highest rank that is not the one named; *others: are there more? */
static struct region_dial *choose(const struct region_link *link, const char *but, bool *others)
{
    const struct row *best = NULL;
    int count = 0;
    for (int i = 0; i < link->membership.count && !link->closing; i++) {
        const struct row *row = &link->rows[i];
        if (!region_dial_linked(row->dial) || !strcmp(region_dial_region(row->dial)->name, but))
            continue;
        count++;
        if (!best || row->rank > best->rank)
            best = row;
    }
    *others = count > 1;
    return best ? best->dial : NULL;
}

const struct membership *region_link_membership(const struct region_link *link)
{
    return &link->membership;
}

const char *region_link_preferred(const struct region_link *link)
{
    bool others;
    const struct region_dial *dial = choose(link, "", &others);
    return dial ? region_dial_region(dial)->name : NULL;
}

bool region_link_up(const struct region_link *link, int region, const char **problem)
{
    ASSERT(region >= 0 && region < link->membership.count);
    const struct region_dial *dial = link->rows[region].dial;
    *problem = region_dial_problem(dial);
    return region_dial_linked(dial);
}

void region_link_metrics(const struct region_link *link, struct spool *spool)
{
    spool_text(spool, "# HELP gantry_region_linked The link to this region is up.\n"
                      "# TYPE gantry_region_linked gauge\n");
    for (int i = 0; i < link->membership.count; i++)
        spool_printf(spool, "gantry_region_linked{region=\"%s\"} %d\n",
                     link->membership.regions[i].name, region_dial_linked(link->rows[i].dial));
}

/* ---- calls ---- */

struct attempt {
    struct region_link *link;
    char method[32];
    json_t *params;
    uint64_t deadline_ns;
    call_link_done *done;
    void *subject;
    char asked[LIMIT_NAME]; /* the region of the last try */
    int tries;
    struct error why;
};

static void finish(struct attempt *attempt, json_t *result, const struct error *why)
{
    struct region_link *link = attempt->link;
    attempt->done(attempt->subject, result, why);
    json_decref(attempt->params);
    free(attempt);
    link->waiting--;
    free_if_done(link);
}

static void finish_unasked(void *subject)
{
    struct attempt *attempt = subject;
    struct error why = attempt->why;
    finish(attempt, NULL, &why);
}

static bool try_once(struct attempt *attempt);

static void on_answer(void *subject, json_t *result, const struct error *why)
{
    struct attempt *attempt = subject;
    if (error_retryable(why->code) && attempt->tries < TRIES && try_once(attempt))
        return;
    finish(attempt, result, why);
}

/* Ask the best region that was not asked yet; false = there is none, or no time is left. */
static bool try_once(struct attempt *attempt)
{
    bool others;
    uint64_t now = clock_boot_ns();
    struct region_dial *dial = choose(attempt->link, attempt->asked, &others);
    if (!dial || now >= attempt->deadline_ns)
        return false;
    unsigned left_ms = (unsigned)((attempt->deadline_ns - now) / CLOCK_MS) + 1;
    bool last = ++attempt->tries == TRIES || !others;
    struct call_link_call call = {attempt->method, attempt->params,
                                  last ? left_ms : left_ms / 2 + 1};
    strcpy(attempt->asked, region_dial_region(dial)->name);
    region_dial_call(dial, &call, on_answer, attempt);
    return true;
}

void region_link_call(struct region_link *link, const struct call_link_call *call,
                      call_link_done *done, void *subject)
{
    const char *problem = "";
    struct attempt *attempt = calloc(1, sizeof(*attempt));
    ASSERT(attempt && strlen(call->method) < sizeof(attempt->method));
    *attempt = (struct attempt){.link = link,
                                .params = json_incref(call->params),
                                .deadline_ns = clock_boot_ns() + call->timeout_ms * CLOCK_MS,
                                .done = done,
                                .subject = subject};
    strcpy(attempt->method, call->method);
    link->waiting++;
    if (try_once(attempt))
        return;
    for (int i = 0; i < link->membership.count && !link->closing && !*problem; i++)
        problem = region_dial_problem(link->rows[i].dial);
    error_set(&attempt->why, ERR_UNAVAILABLE, "no region can be reached: %s",
              *problem ? problem : "none is linked yet");
    loop_post(link->setup.loop, finish_unasked, attempt);
}
