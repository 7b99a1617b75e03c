/* What fenced is asked to do with this member's PostgreSQL, and what came of it: see pg_upkeep.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ha/lease.h"
#include "ha/pg_upkeep.h"
#include "src/base/clock.h"

struct pg_ask {
    struct pg_member *member;
    uint64_t serial;
    uint32_t type;
    uint64_t epoch, end_ns; /* of a lease */
};

static void after_ask(void *subject, const struct fence_reply *reply, int fd);

static void ask_fenced(struct pg_member *member, struct fence_request *request)
{
    struct pg_ask *ask = calloc(1, sizeof(*ask));
    ASSERT(ask);
    *ask = (struct pg_ask){.member = member, .type = request->type};
    if (request->type == FENCE_LEASE) { /* goes on beside the steps */
        ask->epoch = request->lease.epoch;
        ask->end_ns = request->lease.deadline_ns;
    } else {
        ask->serial = op_begin(&member->op, "fenced", 0);
    }
    fence_link_send(member->setup.fence, request, after_ask, ask);
}

void pg_orders_query(struct pg_member *member)
{
    struct fence_request request = {.type = FENCE_QUERY};
    ask_fenced(member, &request);
}

void pg_orders_start(struct pg_member *member)
{
    struct fence_request request = {.type = FENCE_PG_START};
    snprintf(request.pg_start.data_dir, LIMIT_PATH, "%s", member->files.data_dir);
    snprintf(request.pg_start.config_file, LIMIT_PATH, "%s", member->files.config_file);
    request.pg_start.port = (uint32_t)member->setup.settings->pg_port;
    ask_fenced(member, &request);
}

void pg_orders_stop(struct pg_member *member, enum fence_stop mode, uint32_t timeout_ms)
{
    struct fence_request request = {.type = FENCE_PG_STOP};
    request.pg_stop.mode = mode;
    request.pg_stop.timeout_ms = timeout_ms;
    member->op_kind = MEMBER_STOP;
    ask_fenced(member, &request);
}

void pg_orders_promote(struct pg_member *member)
{
    struct fence_request request = {.type = FENCE_PG_SIGNAL};
    request.pg_signal.what = FENCE_SIGNAL_PROMOTE;
    ask_fenced(member, &request);
}

/* The lease is granted: fenced lets PostgreSQL live so long. */
void pg_orders_extended(void *owner, struct lease_hold *hold)
{
    struct pg_member *member = owner;
    struct fence_request request = {.type = FENCE_LEASE};
    if (!member->seen.running)
        return;
    request.lease.resource = FENCE_RESOURCE_POSTGRES;
    request.lease.epoch = hold->core.epoch;
    request.lease.deadline_ns = hold->core.until_ns - LEASE_MARGIN_POSTGRES_MS * CLOCK_MS;
    ask_fenced(member, &request);
}

static void after_start(struct pg_member *member)
{
    struct member_observed *seen = &member->seen;
    seen->running = member->ours = true;
    seen->started_for = member->facts.primary.epoch;
    seen->answers = seen->promoted = seen->marked = seen->open = false;
    seen->source = member->starts_with;
    seen->receiving = member->starts_with != 0;
    if (seen->source)
        member->positioned = false;
    member->failed = member->preset = member->ready_voter = 0;
    member->streams = member->checkpointed = member->warm = false;
    member->replicas_count = 0;
    atomic_store(&member->lease_end_ns, 0);
}

void pg_orders_stopped(struct pg_member *member)
{
    struct member_observed *seen = &member->seen;
    seen->running = seen->answers = seen->open = seen->receiving = false;
    member->recovering = false;
    if (seen->source || seen->promoted)
        member->positioned = false;
    seen->source = 0;
    atomic_store(&member->lease_end_ns, 0);
    /* What stopped needs no lease, but for the last step of a switchover. */
    if (member->change.epoch != seen->started_for || !member->change.stopping)
        leases_release(member->setup.leases, &member->hold);
}

static void after_ask(void *subject, const struct fence_reply *reply, int fd)
{
    struct pg_ask ask = *(struct pg_ask *)subject;
    struct pg_member *member = ask.member;
    struct error err;
    (void)fd;
    free(subject);
    if (ask.serial && !op_end(&member->op, ask.serial))
        return;
    if (ask.type == FENCE_LEASE) { /* refused: it is not extended, and lapses */
        if (!reply->code && member->seen.running) {
            atomic_store(&member->lease_epoch, ask.epoch);
            atomic_store(&member->lease_end_ns, ask.end_ns);
        }
    } else if (reply->code) {
        error_set(&err, (enum error_code)reply->code, "%s", reply->text);
        pg_member_fail(member, &err, PG_UPKEEP_RETRY_MS);
    } else if (ask.type == FENCE_QUERY) {
        member->queried = true;
        member->seen.running = reply->report.postmaster != 0;
    } else if (ask.type == FENCE_PG_START) {
        after_start(member);
    } else if (ask.type == FENCE_PG_STOP) {
        pg_orders_stopped(member);
    }
    member->setup.events.changed(member->setup.owner);
}
