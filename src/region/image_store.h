/*
 * What can be booted and installed: imported and uploaded images, whole as soon as one region has
 * all of their files. Inside the caller's transaction; any thread with a connection.
 * Source: MAAS API 2.0 12.
 */
#pragma once

#include "src/db/db.h"
#include "src/model/image_type.h"

/** What is looked for. */
struct image_query {
    const char *osystem; /* "ubuntu"; NULL or "" = any */
    const char *series;  /* "noble", the name of a custom image; "os/series" as well */
    const char *arch;    /* "amd64", or "amd64/generic" */
    const char *subarch; /* the kernel that is wanted, "hwe-24.04"; NULL or "" = the usual one */
    bool boots;          /* kernel, initrd and squashfs are needed */
};

/** A file of an image: served as blobs/SHA256. */
struct image_file {
    const char *sha256; /* NULL = the image has none of this role */
    const char *type;   /* "root-tgz" */
    int64_t size;
};

struct image_choice {
    int64_t id; /* of the boot resource */
    const char *osystem, *series;
    const char *architecture; /* "amd64/ga-24.04" */
    const char *title, *version;
    const char *kernel_options; /* of its kernel, or "" */
    bool agent;                 /* boots with init=/sbin/gantry-agent; else a stock system */
    struct image_file files[IMAGE_ROLES];
};

/**
 * The best whole image: the subarch that is wanted, else the plain kernel; of those the newest.
 * Texts in the arena. Errors: NOT_FOUND ("Missing boot image ubuntu/amd64/noble.").
 */
enum error_code image_store_find(struct db *db, const struct image_query *query,
                                 struct arena *arena, struct image_choice *choice,
                                 struct error *err);

/** It was installed just now. */
enum error_code image_store_deployed(struct db *db, int64_t id, struct arena *arena,
                                     struct error *err);
