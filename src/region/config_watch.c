/* Tells the racks when their configuration changed: see config_watch.h. */
#include "src/region/config_watch.h"

#include <unistd.h>

#include "src/db/db_notify.h"
#include "src/region/rack_door.h"

/* Racks ask at most so often while changes keep coming in; the first one is told at once. */
enum { PAUSE_US = 250000 };

static struct db_notify *notify; /* one region a process */

static void heard(void *subject)
{
    (void)subject;
    rack_door_note("config_changed", NULL);
    usleep(PAUSE_US);
}

enum error_code config_watch_start(struct region *region, struct error *err)
{
    struct db_notify_setup setup = {.channel = "dhcp_config", .heard = heard};
    (void)region;
    (void)err;
    notify = db_notify_start(&setup);
    return ERR_OK;
}

void config_watch_primary(struct region *region, const char *conninfo, uint64_t epoch)
{
    (void)region;
    (void)epoch;
    if (notify)
        db_notify_primary(notify, conninfo);
}
