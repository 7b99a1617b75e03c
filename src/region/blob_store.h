/*
 * Which region has which bytes, as rows; the bytes themselves: blob_files.h. Inside the caller's
 * transaction; any thread with a connection. names: blob_store_
 */
#pragma once

#include "src/db/db.h"
#include "src/region/blob_gather.h"

/** Bytes that something refers to, by their SHA-256. */
struct blob {
    const char *sha256;
    int64_t size;
    struct blob_regions regions; /* that have it */
};
struct blobs {
    struct blob *blobs;
    int count;
};

/** Names separated by commas, as string_agg writes them; NULL = none. In the arena. */
struct blob_regions blob_store_regions(const char *text, struct arena *arena);

/** This region has it, durable and verified. Done twice it is done once. */
enum error_code blob_store_note(struct db *db, const char *region, const char *sha256, int64_t size,
                                struct arena *arena, struct error *err);

/** This region has it no more. */
enum error_code blob_store_forget(struct db *db, const char *region, const char *sha256,
                                  struct error *err);

/** What this region is noted to have. */
enum error_code blob_store_held(struct db *db, const char *region, struct arena *arena,
                                struct blobs *held, struct error *err);

/** What is in use, some region has, and this one lacks; the smallest first, at most limit. */
enum error_code blob_store_lacking(struct db *db, const char *region, int limit,
                                   struct arena *arena, struct blobs *lacking, struct error *err);

/** Of these names, "{a,b}": those that are in use. */
enum error_code blob_store_wanted(struct db *db, const char *names, struct arena *arena,
                                  struct blobs *wanted, struct error *err);

/**
 * The leader's: copies of regions that are none of these, "{a,b}", and bytes that nothing has
 * referred to for age_s. Their files go once their rows are gone.
 */
enum error_code blob_store_sweep(struct db *db, const char *regions, int age_s, struct arena *arena,
                                 struct error *err);
