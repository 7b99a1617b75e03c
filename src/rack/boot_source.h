/*
 * What a name that a machine asks for stands for, by TFTP and HTTP alike: a loader of the boot
 * folder, an image of the cache, or a configuration made from the region's boot answer. Loop thread
 * only. names: boot_source_ boot_content_
 */
#pragma once

#include <jansson.h>

#include "src/base/loop.h"
#include "src/rack/boot_path.h"
#include "src/rack/boot_store.h"
#include "src/rack/image_cache.h"

enum { BOOT_SOURCE_UUID = 37 };

struct boot_source;

/** Called once with the result object, borrowed, or NULL and the error of the call. */
typedef void boot_source_answered(void *subject, const json_t *result, const struct error *err);

struct boot_source_settings {
    const char *boot_dir; /* loaders; need not exist */
    int http_port, proxy_port;
    /** Call "boot_config" at a region; params are the callee's. */
    void (*ask_region)(void *owner, json_t *params, boot_source_answered *answered, void *subject);
    void *owner;
};

struct boot_source_counts {
    uint64_t answered; /* by a region */
    uint64_t kept;     /* no region: the answer kept on disk */
    uint64_t waits;    /* no region, nothing kept: it is to ask again */
    uint64_t nothing;  /* no region, machine never seen; or the region refused */
};

/** Store and cache must outlive it. */
struct boot_source *boot_source_new(struct loop *loop, const struct boot_source_settings *settings,
                                    struct boot_store *store, struct image_cache *cache);

/** It is gone when what was asked of it has been answered. */
void boot_source_free(struct boot_source *source);

struct boot_ask {
    struct boot_path path;
    ip4 machine, rack;           /* the two ends, as the machine sees them */
    bool efi, timed;             /* of an iPXE that says so (boot_answer.h) */
    char uuid[BOOT_SOURCE_UUID]; /* of the hardware, or "" */
};

/** A file (fd >= 0) or a text; the receiver's. */
struct boot_content {
    int fd;
    char *text;
    uint64_t size;
    char sha256[IMAGE_MANIFEST_SHA256]; /* of an image, else "" */
};
void boot_content_close(struct boot_content *content);

/** content is the callee's, or NULL with an error: NOT_FOUND, UNAVAILABLE, BAD_INPUT... */
typedef void boot_source_done(void *subject, struct boot_content *content, const struct error *err);

/** done is called once, perhaps from within. */
void boot_source_open(struct boot_source *source, const struct boot_ask *ask,
                      boot_source_done *done, void *subject);

const struct boot_source_counts *boot_source_counts(const struct boot_source *source);
