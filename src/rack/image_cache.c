/* The rack's images: see image_cache.h. */
#include "src/rack/image_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/op.h"
#include "src/wire/digest.h"

enum {
    JOBS_MAX = 2,        /* fetches and checks at a time */
    CONTENTS_MAX = 2048, /* files on disk */
    FRESH_MS = 2000,     /* a manifest so young is not asked for again */
    RETRY_MS = 5000,     /* after no region gave one */
};
#define SIZE_UNKNOWN UINT64_MAX

enum content_phase { CONTENT_ABSENT, CONTENT_QUEUED, CONTENT_RUNNING, CONTENT_READY };

struct waiter {
    struct waiter *next;
    image_cache_opened *done;
    void *subject;
};

/* Bytes with one SHA-256: on disk, on their way, or wanted. */
struct content {
    struct content *next;
    struct image_cache *cache;
    struct image image; /* file: the name it was last asked by, in name */
    char name[LIMIT_PATH];
    enum content_phase phase;
    bool sized;       /* image.size is known: of a blob only once a region was asked */
    bool on_disk;     /* perhaps: not verified unless READY */
    int fd;           /* READY: open */
    uint64_t used_ms; /* wall clock, as the file's time: for the order of eviction */
    struct waiter *waiters;
    struct image_fetch fetch; /* of the running job, as is: */
    struct error err;
    bool fetched;
};

struct refresh_waiter {
    struct refresh_waiter *next;
    void (*done)(void *subject);
    void *subject;
};

struct image_cache {
    struct loop *loop;
    struct image_cache_settings settings;
    struct image_fetch fetch; /* regions as they are now */
    struct image_manifest *manifest;
    struct content *contents;
    int contents_count, jobs;
    struct op refresh;
    uint64_t refresh_serial, refreshed_ns, retry_ns;
    struct refresh_waiter *refresh_waiters;
    struct image_fetch refresh_fetch; /* of the running refresh, as is: */
    struct image_manifest *refresh_manifest;
    struct error refresh_err;
    bool closing;
    struct image_cache_counts counts;
};

/* The folder */

static void path_of(const struct image_cache *cache, const char *name, char path[LIMIT_PATH])
{
    snprintf(path, LIMIT_PATH, "%s/%s", cache->settings.folder, name);
}

static struct content *find_content(const struct image_cache *cache, const struct image *image)
{
    struct content *content = cache->contents;
    while (content && strcmp(content->image.sha256, image->sha256) != 0)
        content = content->next;
    return content;
}

static struct content *add_content(struct image_cache *cache, const char *sha256)
{
    struct content *content = calloc(1, sizeof(*content));
    ASSERT(content);
    content->cache = cache;
    content->fd = -1;
    snprintf(content->image.sha256, sizeof(content->image.sha256), "%s", sha256);
    content->next = cache->contents;
    cache->contents = content;
    cache->contents_count++;
    return content;
}

static void note_file(struct image_cache *cache, const char *name)
{
    char path[LIMIT_PATH], sha256[IMAGE_MANIFEST_SHA256];
    uint8_t digest[DIGEST_BYTES];
    struct stat status;
    path_of(cache, name, path);
    snprintf(sha256, sizeof(sha256), "%.64s", name);
    if (!digest_hex_parse(sha256, digest, sizeof(digest)) || lstat(path, &status) ||
        !S_ISREG(status.st_mode))
        return;
    if (strlen(name) > 64) { /* of a fetch that was broken off: kept for a day */
        if ((uint64_t)status.st_mtime * 1000 + 86400000 < clock_real_ms())
            unlink(path);
        return;
    }
    struct content *content = add_content(cache, sha256);
    content->on_disk = content->sized = true;
    content->image.size = (uint64_t)status.st_size;
    content->used_ms = (uint64_t)status.st_mtime * 1000;
    cache->counts.bytes += content->image.size;
}

