/* Image files from the regions: see image_fetch.h. */
#include "src/rack/image_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "src/wire/blob_fetch.h"
#include "src/wire/http_client.h"

enum { CONNECT_MS = 2000, ANSWER_MS = 5000, STALL_S = 10, DEAD_S = 4, ROUNDS = 2 };

static struct http_client_request to_region(const struct image_fetch *fetch, int region,
                                            const char *file, struct arena *arena)
{
    return (struct http_client_request){
        .url = arena_printf(arena, "https://%s/%s%s", fetch->region[region],
                            strncmp(file, "blobs/", 6) ? "images/" : "", file),
        .tls = {.ca_file = fetch->tls->ca,
                .role = "region",
                .certificate = fetch->tls->certificate,
                .key = fetch->tls->key},
        .connect_timeout_ms = CONNECT_MS,
        .stall_s = STALL_S,
        .dead_s = DEAD_S};
}

static enum error_code no_region(struct error *err)
{
    return error_set(err, ERR_UNAVAILABLE, "no region is known");
}

enum error_code image_fetch_manifest(const struct image_fetch *fetch, struct arena *arena,
                                     const char **text, struct error *err)
{
    struct http_client *client = http_client_new();
    enum error_code code = no_region(err);
    for (int i = 0; code && i < fetch->regions; i++) {
        struct http_client_request request = to_region(fetch, i, "manifest.json", arena);
        struct http_client_reply reply;
        request.timeout_ms = ANSWER_MS;
        request.reply_limit = IMAGE_MANIFEST_BYTES;
        code = http_client_run(client, &request, arena, &reply, err);
        code = code ? code : http_client_expect(&reply, request.url, err);
        *text = reply.body;
    }
    http_client_free(client);
    return code;
}

enum error_code image_fetch_size(const struct image_fetch *fetch, const char *file, uint64_t *size,
                                 struct error *err)
{
    struct http_client *client = http_client_new();
    struct arena *arena = arena_new();
    enum error_code code = no_region(err);
    for (int i = 0; code && i < fetch->regions; i++) {
        struct http_client_request request = to_region(fetch, i, file, arena);
        struct http_client_reply reply;
        request.method = "HEAD";
        request.timeout_ms = ANSWER_MS;
        code = http_client_run(client, &request, arena, &reply, err);
        code = code ? code : http_client_expect(&reply, request.url, err);
        const char *length = code ? NULL : http_client_header(&reply, "Content-Length", arena);
        if (length)
            *size = strtoull(length, NULL, 10);
        else if (!code)
            code = error_set(err, ERR_CORRUPT, "%s: a reply without a length", request.url);
    }
    arena_free(arena);
    http_client_free(client);
    return code;
}

static enum error_code try_region(const struct image_fetch *fetch, int region,
                                  struct http_client *client, const struct image *image,
                                  const char *folder, struct error *err)
{
    struct arena *arena = arena_new();
    struct http_client_request request = to_region(fetch, region, image->file, arena);
    struct blob_fetch blob = {.url = request.url,
                              .sha256 = image->sha256,
                              .size = image->size,
                              .tls = request.tls,
                              .ours = true,
                              .connect_timeout_ms = CONNECT_MS,
                              .stall_s = STALL_S,
                              .dead_s = DEAD_S};
    enum error_code code = blob_fetch_run(client, &blob, folder, err);
    arena_free(arena);
    return code;
}

enum error_code image_fetch_file(const struct image_fetch *fetch, const struct image *image,
                                 const char *folder, struct error *err)
{
    struct http_client *client = http_client_new();
    enum error_code code = no_region(err);
    for (int i = 0; code && i < ROUNDS * fetch->regions; i++)
        code = try_region(fetch, i % fetch->regions, client, image, folder, err);
    http_client_free(client);
    return code;
}
