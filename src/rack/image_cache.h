/*
 * The rack's images: fetched from the regions when first asked for, kept by their SHA-256, bounded
 * in bytes, verified before the first use in the life of the program. Files are served when all of
 * them is here and verified, never while they arrive. Loop thread only, but for image_cache_new.
 */
#pragma once

#include "src/base/loop.h"
#include "src/rack/image_fetch.h"

struct image_cache;

struct image_cache_settings {
    const char *folder; /* made when missing */
    uint64_t limit_bytes;
    struct tls_files tls; /* of this rack; texts outlive the cache */
};

/** What the cache did so far. */
struct image_cache_counts {
    uint64_t hits, misses, fetched_bytes, failures, evictions;
    uint64_t bytes; /* on disk now */
};

/** Looks through the folder; blocking, before the loop runs. Errors: IO. */
enum error_code image_cache_new(struct loop *loop, const struct image_cache_settings *settings,
                                struct image_cache **cache, struct error *err);

/** Outstanding opens end with UNAVAILABLE; the cache is gone when running fetches have ended. */
void image_cache_free(struct image_cache *cache);

/** The regions to fetch from, "address:port" of their HTTPS; the best first. Copied. */
void image_cache_set_regions(struct image_cache *cache, const char *const *regions, int count);

/** image is borrowed for the call, fd the callee's (NULL and -1 with an error). */
typedef void image_cache_opened(void *subject, const struct image *image, int fd,
                                const struct error *err);

/**
 * Open an image by its name in the manifest, of this kind (a literal; NULL = any), or any bytes
 * that a region has as "blobs/SHA256". done is called once, perhaps from within. Several that wait
 * for one file share its download. Errors: NOT_FOUND (not in the manifest, at no region),
 * UNAVAILABLE (no region, no manifest), CORRUPT, LIMIT (larger than the cache), IO.
 */
void image_cache_open(struct image_cache *cache, const char *file, const char *kind,
                      image_cache_opened *done, void *subject);

/** Would this file (NULL: none) be opened at once? Not what is on disk and not verified yet. */
bool image_cache_is_ready(const struct image_cache *cache, const char *file);

/**
 * Make sure that the manifest is the region's present one: before a machine is told what to load,
 * so that its kernel and root belong together. done is called once, perhaps from within, also when
 * no region answered.
 */
void image_cache_refresh(struct image_cache *cache, void (*done)(void *subject), void *subject);

const struct image_cache_counts *image_cache_counts(const struct image_cache *cache);
