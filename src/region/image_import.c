/* The import: see image_import.h. */
#include "src/region/image_import.h"

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/region/blob_store.h"
#include "src/region/event_store.h"
#include "src/region/image_plan.h"
#include "src/region/image_source.h"

enum { THREADS = 4, STOP_MS = 1000, PROBLEM_BYTES = 1000 };

enum error_code image_import_want(struct db *db, struct error *err)
{
    DB_STATEMENT(image_import_wanted, "UPDATE image_import SET wanted = now()");
    return db_query(db, &image_import_wanted, DB_NO_PARAMS, NULL, err);
}

enum error_code image_import_stop(struct db *db, struct error *err)
{
    DB_STATEMENT(image_import_stopped, "UPDATE image_import SET stopped = now(), wanted = NULL");
    return db_query(db, &image_import_stopped, DB_NO_PARAMS, NULL, err);
}

/* Begun and not ended. */
#define RUNS   "(started IS NOT NULL AND (ended IS NULL OR ended < started))"
#define WANTED "(wanted IS NOT NULL AND (started IS NULL OR wanted > started))"

enum error_code image_import_runs(struct db *db, bool *runs, struct error *err)
{
    DB_STATEMENT(image_import_state, "SELECT " RUNS " OR " WANTED " FROM image_import");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &image_import_state, DB_NO_PARAMS, &rows, err);
    *runs = !code && rows.count && db_bool(&rows, 0, 0);
    return code;
}

enum error_code image_import_due(struct db *db, bool *due, struct error *err)
{
    DB_STATEMENT(image_import_is_due,
                 "SELECT " RUNS " OR " WANTED " OR (NOT EXISTS (SELECT FROM setting WHERE "
                 "name = 'boot_images_auto_import' AND value = 'false') AND "
                 "(ended IS NULL OR ended < now() - interval '1 hour') AND "
                 "EXISTS (SELECT FROM boot_source_selection)) FROM image_import");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &image_import_is_due, DB_NO_PARAMS, &rows, err);
    *due = !code && rows.count && db_bool(&rows, 0, 0);
    return code;
}

/* ---- a run ---- */

struct run {
    struct db *db;
    const struct image_import_place *place;
    struct arena *arena;
    uint64_t looked_ns; /* when it was last asked whether to stop */
    bool stopped;
    char problem[PROBLEM_BYTES]; /* the first one; "" = none */
    int files;                   /* that came */

    /* Of the step under way, for its transaction: */
    const struct image_source *source;
    struct stream_products products;
    const char *failure;
    struct image_plan_files missing;
    const struct blob_want *arrival;
    const char *event, *text;
};

static void note_problem(struct run *run, const char *text)
{
    log_warning("import of images: %s", text);
    if (!run->problem[0])
        snprintf(run->problem, sizeof(run->problem), "%s", text);
}

static enum error_code begin(struct db *db, void *subject, struct error *err)
{
    /* what another region left is the same run still: a stop that was meant for it counts */
    DB_STATEMENT(image_import_begin,
                 "UPDATE image_import SET started = CASE WHEN " RUNS " AND NOT " WANTED
                 " THEN started ELSE now() END, ended = NULL, region = $1, problem = ''");
    const struct run *run = subject;
    struct event event = {.type = "REGION_IMPORT_INFO",
                          .description = arena_printf(run->arena, "Import of images started on %s",
                                                      run->place->region)};
    enum error_code code =
        db_query(db, &image_import_begin, DB_PARAMS(run->place->region), NULL, err);
    return code ? code : event_add(db, &event, run->arena, err);
}

static enum error_code finish(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(image_import_end,
                 "UPDATE image_import SET ended = greatest(now(), started), problem = $1");
    const struct run *run = subject;
    const char *text =
        run->problem[0] ? run->problem
        : run->stopped
            ? "Import of images was stopped"
            : arena_printf(run->arena, "Import of images done, %d new files", run->files);
    struct event event = {.type = run->problem[0] ? "REGION_IMPORT_ERROR" : "REGION_IMPORT_INFO",
                          .description = text};
    enum error_code code = image_plan_prune(db, err);
    code = code ? code : db_query(db, &image_import_end, DB_PARAMS(run->problem), NULL, err);
    return code ? code : event_add(db, &event, run->arena, err);
}

static enum error_code keep_source(struct db *db, void *subject, struct error *err)
{
    const struct run *run = subject;
    enum error_code code =
        image_source_note(db, run->source, &run->products, run->failure, run->arena, err);
    return code || run->failure
               ? code
               : image_plan_apply(db, run->source->id, &run->products, run->arena, err);
}

static enum error_code read_source(struct run *run, const struct image_source *source,
                                   struct error *err)
{
    struct error failure;
    run->source = source;
    run->failure = NULL;
    if (image_source_read(source, run->arena, &run->products, &failure)) {
        run->failure = arena_strdup(run->arena, failure.text);
        note_problem(run, run->failure);
    }
    return db_transact(run->db, DB_WRITE, keep_source, run, err);
}

