/* Work on machines as a part of the region: see region_operations.h. */
#include "src/region/region_operations.h"

#include "src/region/operation_worker.h"
#include "src/region/rack_seen.h"

static struct operation_worker *worker; /* one region a process */

enum error_code region_operations_start(struct region *region, struct error *err)
{
    (void)err;
    worker = operation_worker_start(&(struct operation_worker_setup){
        .name = region->settings.name,
        .ring = &region->ring,
        .has_racks = rack_seen_any_linked,
        .rack_lost_s = rack_seen_lost_s,
    });
    return ERR_OK;
}

void region_operations_look(struct region *region, const struct cluster_view *view)
{
    (void)region;
    if (worker)
        operation_worker_leads(worker, view->known && view->leads);
}

void region_operations_primary(struct region *region, const char *conninfo, uint64_t epoch)
{
    (void)region;
    (void)epoch;
    if (worker)
        operation_worker_primary(worker, conninfo);
}
