/*
 * The region's HTTP on a temporary PostgreSQL, without a cluster: for tests of the API and for
 * measuring it; with GANTRY_WORKER also the worker of operations; with GANTRY_CONNINFO and
 * GANTRY_RING ("conninfo" and "ring" of a program that runs) as another region on the same
 * database. `api_program [threads]` prints one JSON line when it is ready and runs until its stdin
 * closes. Lines on stdin: "primary off",
 * "primary on", "superseded", "current" (is the primary the cluster's), "kill" (all backends),
 * "rack METHOD JSON" (a call of the rack rack1: answered by its result, or by {"error": text}, as
 * one line).
 * "import" (the images that are due, as a leader does: answered when it is done), "look ID:S..." (a
 * leader's look at what people are to know; racks with these system_ids are lost for S seconds).
 */
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/log.h"
#include "src/db/migrate.h"
#include "src/region/http.h"
#include "src/region/image_import.h"
#include "src/region/notification_duty.h"
#include "src/region/operation_worker.h"
#include "src/region/rack_call.h"
#include "src/region/script_store.h"
#include "src/region/user_store.h"
#include "test/lib/temp_postgres.h"

static atomic_bool superseded;

static bool is_current(void *subject, uint64_t epoch)
{
    (void)subject, (void)epoch;
    return !atomic_load(&superseded);
}

static void check(enum error_code code, const struct error *err)
{
    if (!code)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

struct rack_order {
    const struct rack_call_row *row;
    json_t *params, *result;
    struct arena *arena;
};

static enum error_code run_rack_call(struct db *db, void *subject, struct error *err)
{
    struct rack_order *order = subject;
    struct rack_peer peer = {"rck001", "rack1",   "10.0.0.21:40000",
                             "0.1.0",  "region1", getenv("GANTRY_IMAGES")};
    json_decref(order->result);
    order->result = NULL;
    return order->row->function(&peer, db, order->params, order->arena, &order->result, err);
}

static void answer_rack(struct db *db, char *line)
{
    struct error err = {0};
    char *params = strchr(line, ' ');
    ASSERT(params);
    *params++ = '\0';
    struct rack_order order = {rack_call_find(line), json_loads(params, 0, NULL), NULL,
                               arena_new()};
    ASSERT(order.row && order.params);
    if (db_transact(db, order.row->mode, run_rack_call, &order, &err)) {
        json_decref(order.result);
        order.result = json_pack("{s:s}", "error", err.text);
    }
    char *text = json_dumps(order.result, JSON_COMPACT);
    printf("%s\n", text ? text : "{}");
    fflush(stdout);
    free(text);
    json_decref(order.result);
    json_decref(order.params);
    arena_free(order.arena);
}

static const char *no_peer(void *subject, const char *region, struct arena *arena)
{
    (void)subject;
    (void)region;
    (void)arena;
    return NULL;
}

static bool always(void *subject)
{
    (void)subject;
    return true;
}

static void import(struct db *db, struct http *http)
{
    static const struct tls_files none;
    struct error err = {0};
    struct image_import_place place = {.region = http_settings(http)->region,
                                       .folder = http_settings(http)->blobs,
                                       .tls = &none,
                                       .peer = no_peer,
                                       .goes_on = always};
    check(image_import_run(db, &place, &err), &err);
}

/* " rck001:20 rck002:1": for how many seconds which racks are lost; others are heard. */
static const char *lost_racks;

static int64_t lost_s(const char *rack)
{
    size_t size = strlen(rack);
    for (const char *at = lost_racks; (at = strstr(at, rack)); at += size)
        if (at[size] == ':')
            return atoll(at + size + 1);
    return 0;
}

static void look(struct db *db, const char *words)
{
    struct error err = {0};
    lost_racks = words;
    check(notification_duty_look(db, lost_s, &err), &err);
}

/* The key of its administrator; "" = it is that of the program beside. */
static const char *begin_database(struct temp_postgres *postgres, struct seal_ring *ring,
                                  struct arena *arena)
{
    struct error err = {0};
    const char *beside = getenv("GANTRY_CONNINFO"), *key = NULL;
    if (beside) {
        snprintf(postgres->conninfo, sizeof(postgres->conninfo), "%s", beside);
        check(seal_ring_read(getenv("GANTRY_RING"), ring, &err), &err);
        return "";
    }
    temp_postgres_start(postgres);
    seal_ring_make(ring);
    struct db *db = db_new(postgres->conninfo);
    struct user_new admin = {"admin", "admin@localhost", "secret", true};
    check(db_migrate(db, NULL, &err), &err);
    check(script_store_put_defaults(db, &err), &err);
    check(user_store_create_admin(db, ring, &admin, arena, &key, &err), &err);
    db_free(db);
    return key;
}

static void listen_to_orders(struct http *http, const struct temp_postgres *postgres)
{
    static char line[1 << 20];
    struct error err = {0};
    struct db *db = db_new(postgres->conninfo);
    uint64_t epoch = 1;
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, "rack ", 5)) {
            answer_rack(db, line + 5);
            continue;
        }
        if (!strcmp(line, "primary off"))
            http_set_primary(http, NULL, ++epoch);
        else if (!strcmp(line, "primary on"))
            http_set_primary(http, postgres->conninfo, ++epoch);
        else if (!strcmp(line, "superseded") || !strcmp(line, "current"))
            atomic_store(&superseded, line[0] == 's');
        else if (!strcmp(line, "import"))
            import(db, http);
        else if (!strncmp(line, "look", 4))
            look(db, line + 4);
        else if (!strcmp(line, "kill"))
            check(db_script(db,
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE pid <> pg_backend_pid()",
                            &err),
                  &err);
        else
            continue;
        printf("ok\n");
        fflush(stdout);
    }
    db_free(db);
}

