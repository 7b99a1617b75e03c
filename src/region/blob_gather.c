/* Brings bytes to this region: see blob_gather.h. */
#include "src/region/blob_gather.h"

#include <pthread.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/region/blob_files.h"
#include "src/wire/blob_fetch.h"

enum { THREADS_MAX = 8, TRIES = 3, PAUSE_MS = 500, TELL_MS = 1000, PEER_MS = 3000, STALL_S = 20 };

struct gathering {
    const struct blob_gather *setup;
    struct blob_want *wants;
    int count, next;
    bool ended; /* goes_on said so */
    pthread_mutex_t lock;
};

/* One file on its way. */
struct passage {
    struct gathering *gathering;
    const struct blob_want *want;
    uint64_t told_ns;
};

static bool may_go_on(struct gathering *gathering)
{
    const struct blob_gather *setup = gathering->setup;
    pthread_mutex_lock(&gathering->lock);
    if (!gathering->ended && setup->goes_on)
        gathering->ended = !setup->goes_on(setup->subject);
    bool on = !gathering->ended;
    pthread_mutex_unlock(&gathering->lock);
    return on;
}

static bool on_bytes(void *subject, uint64_t bytes)
{
    struct passage *passage = subject;
    struct gathering *gathering = passage->gathering;
    uint64_t now_ns = clock_boot_ns();
    if (now_ns - passage->told_ns < TELL_MS * CLOCK_MS)
        return true;
    passage->told_ns = now_ns;
    if (!may_go_on(gathering))
        return false;
    if (gathering->setup->progress) {
        pthread_mutex_lock(&gathering->lock);
        gathering->setup->progress(gathering->setup->subject, passage->want, (int64_t)bytes);
        pthread_mutex_unlock(&gathering->lock);
    }
    return true;
}

static enum error_code fetch_from_peers(struct http_client *client, struct passage *passage,
                                        struct error *err)
{
    const struct blob_want *want = passage->want;
    const struct blob_gather *setup = passage->gathering->setup;
    enum error_code code = error_set(err, ERR_UNAVAILABLE, "no region that has it can be reached");
    for (int i = 0; i < want->peers_count && code && code != ERR_GONE; i++) {
        struct arena *arena = arena_new();
        struct blob_fetch fetch = {
            .url = arena_printf(arena, "https://%s/blobs/%s", want->peers[i], want->sha256),
            .sha256 = want->sha256,
            .size = (uint64_t)want->size,
            .tls = {.ca_file = setup->tls->ca,
                    .role = "region",
                    .certificate = setup->tls->certificate,
                    .key = setup->tls->key},
            .ours = true,
            .connect_timeout_ms = PEER_MS,
            .stall_s = STALL_S,
            .goes_on = on_bytes,
            .subject = passage};
        code = blob_fetch_run(client, &fetch, setup->folder, err);
        arena_free(arena);
    }
    return code;
}

/* A mirror that falters is asked again: what came is kept. */
static enum error_code fetch_from_source(struct http_client *client, struct passage *passage,
                                         struct error *err)
{
    const struct blob_want *want = passage->want;
    struct blob_fetch fetch = {.url = want->url,
                               .sha256 = want->sha256,
                               .size = (uint64_t)want->size,
                               .proxy = want->proxy,
                               .goes_on = on_bytes,
                               .subject = passage};
    enum error_code code = ERR_UNAVAILABLE;
    for (int i = 0; i < TRIES && code && code != ERR_GONE; i++) {
        if (i)
            usleep(PAUSE_MS * 1000);
        code = blob_fetch_run(client, &fetch, passage->gathering->setup->folder, err);
    }
    return code;
}

static enum error_code bring(struct http_client *client, struct passage *passage, struct error *err)
{
    const struct blob_want *want = passage->want;
    const char *folder = passage->gathering->setup->folder;
    if (blob_files_has(folder, want->sha256, want->size, NULL) &&
        !blob_files_check(folder, want->sha256, err))
        return ERR_OK;
    enum error_code code = fetch_from_peers(client, passage, err);
    if (code && code != ERR_GONE && want->url)
        code = fetch_from_source(client, passage, err);
    return code;
}

static void take_one(struct gathering *gathering, struct http_client *client,
                     struct blob_want *want)
{
    const struct blob_gather *setup = gathering->setup;
    struct passage passage = {gathering, want, clock_boot_ns()};
    enum error_code code = bring(client, &passage, &want->err);
    pthread_mutex_lock(&gathering->lock);
    if (!code)
        code = setup->arrived(setup->subject, want, &want->err);
    want->here = !code;
    pthread_mutex_unlock(&gathering->lock);
}

static void *work(void *subject)
{
    struct gathering *gathering = subject;
    struct http_client *client = http_client_new();
    while (may_go_on(gathering)) {
        pthread_mutex_lock(&gathering->lock);
        int mine = gathering->next < gathering->count ? gathering->next++ : -1;
        pthread_mutex_unlock(&gathering->lock);
        if (mine < 0)
            break;
        take_one(gathering, client, &gathering->wants[mine]);
    }
    http_client_free(client);
    return NULL;
}

enum error_code blob_gather_run(const struct blob_gather *setup, struct blob_want *wants, int count,
                                struct error *err)
{
    struct gathering gathering = {.setup = setup, .wants = wants, .count = count};
    pthread_t threads[THREADS_MAX];
    int started = 0, most = setup->threads < THREADS_MAX ? setup->threads : THREADS_MAX;
    pthread_mutex_init(&gathering.lock, NULL);
    for (int i = 0; i < count; i++) {
        wants[i].here = false;
        error_set(&wants[i].err, ERR_GONE, "given up");
    }
    while (started < most && started < count &&
           !pthread_create(&threads[started], NULL, work, &gathering))
        started++;
    if (!started && count)
        work(&gathering);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&gathering.lock);
    for (int i = 0; i < count; i++)
        if (!wants[i].here)
            return error_set(err, wants[i].err.code, "%s", wants[i].err.text);
    return ERR_OK;
}

void blob_gather_peers(struct blob_want *want, const struct blob_regions *regions,
                       blob_gather_address *address, void *subject, struct arena *arena)
{
    const char **peers = ARENA_ARRAY(arena, const char *, (size_t)regions->count + 1);
    want->peers = peers;
    want->peers_count = 0;
    for (int i = 0; i < regions->count; i++) {
        const char *peer = address(subject, regions->names[i], arena);
        if (peer)
            peers[want->peers_count++] = peer;
    }
}
