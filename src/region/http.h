/*
 * The region's HTTP: API, pages and images on a unix socket, behind HAProxy. One edge thread does
 * the sockets (libmicrohttpd), a pool of threads answers, each with a database connection of its
 * own; a request waits in a queue between them, so that neither a slow client nor a slow answer
 * holds up others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/spool.h"
#include "src/wire/seal.h"

struct callers;
struct http;

/** All texts and the ring must outlive the http; it copies nothing. */
struct http_settings {
    const char *socket;  /* path of the unix socket; an old one is removed */
    int threads;         /* 0 = 8 */
    size_t body_limit;   /* 0 = LIMIT_BODY_BYTES */
    int primary_wait_ms; /* how long a request waits for a primary; 0 = 10 s */
    int body_wait_ms;    /* how long a body may take, and a second for each 64 KiB; 0 = 30 s */
    const struct seal_ring *ring; /* opens and seals the secrets of tokens */
    const char *ca_dir;           /* of the cluster's CA, or NULL: nobody can join */
    const char *images;           /* folder of images with its manifest.json, or NULL */
    const char *blobs;            /* folder of bytes by their SHA-256, or NULL */
    const char *region;           /* this one's name, "" outside of a cluster */
    struct callers *callers;      /* is told whose requests are under way; or NULL */
    void *subject;                /* of the function below */
    /**
     * Is this epoch still the cluster's and its lease valid, now? Asked after the results of a read
     * arrived and before they are sent; false = read again. Any pool thread. NULL = always.
     */
    bool (*epoch_valid)(void *subject, uint64_t epoch);
};

/** Errors: IO (socket), BAD_INPUT. */
enum error_code http_start(const struct http_settings *settings, struct http **http,
                           struct error *err);

/**
 * Where the primary is now; conninfo NULL = there is none: requests wait. Connections to an older
 * primary are closed before their next use. Any thread, does not block.
 */
void http_set_primary(struct http *http, const char *conninfo, uint64_t epoch);

/** Finish what is being answered, answer 503 to what waits, close. NULL is fine. */
void http_stop(struct http *http);

const struct http_settings *http_settings(const struct http *http);