static enum error_code scan(struct image_cache *cache, struct error *err)
{
    enum error_code code = file_make_folders(cache->settings.folder, 0750, err);
    if (code)
        return code;
    DIR *folder = opendir(cache->settings.folder);
    if (!folder)
        return error_errno(err, "%s", cache->settings.folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && cache->contents_count < CONTENTS_MAX)
            note_file(cache, entry->d_name);
    closedir(folder);
    return ERR_OK;
}

/* The list of the last region that gave one. A bad one is as good as none. */
static void load_manifest(struct image_cache *cache)
{
    struct arena *arena = arena_new();
    char *text, path[LIMIT_PATH];
    size_t size;
    struct error err;
    path_of(cache, "manifest.json", path);
    enum error_code code = file_read(arena, path, IMAGE_MANIFEST_BYTES, &text, &size, &err);
    code = code ? code : image_manifest_read(text, size, &cache->manifest, &err);
    if (code && code != ERR_NOT_FOUND)
        log_warning("kept list of images: %s", err.text);
    arena_free(arena);
}

void image_cache_set_regions(struct image_cache *cache, const char *const *regions, int count)
{
    cache->fetch.regions = count < LIMIT_REGIONS ? count : LIMIT_REGIONS;
    for (int i = 0; i < cache->fetch.regions; i++)
        snprintf(cache->fetch.region[i], IMAGE_FETCH_HOST, "%s", regions[i]);
    cache->retry_ns = 0;
}

const struct image_cache_counts *image_cache_counts(const struct image_cache *cache)
{
    return &cache->counts;
}

/* Waiters */

static void give(struct content *content, image_cache_opened *done, void *subject)
{
    struct error err = {0};
    int fd = fcntl(content->fd, F_DUPFD_CLOEXEC, 3);
    content->used_ms = clock_real_ms();
    if (fd < 0)
        error_errno(&err, "image %s", content->name);
    done(subject, fd < 0 ? NULL : &content->image, fd, fd < 0 ? &err : NULL);
}

static void wake(struct content *content, const struct error *err)
{
    struct waiter *waiters = content->waiters;
    content->waiters = NULL;
    while (waiters) {
        struct waiter *waiter = waiters;
        waiters = waiter->next;
        if (err)
            waiter->done(waiter->subject, NULL, -1, err);
        else
            give(content, waiter->done, waiter->subject);
        free(waiter);
    }
}

/* Eviction: what was used longest ago, never what somebody waits for. */

static void remove_content(struct content *content)
{
    struct image_cache *cache = content->cache;
    struct content **at = &cache->contents;
    while (*at != content)
        at = &(*at)->next;
    *at = content->next;
    cache->contents_count--;
    if (content->on_disk)
        cache->counts.bytes -= content->image.size;
    file_close_fd(&content->fd);
    free(content);
}

struct removal {
    char path[LIMIT_PATH];
};

static void remove_file(void *subject)
{
    unlink(((struct removal *)subject)->path);
}

static void evict(struct content *content)
{
    struct removal *removal = malloc(sizeof(*removal));
    ASSERT(removal);
    path_of(content->cache, content->image.sha256, removal->path);
    content->cache->counts.evictions++;
    loop_run_blocking(content->cache->loop, remove_file, free, removal);
    remove_content(content);
}

static struct content *oldest(const struct image_cache *cache)
{
    struct content *found = NULL;
    for (struct content *each = cache->contents; each; each = each->next) {
        bool idle = each->phase == CONTENT_READY || each->phase == CONTENT_ABSENT;
        if (idle && !each->waiters && (!found || each->used_ms < found->used_ms))
            found = each;
    }
    return found;
}

static enum error_code make_room(struct image_cache *cache, uint64_t size, struct error *err)
{
    if (size > cache->settings.limit_bytes)
        return error_set(err, ERR_LIMIT, "an image of %llu bytes exceeds the cache's %llu",
                         (unsigned long long)size, (unsigned long long)cache->settings.limit_bytes);
    struct content *victim;
    while ((cache->counts.bytes + size > cache->settings.limit_bytes ||
            cache->contents_count > CONTENTS_MAX) &&
           (victim = oldest(cache)))
        evict(victim);
    if (cache->counts.bytes + size > cache->settings.limit_bytes)
        return error_set(err, ERR_LIMIT, "the images that are asked for exceed the cache");
    return ERR_OK;
}

