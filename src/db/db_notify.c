/* Hears what the database notifies: see db_notify.h. Source: PostgreSQL manual, libpq, LISTEN. */
#include "src/db/db_notify.h"

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "src/base/error.h"

/* How long to dial, and to wait before the next try. */
enum { DIAL_S = 5, AGAIN_MS = 1000 };

struct db_notify {
    struct db_notify_setup setup;
    pthread_t thread;
    pthread_mutex_t lock;
    int wake; /* eventfd: the two below changed */
    char *conninfo;
    bool stop;
};

/* Until the socket (-1: none) can be read, someone woke us (then true), or time is over. */
static bool wait_for(struct db_notify *notify, int fd, int timeout_ms)
{
    struct pollfd fds[] = {{notify->wake, POLLIN, 0}, {fd, POLLIN, 0}};
    uint64_t count;
    return poll(fds, 2, timeout_ms) > 0 && fds[0].revents &&
           read(notify->wake, &count, sizeof(count)) == sizeof(count);
}

static PGconn *dial(const struct db_notify *notify, const char *conninfo)
{
    char *text = NULL;
    int size = asprintf(&text, "%s connect_timeout=%d", conninfo, DIAL_S);
    ASSERT(size > 0);
    PGconn *pg = PQconnectdb(text);
    free(text);
    if (PQstatus(pg) == CONNECTION_OK) {
        char sql[80];
        snprintf(sql, sizeof(sql), "LISTEN %s", notify->setup.channel);
        PGresult *result = PQexec(pg, sql);
        bool listens = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        if (listens)
            return pg;
    }
    PQfinish(pg);
    return NULL;
}

/* True: something was notified. False: nothing yet, or the connection broke: see its status. */
static bool take(PGconn *pg)
{
    bool any = false;
    PGnotify *notice;
    if (!PQconsumeInput(pg))
        return false;
    while ((notice = PQnotifies(pg))) {
        any = true;
        PQfreemem(notice);
    }
    return any;
}

/* Until the connection breaks (then false) or someone woke us. */
static bool listen_on(struct db_notify *notify, PGconn *pg)
{
    notify->setup.heard(notify->setup.subject);
    while (PQstatus(pg) == CONNECTION_OK) {
        if (wait_for(notify, PQsocket(pg), -1))
            return true;
        if (take(pg))
            notify->setup.heard(notify->setup.subject);
    }
    return false;
}

/* A copy of where the primary is, NULL = nowhere; false: stop. */
static bool next_primary(struct db_notify *notify, char **conninfo)
{
    pthread_mutex_lock(&notify->lock);
    bool more = !notify->stop;
    *conninfo = more && notify->conninfo ? strdup(notify->conninfo) : NULL;
    pthread_mutex_unlock(&notify->lock);
    return more;
}

static void *run(void *subject)
{
    struct db_notify *notify = subject;
    char *conninfo;
    while (next_primary(notify, &conninfo)) {
        PGconn *pg = conninfo ? dial(notify, conninfo) : NULL;
        bool woken = pg && listen_on(notify, pg);
        if (pg)
            PQfinish(pg);
        if (!woken)
            wait_for(notify, -1, conninfo ? AGAIN_MS : -1);
        free(conninfo);
    }
    return NULL;
}

struct db_notify *db_notify_start(const struct db_notify_setup *setup)
{
    struct db_notify *notify = calloc(1, sizeof(*notify));
    ASSERT(notify);
    notify->setup = *setup;
    pthread_mutex_init(&notify->lock, NULL);
    notify->wake = eventfd(0, EFD_CLOEXEC);
    ASSERT(notify->wake >= 0);
    int rv = pthread_create(&notify->thread, NULL, run, notify);
    ASSERT(rv == 0);
    return notify;
}

static void change(struct db_notify *notify, const char *conninfo, bool stop)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&notify->lock);
    free(notify->conninfo);
    notify->conninfo = conninfo ? strdup(conninfo) : NULL;
    notify->stop = stop;
    pthread_mutex_unlock(&notify->lock);
    ssize_t written = write(notify->wake, &one, sizeof(one));
    ASSERT(written == sizeof(one));
}

void db_notify_primary(struct db_notify *notify, const char *conninfo)
{
    change(notify, conninfo, false);
}

void db_notify_stop(struct db_notify *notify)
{
    if (!notify)
        return;
    change(notify, NULL, true);
    pthread_join(notify->thread, NULL);
    close(notify->wake);
    pthread_mutex_destroy(&notify->lock);
    free(notify);
}
