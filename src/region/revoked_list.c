/* Revoked certificates as a file: see revoked_list.h. */
#include "src/region/revoked_list.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/wire/ca.h"

enum { RETRY_MS = 5000 };

struct writing {
    struct region *region;
    struct command_revoke revoked[CLUSTER_REVOKED];
    int count;
    enum error_code code;
    struct error err;
};

static struct {
    bool busy, made;
    int written; /* serials; nothing is ever taken from the facts' list */
    uint64_t wait_until_ns;
} list;

static void write_list(void *subject)
{
    struct writing *writing = subject;
    const struct region_paths *paths = &writing->region->paths;
    const char *serials[CLUSTER_REVOKED];
    struct arena *arena = arena_new();
    struct ca *ca = NULL;
    char *pem = NULL;
    for (int i = 0; i < writing->count; i++)
        serials[i] = writing->revoked[i].serial;
    enum error_code code = ca_open(paths->ca_dir, &ca, &writing->err);
    code = code ? code : ca_revoke(ca, serials, writing->count, arena, &pem, &writing->err);
    code = code ? code : file_write(paths->revoked, pem, strlen(pem), 0644, &writing->err);
    writing->code = code;
    ca_free(ca);
    arena_free(arena);
}

static void wrote(void *subject)
{
    struct writing *writing = subject;
    struct region *region = writing->region;
    list.busy = false;
    if (writing->code) {
        log_error("the list of revoked certificates: %s", writing->err.text);
        list.wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    } else {
        list.made = true;
        list.written = writing->count;
        region->ha.revoked_generation++; /* PostgreSQL and HAProxy read it again */
    }
    free(writing);
    region_changed(region);
}

void revoked_list_look(struct region *region, const struct cluster_view *view)
{
    const struct cluster_state *facts = &view->facts;
    if (list.busy || !view->known || !facts->name[0] || clock_boot_ns() < list.wait_until_ns ||
        (list.made && list.written == facts->revoked_count))
        return;
    struct writing *writing = calloc(1, sizeof(*writing));
    ASSERT(writing);
    writing->region = region;
    writing->count = facts->revoked_count;
    memcpy(writing->revoked, facts->revoked, sizeof(writing->revoked));
    list.busy = true;
    loop_run_blocking(&region->loop, write_list, wrote, writing);
}
