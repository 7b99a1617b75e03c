/* This region as a node of the database: see region_node.h. */
#include "src/region/region_node.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/interfaces.h"
#include "src/base/log.h"
#include "src/region/controller_store.h"

enum { LOOK_MS = 5000 };

/* What is written, on a thread of its own. */
struct writing {
    struct region *region;
    char *conninfo;
    struct interfaces interfaces;
    enum error_code code;
    struct error err;
};

static struct {
    char *conninfo;         /* of the primary, NULL = none */
    bool busy, written;     /* written: the database has these: */
    struct interfaces said; /* interfaces */
    uint64_t next_ns;       /* when to look again */
} own;

static enum error_code keep(struct db *db, void *subject, struct error *err)
{
    const struct writing *writing = subject;
    struct arena *arena = arena_new();
    const char *name = writing->region->settings.name;
    struct controller controller = {.system_id = controller_store_region_id(name, arena),
                                    .name = name,
                                    .version = GANTRY_VERSION,
                                    .node_type = CONTROLLER_REGION,
                                    .interfaces = interfaces_json(&writing->interfaces)};
    enum error_code code = controller_store_register(db, &controller, arena, err);
    json_decref(controller.interfaces);
    arena_free(arena);
    return code;
}

static void write_node(void *subject)
{
    struct writing *writing = subject;
    struct db *db = db_new(writing->conninfo);
    writing->code = db_transact(db, DB_WRITE, keep, writing, &writing->err);
    db_free(db);
}

static void wrote(void *subject)
{
    static struct log_gate gate;
    struct writing *writing = subject;
    unsigned long held;
    own.busy = false;
    own.written = !writing->code && own.conninfo && !strcmp(own.conninfo, writing->conninfo);
    own.said = writing->interfaces;
    if (writing->code && log_gate_open(&gate, 60, &held))
        log_warning("this region's own node: %s", writing->err.text);
    free(writing->conninfo);
    free(writing);
}

void region_node_look(struct region *region, const struct cluster_view *view)
{
    struct error err;
    struct writing *writing;
    uint64_t now_ns = clock_boot_ns();
    (void)view;
    if (own.busy || !own.conninfo || now_ns < own.next_ns)
        return;
    own.next_ns = now_ns + LOOK_MS * CLOCK_MS;
    writing = calloc(1, sizeof(*writing));
    ASSERT(writing);
    if (interfaces_read(&writing->interfaces, &err) ||
        (own.written && interfaces_equal(&writing->interfaces, &own.said))) {
        free(writing);
        return;
    }
    writing->region = region;
    writing->conninfo = strdup(own.conninfo);
    own.busy = true;
    loop_run_blocking(&region->loop, write_node, wrote, writing);
}

void region_node_primary(struct region *region, const char *conninfo, uint64_t epoch)
{
    (void)region;
    (void)epoch;
    free(own.conninfo);
    own.conninfo = conninfo ? strdup(conninfo) : NULL;
    own.written = false;
    own.next_ns = 0;
}
