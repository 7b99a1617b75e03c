/* This region's keeper of images: see image_work.h. */
#include "src/region/image_work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/db/db_follow.h"
#include "src/db/db_notify.h"
#include "src/region/blob_files.h"
#include "src/region/blob_gather.h"
#include "src/region/blob_store.h"
#include "src/region/image_import.h"
#include "src/region/image_upload.h"

enum {
    LOOK_S = 10,    /* without a notice */
    PAUSE_S = 2,    /* after something failed */
    BATCH = 64,     /* files gathered in one go */
    THREADS = 3,    /* that gather them */
    SWEEP_S = 60,   /* between looks for what is not used */
    UNUSED_S = 600, /* so long bytes are kept that nothing refers to */
    STRAY_S = 3600, /* and files without a row */
    PEER_BYTES = 128,
};

struct peer {
    char name[LIMIT_NAME], address[PEER_BYTES];
};

/* One region a process. What the loop tells stands under the lock; the rest is the thread's. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t told;
    struct db_follow primary;
    bool leads, poked;
    struct peer peers[LIMIT_REGIONS];
    int peers_count;

    const char *name, *folder;
    struct tls_files tls;
    struct db_notify *notify;
    struct db_follower mine;
    uint64_t swept_ns;
} work = {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};

/* ---- what the loop told ---- */

static bool same_primary(void *subject)
{
    (void)subject;
    pthread_mutex_lock(&work.lock);
    bool same = db_follow_same(&work.primary, &work.mine);
    pthread_mutex_unlock(&work.lock);
    return same;
}

static bool still_leads(void *subject)
{
    (void)subject;
    pthread_mutex_lock(&work.lock);
    bool leads = work.leads && db_follow_same(&work.primary, &work.mine);
    pthread_mutex_unlock(&work.lock);
    return leads;
}

static const char *peer_address(void *subject, const char *region, struct arena *arena)
{
    const char *address = NULL;
    (void)subject;
    pthread_mutex_lock(&work.lock);
    for (int i = 0; i < work.peers_count; i++)
        if (!strcmp(work.peers[i].name, region))
            address = arena_strdup(arena, work.peers[i].address);
    pthread_mutex_unlock(&work.lock);
    return address;
}

/* All members, this region among them, as an SQL array; NULL while they are not known. */
static const char *member_names(struct arena *arena)
{
    const char *names[LIMIT_REGIONS + 1];
    int count = 0;
    pthread_mutex_lock(&work.lock);
    for (int i = 0; i < work.peers_count; i++)
        names[count++] = arena_strdup(arena, work.peers[i].name);
    pthread_mutex_unlock(&work.lock);
    if (!count)
        return NULL;
    names[count++] = work.name;
    return db_array(arena, names, count);
}

/* ---- rows and files agree ---- */

struct held {
    struct arena *arena;
    const char *const *files;
    int files_count;
    const char *names; /* the same as an SQL array */
    struct blobs rows, wanted;
    const struct blob *blob; /* the one in hand */
};

static enum error_code read_held(struct db *db, void *subject, struct error *err)
{
    struct held *held = subject;
    enum error_code code = blob_store_held(db, work.name, held->arena, &held->rows, err);
    return code ? code : blob_store_wanted(db, held->names, held->arena, &held->wanted, err);
}

static enum error_code forget_row(struct db *db, void *subject, struct error *err)
{
    const struct held *held = subject;
    return blob_store_forget(db, work.name, held->blob->sha256, err);
}

static enum error_code note_row(struct db *db, void *subject, struct error *err)
{
    const struct held *held = subject;
    return blob_store_note(db, work.name, held->blob->sha256, held->blob->size, held->arena, err);
}

static const struct blob *find_blob(const struct blobs *blobs, const char *sha256)
{
    for (int i = 0; i < blobs->count; i++)
        if (!strcmp(blobs->blobs[i].sha256, sha256))
            return &blobs->blobs[i];
    return NULL;
}

static bool is_kept(void *subject, const char *sha256)
{
    const struct held *held = subject;
    return find_blob(&held->rows, sha256) || find_blob(&held->wanted, sha256);
}

/* A row without its file lies; a file without a row may be one whose row was not written in time.
 */
