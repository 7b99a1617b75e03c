/* Waiting for the control loop: see loop_ask.h. */
#include "src/region/loop_ask.h"

#include <pthread.h>
#include <unistd.h>

struct ask {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    void (*call)(void *subject);
    void *subject;
    struct region *region;
    struct fence_request request;
    struct fence_reply reply;
};

static void finish(struct ask *ask)
{
    pthread_mutex_lock(&ask->lock);
    ask->done = true;
    pthread_cond_signal(&ask->wake);
    pthread_mutex_unlock(&ask->lock);
}

static void run_call(void *subject)
{
    struct ask *ask = subject;
    ask->call(ask->subject);
    finish(ask);
}

static void on_fenced(void *subject, const struct fence_reply *reply, int fd)
{
    struct ask *ask = subject;
    if (fd >= 0)
        close(fd);
    ask->reply = *reply;
    finish(ask);
}

static void run_request(void *subject)
{
    struct ask *ask = subject;
    fence_link_send(ask->region->fence, &ask->request, on_fenced, ask);
}

static void wait_for(struct ask *ask, struct loop *loop, void (*run)(void *subject))
{
    pthread_mutex_init(&ask->lock, NULL);
    pthread_cond_init(&ask->wake, NULL);
    loop_post(loop, run, ask);
    pthread_mutex_lock(&ask->lock);
    while (!ask->done)
        pthread_cond_wait(&ask->wake, &ask->lock);
    pthread_mutex_unlock(&ask->lock);
    pthread_cond_destroy(&ask->wake);
    pthread_mutex_destroy(&ask->lock);
}

void loop_ask(struct loop *loop, void (*call)(void *subject), void *subject)
{
    struct ask ask = {.call = call, .subject = subject};
    wait_for(&ask, loop, run_call);
}

enum error_code loop_ask_fenced(struct region *region, const struct fence_request *request,
                                struct error *err)
{
    struct ask ask = {.region = region, .request = *request};
    wait_for(&ask, &region->loop, run_request);
    enum error_code code = (enum error_code)ask.reply.code;
    return code ? error_set(err, code, "%s", ask.reply.text) : ERR_OK;
}
