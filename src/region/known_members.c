/* Members as fenced knows them: see known_members.h. */
#include "src/region/known_members.h"

#include <string.h>

#include "src/base/address.h"
#include "src/base/clock.h"
#include "src/base/log.h"

enum { RETRY_MS = 60000 };

static struct {
    struct fence_request told, telling;
    bool busy;
    uint64_t wait_until_ns;
} known;

static void on_answer(void *subject, const struct fence_reply *reply, int fd)
{
    struct region *region = subject;
    (void)fd;
    known.busy = false;
    if (reply->code) {
        log_warning("strangers may flood the ports of regions: %s", reply->text);
        known.wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
        return;
    }
    known.told = known.telling;
    region_changed(region);
}

void known_members_look(struct region *region, const struct cluster_view *view)
{
    const struct cluster_state *facts = &view->facts;
    struct fence_request request;
    if (known.busy || !view->known || !facts->name[0] || clock_boot_ns() < known.wait_until_ns)
        return;
    memset(&request, 0, sizeof(request)); /* it is compared whole */
    request.type = FENCE_KNOWN;
    request.known.door[request.known.doors++] = (uint32_t)region->settings.raft_port;
    request.known.door[request.known.doors++] = (uint32_t)region->settings.pg_port;
    for (int i = 0; i < facts->members_count && i < LIMIT_REGIONS; i++) {
        ip4 address;
        if (ip4_parse(facts->members[i].address, &address))
            request.known.caller[request.known.callers++] = address;
    }
    if (!memcmp(&request.known, &known.told.known, sizeof(request.known)))
        return;
    known.telling = request;
    known.busy = true;
    fence_link_send(region->fence, &request, on_answer, region);
}