static enum error_code agree(struct held *held, struct error *err)
{
    enum error_code code =
        blob_files_list(work.folder, held->arena, &held->files, &held->files_count, err);
    if (code)
        return code;
    held->names = db_array(held->arena, held->files, held->files_count);
    code = db_transact(work.mine.db, DB_READ, read_held, held, err);
    for (int i = 0; i < held->rows.count && !code; i++) {
        held->blob = &held->rows.blobs[i];
        if (!blob_files_has(work.folder, held->blob->sha256, held->blob->size, NULL))
            code = db_transact(work.mine.db, DB_WRITE, forget_row, held, err);
    }
    for (int i = 0; i < held->wanted.count && !code; i++) {
        held->blob = &held->wanted.blobs[i];
        if (!find_blob(&held->rows, held->blob->sha256) &&
            !blob_files_check(work.folder, held->blob->sha256, NULL))
            code = db_transact(work.mine.db, DB_WRITE, note_row, held, err);
    }
    return code ? code : blob_files_sweep(work.folder, STRAY_S, is_kept, held, err);
}

static enum error_code keep_in_order(struct error *err)
{
    struct held held = {.arena = arena_new()};
    enum error_code code = agree(&held, err);
    arena_free(held.arena);
    return code;
}

/* ---- what other regions have ---- */

struct spread {
    struct arena *arena;
    struct blobs lacking;
    const struct blob_want *arrival;
};

static enum error_code read_lacking(struct db *db, void *subject, struct error *err)
{
    struct spread *spread = subject;
    return blob_store_lacking(db, work.name, BATCH, spread->arena, &spread->lacking, err);
}

static enum error_code note_arrival(struct db *db, void *subject, struct error *err)
{
    const struct spread *spread = subject;
    return blob_store_note(db, work.name, spread->arrival->sha256, spread->arrival->size,
                           spread->arena, err);
}

static enum error_code arrived(void *subject, const struct blob_want *want, struct error *err)
{
    struct spread *spread = subject;
    spread->arrival = want;
    return db_transact(work.mine.db, DB_WRITE, note_arrival, spread, err);
}

static struct blob_want want_of(const struct blob *blob, struct arena *arena)
{
    struct blob_want want = {.sha256 = blob->sha256, .size = blob->size};
    blob_gather_peers(&want, &blob->regions, peer_address, NULL, arena);
    return want;
}

static enum error_code gather(struct spread *spread, bool *more, struct error *err)
{
    enum error_code code = db_transact(work.mine.db, DB_READ, read_lacking, spread, err);
    int count = code ? 0 : spread->lacking.count;
    struct blob_want *wants = ARENA_ARRAY(spread->arena, struct blob_want, (size_t)count + 1);
    for (int i = 0; i < count; i++)
        wants[i] = want_of(&spread->lacking.blobs[i], spread->arena);
    struct blob_gather setup = {.folder = work.folder,
                                .tls = &work.tls,
                                .threads = THREADS,
                                .goes_on = same_primary,
                                .arrived = arrived,
                                .subject = spread};
    *more = count == BATCH;
    return code ? code : blob_gather_run(&setup, wants, count, err);
}

static enum error_code gather_all(struct error *err)
{
    enum error_code code = ERR_OK;
    for (bool more = true; more && !code;) {
        struct spread spread = {.arena = arena_new()};
        code = gather(&spread, &more, err);
        arena_free(spread.arena);
    }
    return code;
}

/* ---- the leader's ---- */

struct duty {
    struct arena *arena;
    bool due;
    const char *members;
    const char *uploads[16];
    int uploads_count;
};

static enum error_code look_at_duty(struct db *db, void *subject, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct duty *duty = subject;
    enum error_code code = image_import_due(db, &duty->due, err);
    code = code ? code : image_upload_left(db, &rows, err);
    for (duty->uploads_count = 0; !code && duty->uploads_count < rows.count; duty->uploads_count++)
        duty->uploads[duty->uploads_count] =
            arena_strdup(duty->arena, db_text(&rows, duty->uploads_count, 0));
    return code;
}

static enum error_code sweep(struct db *db, void *subject, struct error *err)
{
    const struct duty *duty = subject;
    return blob_store_sweep(db, duty->members, UNUSED_S, duty->arena, err);
}

