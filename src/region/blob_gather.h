/*
 * Brings bytes to this region's folder: from regions that have them, else from the web, several at
 * a time. Blocking; any thread but the loop's. names: blob_gather_
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/wire/tls_credentials.h"

/** Regions that have some bytes, by name. */
struct blob_regions {
    const char *const *names;
    int count;
};

/** Bytes that are to come. */
struct blob_want {
    const char *sha256;
    int64_t size;
    const char *const *peers; /* "address:port" of the hops of regions that have it */
    int peers_count;
    const char *url, *proxy; /* where else it is; NULL = nowhere; proxy NULL = straight */
    bool here;               /* it has come, and was told of */
    struct error err;        /* of the last try */
};

struct blob_gather {
    const char *folder;
    const struct tls_files *tls; /* of this region */
    int threads;                 /* at most, at a time */
    /* One at a time, on the threads of the gathering: */
    bool (*goes_on)(void *subject); /* false ends it soon; may be NULL */
    void (*progress)(void *subject, const struct blob_want *want, int64_t bytes); /* may be NULL */
    enum error_code (*arrived)(void *subject, const struct blob_want *want, struct error *err);
    void *subject;
};

/** Gather all; those with different SHA-256 only. The first error of those that did not come. */
enum error_code blob_gather_run(const struct blob_gather *gather, struct blob_want *wants,
                                int count, struct error *err);

/** "address:port" of a region's hop, in the arena; NULL: it is not known. */
typedef const char *blob_gather_address(void *subject, const char *region, struct arena *arena);

/** The peers of *want: the regions that are known. */
void blob_gather_peers(struct blob_want *want, const struct blob_regions *regions,
                       blob_gather_address *address, void *subject, struct arena *arena);
