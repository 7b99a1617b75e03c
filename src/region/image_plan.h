/*
 * What an import is to bring, as rows: the selected products of a source become images, what is
 * selected no more goes. Inside the caller's transaction. names: image_plan_
 */
#pragma once

#include "src/region/blob_store.h"
#include "src/region/image_source.h"

/** The sources from which something is selected, or was imported. */
enum error_code image_plan_sources(struct db *db, struct arena *arena,
                                   struct image_source **sources, int *count, struct error *err);

/** Images, versions and files of what a source offers and selections name; others of it go. */
enum error_code image_plan_apply(struct db *db, int64_t source_id,
                                 const struct stream_products *products, struct arena *arena,
                                 struct error *err);

struct image_plan_file {
    const char *sha256;
    int64_t size, source_id;
    const char *url;             /* at its source */
    struct blob_regions regions; /* that have it */
};
struct image_plan_files {
    struct image_plan_file *files;
    int count;
};

/** Files of the newest versions that this region lacks, each content once, the smallest first. */
enum error_code image_plan_missing(struct db *db, const char *region, struct arena *arena,
                                   struct image_plan_files *missing, struct error *err);

/** Versions that a newer whole one has taken the place of go. */
enum error_code image_plan_prune(struct db *db, struct error *err);
