/* Nothing is dropped that somebody else could hold: see region_stop.h. */
#include "src/region/region_stop.h"

#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"

static void stop_http(void *subject)
{
    struct region *region = subject;
    http_stop(region->http);
}

static void stopped(void *subject)
{
    (void)subject;
    log_info("stopped");
    _exit(0);
}

/* What is being answered is finished; the leases go on meanwhile. */
static void finish(struct region *region)
{
    if (region->stopping)
        return;
    region->stopping = true;
    loop_run_blocking(&region->loop, stop_http, stopped, region);
}

void region_stop(struct region *region)
{
    if (region->stop_ns || !region->http) {
        finish(region);
        return;
    }
    log_info("stops");
    region->stop_ns = clock_boot_ns();
    reconcile_retire(region->reconcile);
    region_changed(region);
}

void region_stop_look(struct region *region, const struct cluster_view *view)
{
    uint64_t now_ns = clock_boot_ns();
    if (!region->stop_ns || region->stopping)
        return;
    if (now_ns > region->stop_ns + REGION_STOP_HAND_OVER_MS * CLOCK_MS) {
        log_warning("stops without having handed over all it holds");
        finish(region);
        return;
    }
    bool alone = !view->known || !view->raft.quorum; /* or leadership is on its way */
    if (alone && now_ns > region->stop_ns + REGION_STOP_ALONE_MS * CLOCK_MS)
        finish(region); /* nobody could take anything over */
    else if (alone || !reconcile_retired(region->reconcile))
        return;
    else if (view->leads && view->servers_count > 1)
        replica_step_down(region->replica);
    else if (!region->quiet_ns)
        region->quiet_ns = now_ns; /* told by /serves from now on */
    else if (now_ns > region->quiet_ns + REGION_STOP_QUIET_MS * CLOCK_MS)
        finish(region);
}
