/* Racks as a part of the region: see region_racks.h. */
#include "src/region/region_racks.h"

#include "src/region/rack_links.h"

static bool epoch_valid(void *subject, uint64_t epoch)
{
    const struct region *region = subject;
    return reconcile_epoch_valid(region->reconcile, epoch);
}

enum error_code region_racks_start(struct region *region, struct error *err)
{
    struct rack_links_setup setup = {
        .loop = &region->loop,
        .credentials = region->credentials,
        .address = region->settings.address,
        .port = region->settings.rack_port,
        .region = region->settings.name,
        .images = region->paths.images,
        .subject = region,
        .epoch_valid = epoch_valid,
    };
    return rack_links_open(&setup, err);
}

void region_racks_look(struct region *region, const struct cluster_view *view)
{
    (void)region;
    rack_links_look(view);
}

void region_racks_primary(struct region *region, const char *conninfo, uint64_t epoch)
{
    (void)region;
    rack_links_primary(conninfo, epoch);
}
