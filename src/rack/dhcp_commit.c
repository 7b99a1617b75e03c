/* Leases go to disk before their replies go out: see dhcp_commit.h. */
#include "src/rack/dhcp_commit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Posted to the loop when a batch is done; outlives a commit that was freed meanwhile. */
struct notice {
    struct dhcp_commit *commit;
};

struct dhcp_commit {
    struct loop *loop;
    struct dhcp_service *service;
    dhcp_committed *committed;
    void *owner;
    struct dhcp_pending *waiting, **last; /* for the next batch */
    int waiting_count;
    struct notice *notice; /* the thread has a batch */

    /* The thread's while it has a batch. */
    struct dhcp_lease_file *file;
    struct dhcp_pending *batch;
    struct dhcp_lease *leases;
    int count, live;
    bool rewrite; /* leases is all there is, not an addition */
    uint64_t now_s;
    enum error_code code;
    struct error err;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool work, stop; /* under the lock */
};

static void finish_batch(void *subject);

static void write_batch(struct dhcp_commit *commit)
{
    commit->code = commit->rewrite
                       ? dhcp_lease_file_rewrite(commit->file, commit->leases, commit->count,
                                                 commit->now_s, &commit->err)
                       : dhcp_lease_file_append(commit->file, commit->leases, commit->count,
                                                commit->now_s, &commit->err);
}

static void *run(void *subject)
{
    struct dhcp_commit *commit = subject;
    pthread_mutex_lock(&commit->lock);
    while (!commit->stop || commit->work) {
        if (!commit->work) {
            pthread_cond_wait(&commit->changed, &commit->lock);
            continue;
        }
        pthread_mutex_unlock(&commit->lock);
        write_batch(commit);
        pthread_mutex_lock(&commit->lock);
        commit->work = false;
        pthread_cond_broadcast(&commit->changed);
        loop_post(commit->loop, finish_batch, commit->notice);
    }
    pthread_mutex_unlock(&commit->lock);
    return NULL;
}

static struct dhcp_lease *leases_of_batch(const struct dhcp_pending *batch, int count)
{
    struct dhcp_lease *leases = calloc((size_t)count + 1, sizeof(*leases));
    ASSERT(leases);
    for (int i = 0; batch; batch = batch->next)
        leases[i++] = batch->lease;
    return leases;
}

/* What waits becomes the batch. */
static void take_batch(struct dhcp_commit *commit)
{
    commit->batch = commit->waiting;
    commit->count = commit->waiting_count;
    commit->waiting = NULL;
    commit->last = &commit->waiting;
    commit->waiting_count = 0;
    commit->now_s = commit->service->last_time_s;
    /* Memory holds the batch already: a new file has it too. */
    commit->rewrite =
        dhcp_lease_file_is_stale(commit->file, dhcp_leases_count(commit->service->leases));
    commit->leases = commit->rewrite
                         ? dhcp_leases_copy(commit->service->leases, commit->now_s, &commit->count)
                         : leases_of_batch(commit->batch, commit->count);
}

static void start_batch(struct dhcp_commit *commit)
{
    take_batch(commit);
    commit->notice = calloc(1, sizeof(*commit->notice));
    ASSERT(commit->notice);
    commit->notice->commit = commit;
    pthread_mutex_lock(&commit->lock);
    commit->work = true;
    pthread_cond_broadcast(&commit->changed);
    pthread_mutex_unlock(&commit->lock);
}

static void end_batch(struct dhcp_commit *commit)
{
    struct dhcp_statistics *statistics = &commit->service->statistics;
    int count = 0;
    commit->committed(commit->owner, commit->batch, commit->code ? &commit->err : NULL);
    while (commit->batch) {
        struct dhcp_pending *next = commit->batch->next;
        free(commit->batch);
        commit->batch = next;
        count++;
    }
    statistics->syncs++;
    statistics->synced += commit->code ? 0 : (uint64_t)count;
    statistics->sync_failures += commit->code ? 1 : 0;
    free(commit->leases);
    commit->leases = NULL;
}

static void finish_batch(void *subject)
{
    struct notice *notice = subject;
    struct dhcp_commit *commit = notice->commit;
    free(notice);
    if (!commit)
        return;
    commit->notice = NULL;
    end_batch(commit);
    if (commit->waiting)
        start_batch(commit);
}

struct dhcp_commit *dhcp_commit_new(struct loop *loop, struct dhcp_lease_file *file,
                                    struct dhcp_service *service, dhcp_committed *committed,
                                    void *owner)
{
    struct dhcp_commit *commit = calloc(1, sizeof(*commit));
    ASSERT(commit);
    commit->loop = loop;
    commit->file = file;
    commit->service = service;
    commit->committed = committed;
    commit->owner = owner;
    commit->last = &commit->waiting;
    pthread_mutex_init(&commit->lock, NULL);
    pthread_cond_init(&commit->changed, NULL);
    int rv = pthread_create(&commit->thread, NULL, run, commit);
    ASSERT(rv == 0);
    return commit;
}

bool dhcp_commit_put(struct dhcp_commit *commit, const struct dhcp_outcome *outcome,
                     unsigned interface)
{
    if (commit->waiting_count == DHCP_COMMIT_WAITING)
        return false;
    struct dhcp_pending *pending = calloc(1, sizeof(*pending) + outcome->size);
    ASSERT(pending);
    pending->lease = outcome->lease;
    pending->interface = interface;
    pending->reply = outcome->reply;
    pending->target = outcome->target;
    pending->size = outcome->size;
    memcpy(pending->bytes, outcome->writer.bytes, outcome->size);
    *commit->last = pending;
    commit->last = &pending->next;
    commit->waiting_count++;
    if (!commit->notice)
        start_batch(commit);
    return true;
}

void dhcp_commit_free(struct dhcp_commit *commit)
{
    if (!commit)
        return;
    pthread_mutex_lock(&commit->lock);
    commit->stop = true;
    pthread_cond_broadcast(&commit->changed);
    pthread_mutex_unlock(&commit->lock);
    pthread_join(commit->thread, NULL);
    if (commit->notice) { /* written, and not yet told */
        commit->notice->commit = NULL;
        end_batch(commit);
    }
    if (commit->waiting) {
        take_batch(commit);
        write_batch(commit);
        end_batch(commit);
    }
    dhcp_lease_file_close(commit->file);
    pthread_mutex_destroy(&commit->lock);
    pthread_cond_destroy(&commit->changed);
    free(commit);
}
