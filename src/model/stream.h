/*
 * Simplestreams, the lists by which images are published: an index that names lists of products,
 * each with versions that consist of files. Only what can be used is kept; the newest version of
 * each product. Pure, bounded; everything lies in the arena. Any thread.
 * Source: MAAS API 2.0 12.3; launchpad.net/simplestreams.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/model/image_type.h"

enum {
    STREAM_BYTES = 32 << 20, /* of one list */
    STREAM_LISTS = 64,       /* that an index names */
    STREAM_PRODUCTS = 8192,
    STREAM_ITEMS = 32, /* of a version */
    STREAM_TEXT = 255, /* of a name */
};

/** A list that an index names: its path below the URL of the source. */
struct stream_list {
    const char *content_id, *path;
};

struct stream_index {
    struct stream_list lists[STREAM_LISTS];
    int count;
};

struct stream_item {
    const char *name; /* "boot-kernel" */
    const struct image_type *type;
    const char *path;   /* below the URL of the source; safe: relative, no ".." */
    const char *sha256; /* lower case */
    int64_t size;
    const char *kernel_options; /* or "" */
};

struct stream_product {
    const char *name; /* "com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04" */
    const char *os, *release, *arch;
    const char *subarch;   /* with the kernel's flavour, as MAAS stores it */
    const char *subarches; /* what it also is good for, comma separated */
    const char *kflavor;   /* or NULL */
    const char *label, *title;
    const char *version; /* the newest one */
    bool agent;          /* carries this project's agent */
    struct stream_item *items;
    int items_count;
};

struct stream_products {
    struct stream_product *products;
    int count;
};

/** Lists of downloads; others are left out. Errors: BAD_INPUT, TOO_LARGE. */
enum error_code stream_read_index(const char *text, size_t size, struct arena *arena,
                                  struct stream_index *index, struct error *err);

/**
 * Products of images, added to what products holds already; boot loaders and what lacks a value
 * are left out. Errors: BAD_INPUT (no such list; a path that leads out of the source), TOO_LARGE.
 */
enum error_code stream_read_products(const char *text, size_t size, struct arena *arena,
                                     struct stream_products *products, struct error *err);

/** May a file of a source lie there? */
bool stream_path_safe(const char *path);
