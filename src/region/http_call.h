/*
 * One request and its reply on the way between the edge and the pool. Owned by one thread at a
 * time: the edge until it is queued, a pool thread until it is answered, then the edge again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ha/callers.h"
#include "src/db/db_follow.h"
#include "src/model/api_action.h"
#include "src/region/api.h"
#include "src/region/http.h"

enum { HTTP_HEADERS_MAX = 64, HTTP_ID_BYTES = 37 };

struct http_header {
    const char *name, *value;
};

struct http_call {
    struct http_call *next; /* in the queue or among the parked */
    struct http *http;
    void *connection;          /* the edge's */
    void *response;            /* the edge's, made by http_edge_answer */
    struct caller_open caller; /* while it is under way */
    char *target;              /* raw path and query */
    const char *method;        /* as written */
    char id[HTTP_ID_BYTES];    /* X-Request-Id, or "" until one is made */
    struct http_header headers[HTTP_HEADERS_MAX];
    int headers_count;
    char *body;
    size_t body_size, body_room;
    uint64_t arrived_ns, deadline_ns; /* BOOTTIME; the deadline is for finding a primary */
    int status;
};

/** A header by name, any case, or NULL; the last one of that name. */
const char *http_call_header(const struct http_call *call, const char *name);

/* What a pool thread owns. */
struct http_worker {
    struct http *http;
    struct db_follower primary;
    struct arena *arena;
    struct api_reply reply;
};

/**
 * Answer one call into worker->reply. False: the primary could not be reached, or the transaction
 * met others again and again; try later. has_primary false answers only what needs no database;
 * last answers in any case.
 */
bool http_run(struct http_worker *worker, struct http_call *call, bool has_primary, bool last);

/** Forget old request ids and sessions, now and then. */
void http_run_sweep(struct http_worker *worker);

/** Hand the finished reply to the edge, which sends it; call is not ours after this. */
void http_edge_answer(struct http_call *call, struct api_reply *reply);

/** The pool's side of the queue, for complete requests; false when the pool is stopping. */
bool http_pool_put(struct http *http, struct http_call *call);

/** The edge: sockets. */
struct http_edge;
enum error_code http_edge_start(struct http *http, struct http_edge **edge, struct error *err);
void http_edge_quiesce(struct http_edge *edge);
void http_edge_stop(struct http_edge *edge);
