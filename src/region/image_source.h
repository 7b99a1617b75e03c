/*
 * A mirror of images, read over HTTP: its index, its lists, each with its signature. Blocking; any
 * thread but the loop's. Source: MAAS API 2.0 12.3.
 */
#pragma once

#include "src/db/db.h"
#include "src/model/stream.h"
#include "src/wire/http_client.h"

struct image_source {
    int64_t id;
    const char *url;              /* with a slash at the end */
    const char *keyring_filename; /* or NULL: */
    const char *keyring;          /* the keyring's bytes */
    size_t keyring_size;
    const char *proxy; /* URL, or NULL */
};

/** All sources, in the arena, with the proxy that the settings say. */
enum error_code image_source_load(struct db *db, struct arena *arena, struct image_source **sources,
                                  int *count, struct error *err);

/** One of them. Errors: NOT_FOUND. */
enum error_code image_source_find(struct db *db, const char *id, struct arena *arena,
                                  struct image_source *source, struct error *err);

/** What it offers now. Errors: as http_client_run and signed_text_open, those of the lists. */
enum error_code image_source_read(const struct image_source *source, struct arena *arena,
                                  struct stream_products *products, struct error *err);

/** Keep what it offered, or why it could not be read (problem NULL = it could). */
enum error_code image_source_note(struct db *db, const struct image_source *source,
                                  const struct stream_products *products, const char *problem,
                                  struct arena *arena, struct error *err);
