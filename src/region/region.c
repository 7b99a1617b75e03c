/*
 * The region controller: see region.h. Its end is always the same, whatever the cause: the program
 * exits, and gantry-fenced ends what it left (HAProxy, PostgreSQL when its lease lapses).
 */
#include "src/region/region.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ha/floor.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/db/migrate.h"
#include "src/region/control_socket.h"
#include "src/region/member_file.h"
#include "src/region/region_health.h"
#include "src/region/region_members.h"
#include "src/region/region_part.h"
#include "src/region/region_stop.h"
#include "src/region/script_store.h"

enum {
    LOOK_MS = 100,
    RETRY_MS = 1000,
    PRIMARY_WAIT_MS = 10000,
    PARTS_MS = 200, /* after the API: each connects anew, and clients wait */
};

static struct {
    pthread_mutex_t lock;
    struct region_report report;
    char *conninfo;
} shown = {.lock = PTHREAD_MUTEX_INITIALIZER};

void region_read(struct region_report *report)
{
    pthread_mutex_lock(&shown.lock);
    *report = shown.report;
    pthread_mutex_unlock(&shown.lock);
}

const char *region_primary(struct arena *arena)
{
    pthread_mutex_lock(&shown.lock);
    const char *copy = shown.conninfo ? arena_strdup(arena, shown.conninfo) : NULL;
    pthread_mutex_unlock(&shown.lock);
    return copy;
}

void region_fail(const struct error *why)
{
    log_error("%s", why->text);
    _exit(error_exit_status(why->code));
}

/* ---- what others see ---- */

#define COPY(into, text) snprintf((into), sizeof(into), "%.*s", (int)sizeof(into) - 1, (text))

static void show_report(struct region *region, const struct cluster_state *facts)
{
    struct reconcile_report from;
    struct region_report report = {
        .member = true, .serves = region->ready && !region->quiet_ns, .epoch = region->epoch};
    reconcile_report(region->reconcile, &from);
    COPY(report.pg_role, from.pg.role);
    COPY(report.pg_step, from.pg.step);
    COPY(report.pg_problem, from.pg.problem);
    COPY(report.balancer_problem, from.balancer_problem);
    COPY(report.vip_problem, from.vip_problem);
    COPY(report.api_problem, region->api_problem);
    report.pg_timeline = from.pg.timeline;
    report.pg_lsn = from.pg.lsn;
    report.pg_epoch = from.pg.epoch;
    report.pg_leased = from.pg_leased;
    report.balancer_runs = from.balancer_runs;
    for (int i = 0; facts && i < facts->vips_count; i++)
        if (reconcile_holds(region->reconcile, facts->vips[i].net))
            memcpy(report.held[report.held_count++], facts->vips[i].net, CLUSTER_NET);
    pthread_mutex_lock(&shown.lock);
    shown.report = report;
    pthread_mutex_unlock(&shown.lock);
}

static void show_view(struct region *region, struct cluster_view *view)
{
    const struct cluster_state *facts = replica_facts(region->replica);
    memset(view, 0, sizeof(*view));
    view->known = facts != NULL;
    view->leads = replica_leads(region->replica);
    view->self = region->self;
    if (facts)
        view->facts = *facts;
    replica_report(region->replica, &view->raft);
    view->servers_count = replica_servers(region->replica, view->servers, LIMIT_REGIONS + 1);
    cluster_door_publish(view);
}

static void look(struct region *region)
{
    struct cluster_view view;
    if (!region->http || region->stopping)
        return;
    show_view(region, &view);
    const struct cluster_state *facts = view.known ? &view.facts : NULL;
    struct replica_server servers[LIMIT_REGIONS + 1];
    int count = replica_servers(region->replica, servers, LIMIT_REGIONS + 1);
    reconcile_members(region->reconcile, servers, count);
    reconcile_look(region->reconcile, &view);
    for (int i = 0; i < region_parts_count; i++)
        if (region_parts[i].look)
            region_parts[i].look(region, &view);
    show_report(region, facts);
    region_stop_look(region, &view);
}

static void look_posted(void *subject)
{
    struct region *region = subject;
    region->look_posted = false;
    look(region);
}

void region_changed(struct region *region)
{
    if (!region->look_posted)
        loop_post(&region->loop, look_posted, region);
    region->look_posted = true;
}

/* ---- the primary ---- */

struct migration_work {
    struct region *region;
    char *conninfo;
    uint64_t epoch;
    enum error_code code;
    struct error err;
};

static void log_applied(const struct migration *migration)
{
    log_info("schema: %04d_%s is applied", migration->number, migration->name);
}