/* Has somebody asked it to stop? Looked up now and then. */
static enum error_code look_for_stop(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(image_import_is_stopped, "SELECT stopped > started FROM image_import");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct run *run = subject;
    enum error_code code = db_query(db, &image_import_is_stopped, DB_NO_PARAMS, &rows, err);
    run->stopped = !code && rows.count && db_bool(&rows, 0, 0);
    return code;
}

static bool goes_on(void *subject)
{
    struct run *run = subject;
    struct error err;
    uint64_t now_ns = clock_boot_ns();
    if (!run->stopped && now_ns - run->looked_ns >= STOP_MS * CLOCK_MS) {
        run->looked_ns = now_ns;
        db_transact(run->db, DB_READ, look_for_stop, run, &err);
    }
    return !run->stopped && run->place->goes_on(run->place->subject);
}

static enum error_code note_arrival(struct db *db, void *subject, struct error *err)
{
    const struct run *run = subject;
    return blob_store_note(db, run->place->region, run->arrival->sha256, run->arrival->size,
                           run->arena, err);
}

static enum error_code arrived(void *subject, const struct blob_want *want, struct error *err)
{
    struct run *run = subject;
    run->arrival = want;
    enum error_code code = db_transact(run->db, DB_WRITE, note_arrival, run, err);
    run->files += !code;
    return code;
}

struct received {
    const char *sha256, *bytes;
};

static enum error_code note_progress(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(image_import_progress,
                 "UPDATE boot_resource_file SET received = least($2::bigint, size) "
                 "WHERE sha256 = $1 AND path IS NOT NULL");
    const struct received *received = subject;
    return db_query(db, &image_import_progress, DB_PARAMS(received->sha256, received->bytes), NULL,
                    err);
}

/* Only for people: a failure is not worth a word. */
static void progress(void *subject, const struct blob_want *want, int64_t bytes)
{
    const struct run *run = subject;
    struct error err;
    struct arena *arena = arena_new();
    struct received received = {want->sha256, db_number(arena, bytes)};
    db_transact(run->db, DB_WRITE, note_progress, &received, &err);
    arena_free(arena);
}

static enum error_code list_missing(struct db *db, void *subject, struct error *err)
{
    struct run *run = subject;
    return image_plan_missing(db, run->place->region, run->arena, &run->missing, err);
}

static const char *proxy_of(const struct image_source *sources, int count, int64_t id)
{
    for (int i = 0; i < count; i++)
        if (sources[i].id == id)
            return sources[i].proxy;
    return NULL;
}

/* Regions first: a mirror is slower, and may be gone. */
static struct blob_want want_of(const struct run *run, const struct image_plan_file *file,
                                const char *proxy)
{
    const struct image_import_place *place = run->place;
    struct blob_want want = {
        .sha256 = file->sha256, .size = file->size, .url = file->url, .proxy = proxy};
    blob_gather_peers(&want, &file->regions, place->peer, place->subject, run->arena);
    return want;
}

static enum error_code fetch_missing(struct run *run, const struct image_source *sources, int count,
                                     struct error *err)
{
    struct error failure;
    enum error_code code = db_transact(run->db, DB_READ, list_missing, run, err);
    if (code)
        return code;
    struct blob_want *wants =
        ARENA_ARRAY(run->arena, struct blob_want, (size_t)run->missing.count + 1);
    for (int i = 0; i < run->missing.count; i++)
        wants[i] = want_of(run, &run->missing.files[i],
                           proxy_of(sources, count, run->missing.files[i].source_id));
    struct blob_gather gather = {.folder = run->place->folder,
                                 .tls = run->place->tls,
                                 .threads = THREADS,
                                 .goes_on = goes_on,
                                 .progress = progress,
                                 .arrived = arrived,
                                 .subject = run};
    if (blob_gather_run(&gather, wants, run->missing.count, &failure) && failure.code != ERR_GONE)
        note_problem(run, failure.text);
    return ERR_OK;
}

struct loading {
    struct arena *arena;
    struct image_source *sources;
    int count;
};

static enum error_code load(struct db *db, void *subject, struct error *err)
{
    struct loading *loading = subject;
    return image_plan_sources(db, loading->arena, &loading->sources, &loading->count, err);
}

static enum error_code carry_out(struct run *run, struct error *err)
{
    struct loading loading = {.arena = run->arena};
    enum error_code code = db_transact(run->db, DB_WRITE, begin, run, err);
    code = code ? code : db_transact(run->db, DB_READ, load, &loading, err);
    for (int i = 0; i < loading.count && !code && goes_on(run); i++)
        code = read_source(run, &loading.sources[i], err);
    if (!code && goes_on(run))
        code = fetch_missing(run, loading.sources, loading.count, err);
    /* of a run that goes on elsewhere the end is not ours to write */
    if (code || !run->place->goes_on(run->place->subject))
        return code;
    return db_transact(run->db, DB_WRITE, finish, run, err);
}

enum error_code image_import_run(struct db *db, const struct image_import_place *place,
                                 struct error *err)
{
    struct run run = {.db = db, .place = place, .arena = arena_new()};
    enum error_code code = carry_out(&run, err);
    arena_free(run.arena);
    return code;
}
