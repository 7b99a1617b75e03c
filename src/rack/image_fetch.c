/* Image files from the regions: see image_fetch.h. */
#include "src/rack/image_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/wire/digest.h"
#include "src/wire/http_client.h"

enum { CONNECT_MS = 2000, MANIFEST_MS = 5000, STALL_S = 10, ROUNDS = 2, COPY_BYTES = 1 << 16 };

static struct http_client_request to_region(const struct image_fetch *fetch, int region,
                                            const char *file, struct arena *arena)
{
    return (struct http_client_request){
        .url = arena_printf(arena, "https://%s/images/%s", fetch->region[region], file),
        .tls = {.ca_file = fetch->tls->ca,
                .role = "region",
                .certificate = fetch->tls->certificate,
                .key = fetch->tls->key},
        .connect_timeout_ms = CONNECT_MS,
        .stall_s = STALL_S};
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
        request.timeout_ms = MANIFEST_MS;
        request.reply_limit = IMAGE_MANIFEST_BYTES;
        code = http_client_run(client, &request, arena, &reply, err);
        code = code ? code : http_client_expect(&reply, request.url, err);
        *text = reply.body;
    }
    http_client_free(client);
    return code;
}

/* A file on its way. */
struct arrival {
    int fd;
    uint64_t size; /* so far */
    struct digest_stream *digest;
};

static enum error_code take(void *subject, const void *bytes, size_t size, struct error *err)
{
    struct arrival *arrival = subject;
    digest_stream_put(arrival->digest, bytes, size);
    for (const char *at = bytes; size;) {
        ssize_t n = write(arrival->fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_errno(err, "write");
        at += n;
        size -= (size_t)n;
        arrival->size += (uint64_t)n;
    }
    return ERR_OK;
}

static enum error_code start_over(struct arrival *arrival, struct error *err)
{
    digest_stream_free(arrival->digest);
    arrival->digest = digest_stream_new();
    arrival->size = 0;
    if (ftruncate(arrival->fd, 0) || lseek(arrival->fd, 0, SEEK_SET))
        return error_errno(err, "truncate");
    return ERR_OK;
}

/* What an earlier attempt left is read once more: for the digest, and because it may be damaged. */
static enum error_code begin(struct arrival *arrival, const char *path, const struct image *image,
                             struct error *err)
{
    char bytes[COPY_BYTES];
    ssize_t n;
    arrival->digest = digest_stream_new();
    arrival->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (arrival->fd < 0)
        return error_errno(err, "%s", path);
    while ((n = read(arrival->fd, bytes, sizeof(bytes))) > 0) {
        digest_stream_put(arrival->digest, bytes, (size_t)n);
        arrival->size += (uint64_t)n;
    }
    if (n < 0 || arrival->size > image->size)
        return start_over(arrival, err);
    return ERR_OK;
}

/* Bytes that are missing, from one region. */
static enum error_code receive(const struct image_fetch *fetch, int region,
                               struct http_client *client, const struct image *image,
                               struct arrival *arrival, struct error *err)
{
    struct arena *arena = arena_new();
    struct http_client_request request = to_region(fetch, region, image->file, arena);
    struct http_client_reply reply;
    const char *const headers[] = {
        arena_printf(arena, "Range: bytes=%llu-", (unsigned long long)arrival->size),
        arena_printf(arena, "If-Range: \"%s\"", image->sha256)};
    request.headers = headers;
    request.headers_count = arrival->size ? 2 : 0;
    request.reply_limit = image->size - arrival->size;
    request.sink = take;
    request.subject = arrival;
    enum error_code code = http_client_run(client, &request, arena, &reply, err);
    code = code ? code : http_client_expect(&reply, request.url, err);
    if (!code && arrival->size != image->size)
        code = error_set(err, ERR_CORRUPT, "%s: %llu bytes instead of %llu", request.url,
                         (unsigned long long)arrival->size, (unsigned long long)image->size);
    arena_free(arena);
    return code;
}

static enum error_code settle(struct arrival *arrival, const struct image *image, const char *part,
                              const char *path, struct error *err)
{
    char found[DIGEST_TEXT];
    digest_stream_finish(arrival->digest, found);
    arrival->digest = NULL;
    if (strcmp(found, image->sha256) != 0)
        return error_set(err, ERR_CORRUPT, "image %s: its SHA-256 is %s, expected was %s",
                         image->file, found, image->sha256);
    if (fsync(arrival->fd) || rename(part, path))
        return error_errno(err, "%s", path);
    return ERR_OK;
}

/* One region's turn: what is missing, then the check of it all. */
static enum error_code try_region(const struct image_fetch *fetch, int region,
                                  struct http_client *client, const struct image *image,
                                  const char *folder, struct error *err)
{
    char part[LIMIT_PATH], path[LIMIT_PATH];
    struct arrival arrival = {.fd = -1};
    snprintf(path, sizeof(path), "%s/%s", folder, image->sha256);
    snprintf(part, sizeof(part), "%s/%s.part", folder, image->sha256);
    enum error_code code = begin(&arrival, part, image, err);
    if (!code && (arrival.size < image->size || !image->size))
        code = receive(fetch, region, client, image, &arrival, err);
    if (!code)
        code = settle(&arrival, image, part, path, err);
    if (code == ERR_CORRUPT || code == ERR_TOO_LARGE) /* nothing of it can be trusted */
        unlink(part);
    file_close_fd(&arrival.fd);
    digest_stream_free(arrival.digest);
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