static void migrate(void *subject)
{
    struct migration_work *work = subject;
    struct db *db = db_new(work->conninfo);
    work->code = db_migrate(db, log_applied, &work->err);
    if (!work->code)
        work->code = script_store_put_defaults(db, &work->err);
    db_free(db);
}

static void tell_parts(struct region *region, const char *conninfo)
{
    region->parts_ns = 0;
    for (int i = 0; i < region_parts_count; i++)
        if (region_parts[i].primary)
            region_parts[i].primary(region, conninfo, region->epoch);
}

static void tell_primary(struct region *region, const char *conninfo)
{
    region->ready = conninfo != NULL;
    http_set_primary(region->http, conninfo, region->epoch);
    tell_parts(region, NULL);
    if (conninfo)
        region->parts_ns = clock_boot_ns() + PARTS_MS * CLOCK_MS;
    pthread_mutex_lock(&shown.lock);
    free(shown.conninfo);
    shown.conninfo = conninfo ? strdup(conninfo) : NULL;
    pthread_mutex_unlock(&shown.lock);
}

static void migrated(void *subject)
{
    struct migration_work *work = subject;
    struct region *region = work->region;
    bool current = region->conninfo && region->epoch == work->epoch && !region->stopping;
    region->migrating = false;
    region->schema_known |= !work->code;
    region->retry_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    if (work->code && current) {
        if (strcmp(region->api_problem, work->err.text))
            log_error("schema: %s", work->err.text);
        COPY(region->api_problem, work->err.text);
    } else if (current) {
        region->api_problem[0] = '\0';
        tell_primary(region, region->conninfo);
        log_info("the API serves, epoch %llu", (unsigned long long)region->epoch);
    }
    free(work->conninfo);
    free(work);
    region_changed(region);
}

static void prepare_primary(struct region *region)
{
    if (!region->conninfo || region->ready || region->migrating ||
        clock_boot_ns() < region->retry_ns)
        return;
    struct migration_work *work = calloc(1, sizeof(*work));
    ASSERT(work);
    work->region = region;
    work->conninfo = strdup(region->conninfo);
    work->epoch = region->epoch;
    region->migrating = true;
    loop_run_blocking(&region->loop, migrate, migrated, work);
}

static void on_primary(void *owner, const char *conninfo, uint64_t epoch)
{
    struct region *region = owner;
    free(region->conninfo);
    region->conninfo = conninfo ? strdup(conninfo) : NULL;
    region->epoch = epoch;
    region->retry_ns = 0;
    /* Until its schema is known to be ours. What one primary acknowledged the next one has. */
    tell_primary(region, region->schema_known ? conninfo : NULL);
    if (region->ready)
        log_info("the API serves, epoch %llu", (unsigned long long)epoch);
    prepare_primary(region);
}

/* ---- opening ---- */

static void propose_asked(void *owner, const struct command *command, replica_answer *answer,
                          void *subject)
{
    struct region *region = owner;
    region_members_propose(region, command, answer, subject);
}

/* Within a call of raft: what was asked for is in the view when the answer comes, the rest waits.
 */
static void on_replica_changed(void *owner)
{
    struct region *region = owner;
    struct cluster_view view;
    if (!region->replica) /* still starting */
        return;
    show_view(region, &view);
    region_changed(region);
}

static void on_replica_failed(void *owner, const struct error *why)
{
    (void)owner;
    region_fail(why);
}

static void on_messages(void *owner, uint64_t id, struct tls_stream *stream)
{
    struct region *region = owner;
    reconcile_called(region->reconcile, id, stream);
}

static bool epoch_valid(void *subject, uint64_t epoch)
{
    struct region *region = subject;
    return reconcile_epoch_valid(region->reconcile, epoch);
}

static enum error_code open_replica(struct region *region, bool bootstrap, struct error *err)
{
    char address[CLUSTER_ADDRESS + 8];
    const struct settings_timing *timing = settings_timing(&region->settings);
    snprintf(address, sizeof(address), "%s:%d", region->settings.address,
             region->settings.raft_port);
    struct replica_setup setup = {
        .loop = &region->loop,
        .dir = region->paths.raft,
        .id = region->self,
        .name = region->settings.name,
        .address = address,
        .credentials = region->credentials,
        .heartbeat_ms = timing->heartbeat_ms,
        .election_ms = timing->election_ms,
        .owner = region,
        .changed = on_replica_changed,
        .failed = on_replica_failed,
        .messages = on_messages,
        .calls = region_members_called,
    };
    enum error_code code = file_make_folders(region->paths.raft, 0700, err);
    return code ? code : replica_start(&setup, bootstrap, &region->replica, err);
}

