/*
 * Health of a region (/livez, /readyz, /serves, /leader, /primary, /replica, /metrics): see
 * region_health.h.
 * Everything is answered from what was last reported.
 */
#include "src/region/region_health.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/region/api_metrics.h"
#include "src/region/member_status.h"
#include "src/region/region_part.h"
#include "src/wire/health_listener.h"

/* What is asked, once: is it so, and if not, why. */
struct look {
    struct cluster_view view;
    struct region_report report;
};

static const char *not_ready(const struct look *look)
{
    if (!look->report.member)
        return "no cluster yet";
    if (!look->view.known)
        return "consensus has no leader that this region follows";
    if (!look->report.serves)
        return look->report.api_problem[0] ? look->report.api_problem : "no primary";
    return NULL;
}

static const char *not_leader(const struct look *look)
{
    return look->view.known && look->view.leads ? NULL : "another region leads, or none";
}

static const char *not_primary(const struct look *look)
{
    bool is = !strcmp(look->report.pg_role, "primary") && look->report.pg_leased;
    return is ? NULL : "not the primary";
}

/* Only a standby can lag; how far is known to the primary, so the answer is of the last report. */
static const char *not_replica(const struct look *look)
{
    return strcmp(look->report.pg_role, "standby") ? "not a standby" : NULL;
}

static const char *never(const struct look *look)
{
    (void)look;
    return NULL;
}

/* serves is for HAProxy, which takes 404 for "ends what it answers, gets nothing new". */
static const struct {
    const char *path;
    const char *(*why_not)(const struct look *look);
    int status; /* when it is not so */
} checks[] = {
    {"/livez", never, 503},       {"/readyz", not_ready, 503},    {"/serves", not_ready, 404},
    {"/leader", not_leader, 503}, {"/primary", not_primary, 503}, {"/replica", not_replica, 503},
};

static void gauge(struct spool *spool, const char *name, const char *help, uint64_t value)
{
    spool_printf(spool, "# HELP gantry_%s %s\n# TYPE gantry_%s gauge\ngantry_%s %" PRIu64 "\n",
                 name, help, name, name, value);
}

void region_health_metrics(struct spool *spool)
{
    struct look look;
    cluster_read(&look.view);
    region_read(&look.report);
    gauge(spool, "ready", "Requests reach a primary from here.", !not_ready(&look));
    gauge(spool, "leader", "This region leads the consensus.", !not_leader(&look));
    gauge(spool, "primary", "The primary database runs here, inside its lease.",
          !not_primary(&look));
    gauge(spool, "raft_term", "Term of the consensus.", look.view.raft.term);
    gauge(spool, "raft_applied_index", "Newest entry applied.", look.view.raft.applied);
    gauge(spool, "pg_epoch", "Counter of primaries.", look.view.facts.primary.epoch);
    gauge(spool, "writes_wait", "A primary serves, but too few others have their copy.",
          member_status_writes_wait(&look.view));
    gauge(spool, "pg_lsn_bytes", "Position of the database here.", look.report.pg_lsn);
    gauge(spool, "vips_held", "Virtual IPs on this host.", (uint64_t)look.report.held_count);
    gauge(spool, "balancer_runs", "HAProxy runs.", look.report.balancer_runs);
    gauge(spool, "racks", "Rack controllers of the cluster.",
          (uint64_t)look.view.facts.racks_count);
}

static int answer(void *owner, const char *path, const char *query, struct spool *body)
{
    (void)owner;
    if (!strcmp(path, "/metrics")) {
        api_metrics_write(body);
        for (int i = 0; i < region_parts_count; i++)
            if (region_parts[i].metrics)
                region_parts[i].metrics(body);
        return 200;
    }
    struct look look;
    (void)query; /* of a standby that lags: told by the primary, with more than one member */
    cluster_read(&look.view);
    region_read(&look.report);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (strcmp(checks[i].path, path))
            continue;
        const char *why = checks[i].why_not(&look);
        spool_printf(body, "%s\n", why ? why : "ok");
        return why ? checks[i].status : 200;
    }
    spool_text(body, "expected /livez /readyz /serves /leader /primary /replica /metrics\n");
    return 404;
}

enum error_code region_health_open(struct region *region, struct error *err)
{
    static struct health_listener *listener;
    struct health_listen listen = {region->settings.address, region->settings.health_port, answer,
                                   region};
    return health_listener_open(&region->loop, &listen, &listener, err);
}
