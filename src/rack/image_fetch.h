/*
 * Image files from the regions into a folder, over mutual TLS: verified, resumed, one region after
 * the other. Blocking; any thread but the loop's.
 */
#pragma once

#include "src/base/arena.h"
#include "src/base/limits.h"
#include "src/rack/image_manifest.h"
#include "src/wire/tls_credentials.h"

enum { IMAGE_FETCH_HOST = 64 };

struct image_fetch {
    const struct tls_files *tls; /* of this rack */
    int regions;
    char region[LIMIT_REGIONS][IMAGE_FETCH_HOST]; /* "address:port" of their HTTPS; best first */
};

/** The list's text from the first region that answers. Errors: as http_client_run, UNAVAILABLE. */
enum error_code image_fetch_manifest(const struct image_fetch *fetch, struct arena *arena,
                                     const char **text, struct error *err);

/** Size of a file of the first region that has it. Errors: as http_client_run and _expect. */
enum error_code image_fetch_size(const struct image_fetch *fetch, const char *file, uint64_t *size,
                                 struct error *err);

/**
 * The file becomes folder/SHA256 when all of it is there and right; until then it is
 * folder/SHA256.part, which a later call goes on with. image->file: a name of the manifest, or
 * "blobs/SHA256". Errors: as http_client_run, CORRUPT (another
 * SHA-256 at every region), IO, UNAVAILABLE.
 */
enum error_code image_fetch_file(const struct image_fetch *fetch, const struct image *image,
                                 const char *folder, struct error *err);