enum error_code image_cache_new(struct loop *loop, const struct image_cache_settings *settings,
                                struct image_cache **out, struct error *err)
{
    struct image_cache *cache = calloc(1, sizeof(*cache));
    ASSERT(cache);
    cache->loop = loop;
    cache->settings = *settings;
    cache->fetch.tls = &cache->settings.tls;
    enum error_code code = scan(cache, err);
    if (code) {
        free(cache);
        return code;
    }
    load_manifest(cache);
    make_room(cache, 0, NULL); /* the limit may be lower than it was */
    *out = cache;
    return ERR_OK;
}

/* Jobs: one file made ready, on a thread of its own. */

static void look(struct image_cache *cache);

static bool is_whole(struct content *content, const char *path)
{
    char sha256[DIGEST_TEXT];
    return content->on_disk && !digest_sha256_file(path, sha256, NULL) &&
           !strcmp(sha256, content->image.sha256);
}

static void make_ready(void *subject)
{
    struct content *content = subject;
    char path[LIMIT_PATH];
    path_of(content->cache, content->image.sha256, path);
    content->err.code = ERR_OK;
    content->fetched = !is_whole(content, path);
    enum error_code code = ERR_OK;
    if (content->fetched) {
        unlink(path);
        code = image_fetch_file(&content->fetch, &content->image, content->cache->settings.folder,
                                &content->err);
    }
    if (!code) {
        content->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        code = content->fd < 0 ? error_errno(&content->err, "%s", path) : ERR_OK;
    }
    if (!code)
        futimens(content->fd, NULL);
    content->err.code = code;
}

static void on_ready(void *subject)
{
    struct content *content = subject;
    struct image_cache *cache = content->cache;
    cache->jobs--;
    content->phase = content->err.code ? CONTENT_ABSENT : CONTENT_READY;
    if (content->err.code) {
        cache->counts.failures++;
        cache->counts.bytes -= content->image.size;
        if (!cache->closing)
            log_error("image %s: %s", content->name, content->err.text);
    } else if (content->fetched) {
        cache->counts.fetched_bytes += content->image.size;
        log_info("image %s is here: %llu bytes", content->name,
                 (unsigned long long)content->image.size);
    }
    content->on_disk = !content->err.code;
    struct error err = content->err;
    wake(content, err.code ? &err : NULL);
    look(cache);
}

static void measure(void *subject)
{
    struct content *content = subject;
    content->err.code =
        image_fetch_size(&content->fetch, content->name, &content->image.size, &content->err);
}

static void on_measured(void *subject)
{
    struct content *content = subject;
    struct image_cache *cache = content->cache;
    struct error err = content->err;
    cache->jobs--;
    content->sized = !err.code;
    content->phase = err.code ? CONTENT_ABSENT : CONTENT_QUEUED;
    if (err.code)
        wake(content, &err);
    if (content->phase == CONTENT_ABSENT) /* whoever asks for what nobody has leaves nothing here */
        remove_content(content);
    look(cache);
}

static void start_job(struct content *content)
{
    struct image_cache *cache = content->cache;
    struct error err;
    content->fetch = cache->fetch;
    if (!content->sized) {
        content->phase = CONTENT_RUNNING;
        cache->jobs++;
        loop_run_blocking(cache->loop, measure, on_measured, content);
        return;
    }
    /* Its bytes count from now on; those of a stale file on disk do so already. */
    if (!content->on_disk && make_room(cache, content->image.size, &err)) {
        content->phase = CONTENT_ABSENT;
        cache->counts.failures++;
        wake(content, &err);
        return;
    }
    if (!content->on_disk)
        cache->counts.bytes += content->image.size;
    content->phase = CONTENT_RUNNING;
    cache->jobs++;
    loop_run_blocking(cache->loop, make_ready, on_ready, content);
}