static enum error_code open_http(struct region *region, struct error *err)
{
    struct http_settings settings = {
        .socket = region->paths.api_socket,
        .threads = region->settings.api_threads,
        .primary_wait_ms = PRIMARY_WAIT_MS,
        .ring = &region->ring,
        .ca_dir = region->paths.ca_dir,
        .images = region->paths.images,
        .blobs = region->paths.blobs,
        .region = region->settings.name,
        .callers = reconcile_callers(region->reconcile),
        .subject = region,
        .epoch_valid = epoch_valid,
    };
    return http_start(&settings, &region->http, err);
}

/*
 * A member that lost its floor could promise again what it promised before, and one that lost its
 * log could vote again: both count as wiped. One that has just joined has neither yet.
 */
static enum error_code check_kept(const struct region *region, const struct member_file *member,
                                  bool bootstrap, struct error *err)
{
    struct floor_values values, none = {0}, first = {.lease = {.version = 1}};
    enum error_code code = floor_read(region->paths.floor, &values, err);
    const char *missing = code == ERR_NOT_FOUND ? region->paths.floor : NULL;
    if (missing && member->fresh && !replica_exists(region->paths.raft))
        return floor_raise(region->paths.floor, &none, &first, err);
    if (!code && !bootstrap && !member->fresh && !replica_exists(region->paths.raft))
        missing = region->paths.raft;
    if (missing)
        return error_set(err, ERR_CORRUPT,
                         "%s is missing: this member counts as wiped; remove it from the cluster, "
                         "empty its data directory and join again",
                         missing);
    return code;
}

static enum error_code check_member(struct region *region, struct member_file *found,
                                    struct error *err)
{
    struct member_file member;
    enum error_code code = member_file_read(region->settings.data_dir, &member, err);
    if (!code && strcmp(member.name, region->settings.name))
        code = error_set(err, ERR_CONFLICT,
                         "%s belongs to region %s, but [region] name is %s: correct the name, or "
                         "use another data_dir",
                         region->settings.data_dir, member.name, region->settings.name);
    region->self = member.id;
    *found = member;
    return code;
}

enum error_code region_open(struct region *region, bool bootstrap, struct error *err)
{
    struct tls_files files = {region->paths.certificate, region->paths.key, region->paths.ca};
    struct member_file member;
    enum error_code code = check_member(region, &member, err);
    code = code ? code : check_kept(region, &member, bootstrap, err);
    code = code ? code : tls_credentials_load(&files, &region->credentials, err);
    code = code ? code : seal_ring_read(region->paths.ring, &region->ring, err);
    code = code ? code : file_make_folders(region->paths.images, 0750, err);
    code = code ? code : file_make_folders(region->paths.blobs, 0750, err);
    cluster_door_open(&region->loop, propose_asked, region);
    struct reconcile_setup setup = {.loop = &region->loop,
                                    .fence = region->fence,
                                    .settings = &region->ha,
                                    .self = region->self,
                                    .credentials = region->credentials,
                                    .propose = propose_asked,
                                    .primary = on_primary,
                                    .owner = region};
    code = code ? code : reconcile_new(&setup, &region->reconcile, err);
    if (!code)
        region_members_open(region);
    code = code ? code : open_replica(region, bootstrap, err);
    if (!code && member.fresh) { /* from now on its log must be there */
        member.fresh = false;
        code = member_file_write(region->settings.data_dir, &member, err);
    }
    code = code ? code : open_http(region, err);
    for (int i = 0; i < region_parts_count && !code; i++)
        if (region_parts[i].start && (code = region_parts[i].start(region, err)))
            error_wrap(err, "%s", region_parts[i].name);
    if (!code)
        region_changed(region);
    return code;
}

/* ---- start and end ---- */

static void on_fence_notice(void *owner, const struct fence_reply *notice)
{
    struct region *region = owner;
    if (region->reconcile)
        reconcile_notice(region->reconcile, notice);
}

static void on_fence_closed(void *owner)
{
    struct error why;
    (void)owner;
    error_set(&why, ERR_UNAVAILABLE, "gantry-fenced is gone: nothing may run without it");
    region_fail(&why);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    region_stop(handle->data);
}

/* A cluster whose init did not come far enough to fence an epoch is made anew by the next one. */
static bool is_unborn(const struct region *region)
{
    char name[LIMIT_NAME];
    struct floor_values values;
    struct error err;
    return member_file_init_read(region->settings.data_dir, name, &err) == ERR_OK &&
           (floor_read(region->paths.floor, &values, &err) || values.pg_epoch == 0);
}

/* `gantry cluster join` writes member.json last; nobody has to start this program again. */
static void look_for_join(struct region *region)
{
    struct member_file member;
    struct error err;
    uint64_t now_ns = clock_boot_ns();
    if (region->removed || now_ns < region->retry_ns)
        return;
    region->retry_ns = now_ns + RETRY_MS * CLOCK_MS;
    if (is_unborn(region) || member_file_read(region->settings.data_dir, &member, &err))
        return;
    log_info("this host has joined a cluster");
    region->retry_ns = 0;
    if (region_open(region, false, &err))
        region_fail(&err);
}

