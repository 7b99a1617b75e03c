/* What regions say of themselves: see member_status.h. */
#include "src/region/member_status.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/region/rack_seen.h"

enum { ASK_EVERY_MS = 1000, ANSWER_MS = 700 };

struct seen {
    uint64_t id, heard_ns;
    bool reachable;
    json_t *said;
};

static struct {
    pthread_mutex_t lock;
    struct seen members[LIMIT_REGIONS + 1];
    int count;
} shown = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Loop only. */
static struct {
    uint64_t next_ns;
    struct fence_report held; /* as gantry-fenced last said */
    bool asking_fenced;
} own;

/* ---- this region ---- */

static json_t *list_held(void)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < own.held.addresses && i < LIMIT_VIPS; i++)
        json_array_append_new(list, json_pack("{ss sb}", "address", own.held.address[i].address,
                                              "guard", own.held.address[i].guarded != 0));
    return list;
}

static const char *first_problem(const struct region_report *report)
{
    if (report->pg_problem[0])
        return report->pg_problem;
    if (report->api_problem[0])
        return report->api_problem;
    return report->balancer_problem[0] ? report->balancer_problem : report->vip_problem;
}

json_t *member_status_own(struct region *region)
{
    struct region_report report;
    struct replica_report raft;
    char lsn[32];
    region_read(&report);
    replica_report(region->replica, &raft);
    snprintf(lsn, sizeof(lsn), "%X/%X", (unsigned)(report.pg_lsn >> 32), (unsigned)report.pg_lsn);
    json_t *said =
        json_pack("{ss sI sI ss ss si ss sI sb sb ss so so}", "raft_role", raft.role, "raft_index",
                  (json_int_t)raft.index, "raft_applied", (json_int_t)raft.applied, "pg_role",
                  report.pg_role, "pg_step", report.pg_step, "pg_timeline", (int)report.pg_timeline,
                  "pg_lsn", lsn, "pg_lsn_bytes", (json_int_t)report.pg_lsn, "serves", report.serves,
                  "balancer", report.balancer_runs, "problem", first_problem(&report), "held",
                  list_held(), "racks", rack_seen_linked_list());
    ASSERT(said);
    return said;
}

static void on_held(void *subject, const struct fence_reply *reply, int fd)
{
    (void)subject, (void)fd;
    own.asking_fenced = false;
    if (!reply->code)
        own.held = reply->report;
}

/* ---- the others ---- */

static struct seen *find(uint64_t id)
{
    for (int i = 0; i < shown.count; i++)
        if (shown.members[i].id == id)
            return &shown.members[i];
    return NULL;
}

/* With the lock held. */
static struct seen *seen_of(uint64_t id)
{
    struct seen *seen = find(id);
    if (!seen && shown.count < LIMIT_REGIONS + 1) {
        seen = &shown.members[shown.count++];
        *seen = (struct seen){.id = id};
    }
    return seen;
}

static void keep(uint64_t id, json_t *said, bool reachable)
{
    pthread_mutex_lock(&shown.lock);
    struct seen *seen = seen_of(id);
    if (seen)
        seen->reachable = reachable;
    if (seen && said) {
        json_decref(seen->said);
        seen->said = json_deep_copy(said);
        seen->heard_ns = clock_boot_ns();
    }
    pthread_mutex_unlock(&shown.lock);
}

static void forget_removed(const struct cluster_view *view)
{
    pthread_mutex_lock(&shown.lock);
    int kept = 0;
    for (int i = 0; i < shown.count; i++) {
        struct seen seen = shown.members[i];
        bool is_member = seen.id == view->self;
        for (int k = 0; k < view->servers_count; k++)
            is_member |= view->servers[k].id == seen.id;
        if (is_member)
            shown.members[kept++] = seen;
        else
            json_decref(seen.said);
    }
    shown.count = kept;
    pthread_mutex_unlock(&shown.lock);
}

json_t *member_status_of(uint64_t member, bool *reachable, int64_t *ago_ms)
{
    pthread_mutex_lock(&shown.lock);
    const struct seen *seen = find(member);
    *reachable = seen && seen->reachable;
    *ago_ms =
        seen && seen->heard_ns ? (int64_t)((clock_boot_ns() - seen->heard_ns) / CLOCK_MS) : -1;
    json_t *copy = seen && seen->said ? json_deep_copy(seen->said) : NULL;
    pthread_mutex_unlock(&shown.lock);
    return copy;
}