static struct content *longest_queued(const struct image_cache *cache)
{
    struct content *found = NULL; /* new ones are at the front of the list */
    for (struct content *each = cache->contents; each; each = each->next)
        if (each->phase == CONTENT_QUEUED)
            found = each;
    return found;
}

static void end(struct image_cache *cache)
{
    for (struct content *each = cache->contents, *next; each; each = next) {
        next = each->next;
        file_close_fd(&each->fd);
        free(each);
    }
    image_manifest_free(cache->manifest);
    free(cache);
}

/* Start what may start; when closing, be gone once nothing runs. */
static void look(struct image_cache *cache)
{
    struct content *content;
    while (!cache->closing && cache->jobs < JOBS_MAX && (content = longest_queued(cache)))
        start_job(content);
    if (cache->closing && !cache->jobs && !op_busy(&cache->refresh))
        end(cache);
}

static struct content *content_of(struct image_cache *cache, const struct image *image)
{
    struct content *content = find_content(cache, image);
    if (!content)
        content = add_content(cache, image->sha256);
    bool idle = content->phase == CONTENT_ABSENT, sized = image->size != SIZE_UNKNOWN;
    if (idle && sized && content->on_disk && content->image.size != image->size) {
        cache->counts.bytes -= content->image.size; /* cut off, perhaps: fetch it again */
        content->on_disk = false;
    }
    if (idle || content->phase == CONTENT_READY) { /* a running job reads them */
        snprintf(content->name, sizeof(content->name), "%s", image->file);
        content->image.file = content->name;
        content->image.kind = "";
        content->image.size = sized ? image->size : content->image.size;
        content->sized |= sized;
    }
    return content;
}

static void fail(image_cache_opened *done, void *subject, enum error_code code, const char *text)
{
    struct error err;
    error_set(&err, code, "%s", text);
    done(subject, NULL, -1, &err);
}

static const struct image *find(const struct image_cache *cache, const char *file, const char *kind)
{
    const struct image *image = image_manifest_find(cache->manifest, file);
    return image && (!kind || !strcmp(image->kind, kind)) ? image : NULL;
}

/* What is asked for by its content needs no list. */
static bool is_blob(const char *file, struct image *image)
{
    uint8_t digest[DIGEST_BYTES];
    if (strncmp(file, "blobs/", 6) || !digest_hex_parse(file + 6, digest, sizeof(digest)))
        return false;
    *image = (struct image){.file = file, .kind = "", .size = SIZE_UNKNOWN};
    digest_hex(digest, sizeof(digest), image->sha256);
    return true;
}

static void open_now(struct image_cache *cache, const struct image *image, image_cache_opened *done,
                     void *subject)
{
    if (!image || cache->closing) {
        bool none = !cache->manifest || cache->closing;
        fail(done, subject, none ? ERR_UNAVAILABLE : ERR_NOT_FOUND,
             none ? "no region gave its list of images" : "there is no such image");
        return;
    }
    struct content *content = content_of(cache, image);
    if (content->phase == CONTENT_READY) {
        cache->counts.hits++;
        give(content, done, subject);
        return;
    }
    cache->counts.misses++;
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    ASSERT(waiter);
    waiter->done = done;
    waiter->subject = subject;
    waiter->next = content->waiters;
    content->waiters = waiter;
    if (content->phase == CONTENT_ABSENT)
        content->phase = CONTENT_QUEUED;
    look(cache);
}

/* The manifest */

static void read_new_manifest(void *subject)
{
    struct image_cache *cache = subject;
    struct arena *arena = arena_new();
    const char *text = NULL;
    char path[LIMIT_PATH];
    struct error *err = &cache->refresh_err;
    path_of(cache, "manifest.json", path);
    enum error_code code = image_fetch_manifest(&cache->refresh_fetch, arena, &text, err);
    if (!code)
        code = image_manifest_read(text, strlen(text), &cache->refresh_manifest, err);
    if (!code)
        code = file_write(path, text, strlen(text), 0640, err);
    err->code = code;
    arena_free(arena);
}