static void on_timer(struct loop_timer *timer)
{
    struct region *region = container_of(timer, struct region, timer);
    if (!region->replica && !region->reconcile)
        look_for_join(region);
    prepare_primary(region);
    if (region->parts_ns && clock_boot_ns() >= region->parts_ns)
        tell_parts(region, region->conninfo);
    look(region);
}

static void fill_paths(struct region *region)
{
    struct region_paths *paths = &region->paths;
    const char *dir = region->settings.data_dir, *run = region->settings.run_dir;
    const struct {
        char *path;
        const char *folder, *name;
    } all[] = {
        {paths->raft, dir, "raft"},
        {paths->floor, dir, "floor"},
        {paths->images, dir, "images"},
        {paths->blobs, dir, "blobs"},
        {paths->ca_dir, dir, "ca"},
        {paths->ca, dir, "ca/ca.pem"},
        {paths->tls_dir, dir, "tls"},
        {paths->certificate, dir, "tls/region.pem"},
        {paths->key, dir, "tls/region.key"},
        {paths->ring, dir, "tls/seal.keys"},
        {paths->endpoint_certificate, dir, "tls/endpoint.pem"},
        {paths->endpoint_key, dir, "tls/endpoint.key"},
        {paths->revoked, dir, "tls/revoked.pem"},
        {paths->api_socket, run, "api.sock"},
        {paths->control_socket, run, "regiond.sock"},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        snprintf(all[i].path, LIMIT_PATH, "%s/%s", all[i].folder, all[i].name);
    region->ha = (struct ha_settings){
        .name = region->settings.name,
        .address = region->settings.address,
        .data_dir = dir,
        .run_dir = run,
        .pg_bin_dir = region->settings.pg_bin_dir,
        .pg_port = region->settings.pg_port,
        .hop_port = region->settings.hop_port,
        .health_port = region->settings.health_port,
        .api_socket = paths->api_socket,
        .ca_file = paths->ca,
        .certificate_file = paths->certificate,
        .key_file = paths->key,
        .endpoint_certificate_file = paths->endpoint_certificate,
        .endpoint_key_file = paths->endpoint_key,
        .revoked_file = paths->revoked,
        .haproxy = region->settings.haproxy,
    };
}

static void watch_signal(struct region *region, uv_signal_t *handle, int number)
{
    uv_signal_init(&region->loop.uv, handle);
    handle->data = region;
    uv_signal_start(handle, on_signal, number);
}

static enum error_code open_existing(struct region *region, struct error *err)
{
    struct member_file member;
    if (is_unborn(region)) {
        log_warning("an interrupted `gantry cluster init` is to be run again");
        return ERR_OK;
    }
    if (member_file_was_removed(region->settings.data_dir)) {
        region->removed = true;
        log_warning("this region was removed from its cluster: to join again empty %s while "
                    "gantry-fenced is stopped",
                    region->settings.data_dir);
        return ERR_OK;
    }
    enum error_code code = member_file_read(region->settings.data_dir, &member, err);
    if (code == ERR_NOT_FOUND && replica_exists(region->paths.raft))
        return error_set(err, ERR_CORRUPT,
                         "%s has a consensus log but no member.json: empty the folder and join the "
                         "cluster again",
                         region->settings.data_dir);
    if (code == ERR_NOT_FOUND) {
        log_info(
            "no cluster yet: run `gantry cluster init` on this host, or `gantry cluster join`");
        return ERR_OK;
    }
    return code ? code : region_open(region, false, err);
}

enum error_code region_start(struct region *region, struct error *err)
{
    static const struct fence_events events = {on_fence_notice, on_fence_closed};
    fill_paths(region);
    loop_init(&region->loop);
    signal(SIGPIPE, SIG_IGN);
    enum error_code code = file_make_folders(region->settings.data_dir, 0750, err);
    if (!code && access(region->settings.data_dir, W_OK))
        code = error_errno(err, "[region] data_dir %s", region->settings.data_dir);
    code =
        code ? code
             : fence_link_open(&region->loop, FENCE_CHILD_FD, &events, region, &region->fence, err);
    if (code)
        return code;
    watch_signal(region, &region->terminate, SIGTERM);
    watch_signal(region, &region->interrupt, SIGINT);
    loop_timer_init(&region->loop, &region->timer, on_timer);
    loop_timer_start(&region->timer, LOOK_MS, LOOK_MS);
    code = region_health_open(region, err);
    code = code ? code : control_socket_open(region, err);
    return code ? code : open_existing(region, err);
}