/* With the lock held. One that starts, or is to be made anew, has no copy that counts. */
static bool has_copy(uint64_t member)
{
    const struct seen *seen = find(member);
    const char *role = seen ? json_string_value(json_object_get(seen->said, "pg_role")) : NULL;
    return role && seen->reachable && (!strcmp(role, "primary") || !strcmp(role, "standby"));
}

bool member_status_writes_wait(const struct cluster_view *view)
{
    const struct cluster_state *facts = &view->facts;
    int copies = 0;
    pthread_mutex_lock(&shown.lock);
    for (int i = 0; i < facts->members_count; i++)
        copies += facts->members[i].data_voter && has_copy(facts->members[i].id);
    pthread_mutex_unlock(&shown.lock);
    return view->known && facts->primary.phase == CLUSTER_SERVING &&
           copies < cluster_state_voters(facts) / 2 + 1;
}

/* A round of questions: the loop's, or one that a thread waits for. */
struct round {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int owners, open;
    struct region *region;
};

/* With the lock held; gives it up. */
static void let_go(struct round *round)
{
    bool last = --round->owners == 0;
    pthread_mutex_unlock(&round->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&round->lock);
    pthread_cond_destroy(&round->ended);
    free(round);
}

struct question {
    struct round *round;
    uint64_t member;
};

static void on_status(void *subject, json_t *result, const struct error *why)
{
    struct question *question = subject;
    struct round *round = question->round;
    keep(question->member, why->code ? NULL : result, !why->code);
    free(question);
    pthread_mutex_lock(&round->lock);
    round->open--;
    pthread_cond_signal(&round->ended);
    let_go(round);
}

/* Loop. */
static void ask_all(struct round *round)
{
    static const struct call_link_call call = {"status", NULL, ANSWER_MS};
    struct region *region = round->region;
    struct replica_server servers[LIMIT_REGIONS + 1];
    int count = replica_servers(region->replica, servers, LIMIT_REGIONS + 1);
    json_t *said = member_status_own(region);
    keep(region->self, said, true);
    json_decref(said);
    pthread_mutex_lock(&round->lock);
    for (int i = 0; i < count; i++)
        round->open += servers[i].id != region->self;
    round->owners += round->open;
    for (int i = 0; i < count; i++) {
        if (servers[i].id == region->self)
            continue;
        struct question *question = malloc(sizeof(*question));
        ASSERT(question);
        *question = (struct question){round, servers[i].id};
        member_calls_call(region->members, servers[i].id, &call, on_status, question);
    }
    pthread_cond_signal(&round->ended);
    let_go(round);
}

static struct round *new_round(struct region *region, int owners)
{
    struct round *round = calloc(1, sizeof(*round));
    pthread_condattr_t attributes;
    ASSERT(round);
    round->region = region;
    round->owners = owners;
    pthread_mutex_init(&round->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&round->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    return round;
}

static void ask_posted(void *subject)
{
    struct round *round = subject;
    pthread_mutex_lock(&round->lock);
    round->open--; /* stood for: not asked yet */
    pthread_mutex_unlock(&round->lock);
    ask_all(round);
}

void member_status_ask(struct region *region, unsigned wait_ms)
{
    struct round *round = new_round(region, 2);
    struct timespec until;
    round->open = 1;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t end_ns =
        (uint64_t)until.tv_sec * CLOCK_S + (uint64_t)until.tv_nsec + wait_ms * CLOCK_MS;
    until = (struct timespec){(time_t)(end_ns / CLOCK_S), (long)(end_ns % CLOCK_S)};
    loop_post(&region->loop, ask_posted, round);
    int rv = 0;
    pthread_mutex_lock(&round->lock);
    while (round->open && rv != ETIMEDOUT)
        rv = pthread_cond_timedwait(&round->ended, &round->lock, &until);
    let_go(round);
}

void member_status_look(struct region *region, const struct cluster_view *view)
{
    uint64_t now_ns = clock_boot_ns();
    if (now_ns < own.next_ns)
        return;
    own.next_ns = now_ns + ASK_EVERY_MS * CLOCK_MS;
    if (!own.asking_fenced) {
        struct fence_request request = {.type = FENCE_QUERY};
        own.asking_fenced = true;
        fence_link_send(region->fence, &request, on_held, NULL);
    }
    forget_removed(view);
    ask_all(new_round(region, 1));
}
