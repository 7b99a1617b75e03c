/*
 * The threads that carry out operations (operation_store.h) in this region, and the leader's look
 * at time limits (machine_limit.h), at silent machines (machine_watch.h) and at what people are to
 * know (notification_duty.h): one that claims, some that work, each with a database connection of
 * its own. Loop thread, unless a function says otherwise.
 */
#pragma once

#include <stdint.h>

#include "src/region/machine_watch.h"
#include "src/wire/seal.h"

struct operation_worker;

struct operation_worker_setup {
    const char *name;             /* of the region; outlives the worker */
    const struct seal_ring *ring; /* outlives the worker */
    unsigned order_timeout_ms;    /* 0 = 60 s */
    /** Is any rack linked to this region? Else others are let go first. Any thread; NULL = yes. */
    bool (*has_racks)(void);
    /** For how many seconds nobody hears a rack. Any thread; NULL = silent machines stay so, and
     * nobody is told of anything. */
    machine_watch_lost_s *rack_lost_s;
};

struct operation_worker *operation_worker_start(const struct operation_worker_setup *setup);

/** Waits for the orders under way. NULL is fine. */
void operation_worker_stop(struct operation_worker *worker);

/** Where the primary is; conninfo NULL = there is none. Any thread. */
void operation_worker_primary(struct operation_worker *worker, const char *conninfo);

/** Does this region lead the cluster? Any thread. */
void operation_worker_leads(struct operation_worker *worker, bool leads);