static void on_new_manifest(void *subject)
{
    struct image_cache *cache = subject;
    static struct log_gate gate;
    unsigned long held;
    op_end(&cache->refresh, cache->refresh_serial);
    if (cache->refresh_manifest) { /* good for use, even if it could not be kept */
        image_manifest_free(cache->manifest);
        cache->manifest = cache->refresh_manifest;
        cache->refresh_manifest = NULL;
        cache->refreshed_ns = clock_boot_ns();
    }
    if (cache->refresh_err.code) {
        cache->retry_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
        if (log_gate_open(&gate, 60, &held))
            log_warning("list of images: %s (and %lu before)", cache->refresh_err.text, held);
    }
    struct refresh_waiter *waiters = cache->refresh_waiters;
    cache->refresh_waiters = NULL;
    while (waiters) {
        struct refresh_waiter *waiter = waiters;
        waiters = waiter->next;
        waiter->done(waiter->subject);
        free(waiter);
    }
    look(cache);
}

void image_cache_refresh(struct image_cache *cache, void (*done)(void *subject), void *subject)
{
    uint64_t now = clock_boot_ns();
    bool fresh = cache->refreshed_ns && now - cache->refreshed_ns < FRESH_MS * CLOCK_MS;
    bool busy = op_busy(&cache->refresh);
    if (!busy && (fresh || cache->closing || !cache->fetch.regions || now < cache->retry_ns)) {
        done(subject);
        return;
    }
    struct refresh_waiter *waiter = malloc(sizeof(*waiter));
    ASSERT(waiter);
    *waiter = (struct refresh_waiter){cache->refresh_waiters, done, subject};
    cache->refresh_waiters = waiter;
    if (busy)
        return;
    cache->refresh_serial = op_begin(&cache->refresh, "manifest", 0);
    cache->refresh_fetch = cache->fetch;
    loop_run_blocking(cache->loop, read_new_manifest, on_new_manifest, cache);
}

/* An open that waits for the manifest. */
struct opening {
    struct image_cache *cache;
    char file[LIMIT_PATH];
    const char *kind;
    image_cache_opened *done;
    void *subject;
};

static void open_after_refresh(void *subject)
{
    struct opening *opening = subject;
    open_now(opening->cache, find(opening->cache, opening->file, opening->kind), opening->done,
             opening->subject);
    free(opening);
}

void image_cache_open(struct image_cache *cache, const char *file, const char *kind,
                      image_cache_opened *done, void *subject)
{
    struct image blob;
    const struct image *image = is_blob(file, &blob) ? &blob : find(cache, file, kind);
    /* Loaders ask for names that are not there all the time: those are answered at once. */
    if (image || cache->closing || (kind && cache->manifest)) {
        open_now(cache, image, done, subject);
        return;
    }
    struct opening *opening = calloc(1, sizeof(*opening)); /* perhaps it is a new one */
    ASSERT(opening);
    opening->cache = cache;
    opening->kind = kind;
    opening->done = done;
    opening->subject = subject;
    snprintf(opening->file, sizeof(opening->file), "%s", file);
    image_cache_refresh(cache, open_after_refresh, opening);
}

bool image_cache_is_ready(const struct image_cache *cache, const char *file)
{
    struct image blob;
    if (!file)
        return false;
    const struct image *image = is_blob(file, &blob) ? &blob : find(cache, file, NULL);
    const struct content *content = image ? find_content(cache, image) : NULL;
    return content && content->phase == CONTENT_READY;
}

void image_cache_free(struct image_cache *cache)
{
    if (!cache)
        return;
    struct error err;
    error_set(&err, ERR_UNAVAILABLE, "the rack is stopping");
    cache->closing = true;
    for (struct content *each = cache->contents; each; each = each->next)
        wake(each, &err);
    look(cache);
}