static enum error_code lead(struct duty *duty, struct error *err)
{
    struct image_upload_place uploads = {work.folder, work.name};
    struct image_import_place place = {.region = work.name,
                                       .folder = work.folder,
                                       .tls = &work.tls,
                                       .peer = peer_address,
                                       .goes_on = still_leads};
    struct error ignored;
    enum error_code code = db_transact(work.mine.db, DB_READ, look_at_duty, duty, err);
    for (int i = 0; i < duty->uploads_count && !code; i++)
        image_upload_finish(work.mine.db, &uploads, duty->uploads[i], duty->arena, &ignored);
    duty->members = member_names(duty->arena);
    if (!code && duty->members && clock_boot_ns() >= work.swept_ns + SWEEP_S * CLOCK_S) {
        work.swept_ns = clock_boot_ns();
        code = db_transact(work.mine.db, DB_WRITE, sweep, duty, err);
    }
    if (!code && duty->due)
        code = image_import_run(work.mine.db, &place, err);
    return code;
}

static enum error_code lead_if_leader(struct error *err)
{
    struct duty duty = {.arena = arena_new()};
    enum error_code code = still_leads(NULL) ? lead(&duty, err) : ERR_OK;
    arena_free(duty.arena);
    return code;
}

/* ---- the thread ---- */

/* Waits for a primary, and for a reason to look; takes over what the loop told meanwhile. */
static void wait_for_work(int most_s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += most_s;
    pthread_mutex_lock(&work.lock);
    int rv = 0;
    while (!work.primary.conninfo ||
           (!work.poked && db_follow_same(&work.primary, &work.mine) && rv == 0)) {
        if (!work.primary.conninfo)
            pthread_cond_wait(&work.told, &work.lock);
        else
            rv = pthread_cond_timedwait(&work.told, &work.lock, &until);
    }
    work.poked = false;
    db_follow_turn(&work.primary, &work.mine);
    pthread_mutex_unlock(&work.lock);
}

static void *run(void *unused)
{
    static struct log_gate gate;
    unsigned long held;
    struct error err;
    (void)unused;
    for (int most_s = 0;;) {
        wait_for_work(most_s);
        enum error_code code = keep_in_order(&err);
        code = code ? code : lead_if_leader(&err);
        code = code ? code : gather_all(&err);
        if (code && code != ERR_GONE && log_gate_open(&gate, 60, &held))
            log_warning("images of this region: %s", err.text);
        if (code) {
            struct timespec pause = {.tv_sec = PAUSE_S};
            nanosleep(&pause, NULL);
        }
        most_s = code ? PAUSE_S : LOOK_S;
    }
    return NULL;
}

static void poke(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&work.lock);
    work.poked = true;
    pthread_cond_signal(&work.told);
    pthread_mutex_unlock(&work.lock);
}

enum error_code image_work_start(struct region *region, struct error *err)
{
    struct db_notify_setup setup = {.channel = "image_work", .heard = poke};
    pthread_t thread;
    work.name = region->settings.name;
    work.folder = region->paths.blobs;
    work.tls = (struct tls_files){region->paths.certificate, region->paths.key, region->paths.ca};
    db_follow_join(&work.primary, &work.mine);
    if (pthread_create(&thread, NULL, run, NULL))
        return error_set(err, ERR_INTERNAL, "no thread for images");
    pthread_detach(thread); /* it ends with the program: each step of it may break off */
    work.notify = db_notify_start(&setup);
    return ERR_OK;
}

void image_work_look(struct region *region, const struct cluster_view *view)
{
    struct peer peers[LIMIT_REGIONS];
    int count = 0;
    for (int i = 0; view->known && i < view->facts.members_count; i++) {
        const struct cluster_member *member = &view->facts.members[i];
        if (member->id == view->self)
            continue;
        memset(&peers[count], 0, sizeof(peers[count]));
        snprintf(peers[count].name, LIMIT_NAME, "%s", member->name);
        snprintf(peers[count++].address, PEER_BYTES, "%s:%u", member->address,
                 member->ports[CLUSTER_PORT_HOP]);
    }
    (void)region;
    pthread_mutex_lock(&work.lock);
    if (view->leads && !work.leads) {
        work.poked = true;
        pthread_cond_signal(&work.told);
    }
    work.leads = view->leads;
    memcpy(work.peers, peers, sizeof(*peers) * (size_t)count);
    work.peers_count = count;
    pthread_mutex_unlock(&work.lock);
}

void image_work_primary(struct region *region, const char *conninfo, uint64_t epoch)
{
    (void)region;
    pthread_mutex_lock(&work.lock);
    db_follow_primary(&work.primary, conninfo, epoch);
    pthread_cond_signal(&work.told);
    pthread_mutex_unlock(&work.lock);
    db_notify_primary(work.notify, conninfo);
}