int main(int argc, char **argv)
{
    struct temp_postgres postgres = {0};
    struct seal_ring ring;
    struct error err = {0};
    struct http *http = NULL;
    struct arena *arena = arena_new();
    char folder[] = "/tmp/gantry-api-XXXXXX", path[64], blobs[64], ring_path[64];
    mallopt(M_ARENA_MAX, 2); /* as gantry-regiond does */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    log_setup("api_program", LOG_TEXT, getenv("GANTRY_DEBUG") ? LOG_DEBUG : LOG_INFO);
    const char *key = begin_database(&postgres, &ring, arena);
    if (!mkdtemp(folder))
        exit(1);
    chmod(folder, 0755);
    snprintf(path, sizeof(path), "%s/api.sock", folder);
    snprintf(blobs, sizeof(blobs), "%s/blobs", folder);
    snprintf(ring_path, sizeof(ring_path), "%s/ring", folder);
    check(seal_ring_write(ring_path, &ring, &err), &err);
    check(file_make_folders(blobs, 0755, &err), &err);
    struct http_settings settings = {.socket = path,
                                     .ring = &ring,
                                     .threads = argc > 1 ? atoi(argv[1]) : 0,
                                     .images = getenv("GANTRY_IMAGES"),
                                     .blobs = blobs,
                                     .region = *key ? "region1" : "region2",
                                     .body_wait_ms = 1500,
                                     .primary_wait_ms = 3000,
                                     .epoch_valid = is_current};
    check(http_start(&settings, &http, &err), &err);
    chmod(path, 0666);
    http_set_primary(http, postgres.conninfo, 1);
    struct operation_worker *worker = NULL;
    if (getenv("GANTRY_WORKER")) {
        worker = operation_worker_start(
            &(struct operation_worker_setup){.name = "region1", .ring = &ring});
        operation_worker_primary(worker, postgres.conninfo);
        operation_worker_leads(worker, true);
    }
    printf("{\"socket\": \"%s\", \"conninfo\": \"%s\", \"key\": \"%s\", \"blobs\": \"%s\", "
           "\"ring\": \"%s\"}\n",
           path, postgres.conninfo, key, blobs, ring_path);
    fflush(stdout);
    listen_to_orders(http, &postgres);
    operation_worker_stop(worker);
    http_stop(http);
    file_remove_tree(folder, NULL);
    arena_free(arena);
    if (postgres.pid)
        temp_postgres_stop(&postgres);
    return 0;
}
